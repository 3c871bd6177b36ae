"""Settings of ``ridge-texture``."""

from __future__ import annotations

from attrs import frozen, validators

from cs_framework import setting


@frozen
class Settings:
    """The scales at which ridges are looked for, and the lengths of lines."""

    sigmas: tuple[float, ...] = setting(
        (1.5, 3.0, 6.0),
        gt=0,
        le=64,
        validator=validators.and_(validators.min_len(1), validators.max_len(8)),
        help="one scale to eight, in pixels, about half the width of a string each",
    )
    line_sigma: float = setting(
        1.5, gt=0, le=8, help="pixels, about half the width of the thinnest string: the scale of long lines"
    )
    line_lengths: tuple[float, ...] = setting(
        (4.0, 10.0),
        gt=0,
        le=32,
        validator=validators.max_len(4),
        help="pixels, standard deviations along which lines are followed",
    )

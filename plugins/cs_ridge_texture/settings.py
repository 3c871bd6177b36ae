"""Settings of ``ridge-texture``."""

from __future__ import annotations

from attrs import frozen, validators

from cs_framework import setting


@frozen
class Settings:
    """The scales at which ridges are looked for."""

    sigmas: tuple[float, ...] = setting(
        (1.5, 3.0, 6.0),
        gt=0,
        validator=validators.and_(validators.min_len(1), validators.max_len(8)),
        help="one scale to eight, in pixels, about half the width of a string each",
    )

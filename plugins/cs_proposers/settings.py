"""Settings of ``anchor-grid`` and of ``ridge``."""

from __future__ import annotations

from attrs import frozen, validators

from cs_framework import setting


@frozen
class AnchorGridSettings:
    """Which sizes and shapes, and how densely."""

    scales: tuple[float, ...] = setting(
        (0.12, 0.2, 0.33, 0.54, 0.9),
        gt=0,
        le=10,
        validator=validators.min_len(1),
        help="sizes: square root of a box's area, as a fraction of the embryo's diameter "
        "(of the frame's shorter side where no embryo is found)",
    )
    ratios: tuple[float, ...] = setting(
        (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        gt=0,
        le=1000,
        validator=validators.min_len(1),
        help="shapes: width / height, each with each size; what is longer than the embryo is cut",
    )
    stride: float = setting(
        0.5, ge=0.05, le=1, help="distance of neighbours of one shape, at most, as a fraction of their sides"
    )


@frozen
class RidgeSettings:
    """Which lines are looked for, and at which levels they are cut out."""

    widths: tuple[float, ...] = setting(
        (0.006, 0.012, 0.024),
        ge=0.001,
        le=0.2,
        validator=validators.min_len(1),
        help="sigma across a line, half its width, as a fraction of the embryo's diameter",
    )
    levels: tuple[float, ...] = setting(
        (0.8, 0.9, 0.95, 0.98),
        gt=0,
        lt=1,
        validator=validators.min_len(1),
        help="quantiles of the line strength on the embryo, above each of which pieces are formed",
    )
    directions: int = setting(
        4, ge=0, le=36, help="sectors of directions that pieces are also formed in; 0 for whole pieces only"
    )
    min_length: float = setting(
        0.06, ge=0, le=1, help="longer side of a piece at least, as a fraction of the embryo's diameter"
    )

"""Settings of ``anchor-grid``."""

from __future__ import annotations

from attrs import frozen, validators

from cs_framework import setting


@frozen
class AnchorGridSettings:
    """Which sizes and shapes, and how densely."""

    scales: tuple[float, ...] = setting(
        (0.12, 0.2, 0.33, 0.54, 0.9),
        gt=0,
        validator=validators.min_len(1),
        help="sizes: square root of a box's area, as a fraction of the embryo's diameter "
        "(of the frame's shorter side where no embryo is found)",
    )
    ratios: tuple[float, ...] = setting(
        (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        gt=0,
        validator=validators.min_len(1),
        help="shapes: width / height, each with each size; what is longer than the embryo is cut",
    )
    stride: float = setting(
        0.5, ge=0.05, le=1, help="distance of neighbours of one shape, at most, as a fraction of their sides"
    )

"""Settings of ``selective-search``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from cs_framework import setting


@frozen
class Settings:
    """How boxes are searched, and how many are kept."""

    mode: Literal["grey", "quality", "fast"] = setting(
        "grey",
        choices=("grey", "quality", "fast"),
        help="grey: finer segments of the grey plane; quality, fast: as OpenCV sets them up",
    )
    max_regions: int = setting(
        2000, ge=1, le=100_000, help="boxes kept of a frame at most, an even sample of all"
    )
    min_area: float = setting(100.0, gt=0, help="smaller boxes are dropped, px^2")
    k: tuple[float, ...] = setting(
        (20.0, 60.0, 150.0),
        gt=0,
        acts_when={"mode": "grey"},
        help="grey only: one segmentation for each; larger k, larger segments",
    )
    min_size: int = setting(
        40,
        ge=1,
        le=1_000_000,
        acts_when={"mode": "grey"},
        help="grey only: smallest segment, px^2, in frames up to 512 px",
    )

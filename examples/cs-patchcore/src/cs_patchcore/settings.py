"""Settings of ``patchcore``."""

from __future__ import annotations

from attrs import frozen

from cs_framework import PathOrName, setting


@frozen
class Settings:
    """Which network describes patches, and how many of them are remembered."""

    model: str = setting("resnet18", help="architecture, any of timm's that gives feature maps")
    weights: PathOrName | None = setting(
        None,
        help="file with weights of that architecture, or a timm model of the Hugging Face hub, such as "
        "timm/resnet18.a1_in1k, which brings its own; random weights when left out",
    )
    levels: tuple[int, ...] = setting((2, 3), ge=0, help="feature maps that are joined, finest first")
    image_size: int = setting(224, ge=32, help="width and height that frames are resized to, in pixels")
    memory: int = setting(1000, ge=1, help="patches remembered")
    candidates: int = setting(20_000, ge=1, help="patches that they are chosen from, as many of each frame")

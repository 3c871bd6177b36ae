"""Settings of ``dinov3``, whose defaults are the published values, and of ``dinov3-roi``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

from cs_framework import PathOrName, setting

_PATCH = 16  # pixels on a side, in every DINOv3 vision transformer


def _whole_patches(instance: Any, attribute: Any, value: int) -> None:
    if value % _PATCH:
        raise ValueError(f"'{attribute.name}' must be a multiple of {_PATCH}: {value}")


@frozen
class _NetworkSettings:
    backend: Literal["transformers", "timm"] = setting("transformers", help="library that runs the network")
    weights: PathOrName | None = setting(
        None,
        help="hub id, local folder with config.json and *.safetensors, or file with ViT-B/16 weights; "
        "the released ViT-B/16 when left out",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", help="auto: as the pipeline")
    precision: Literal["fp32", "bf16"] = setting("fp32", help="bf16 is faster and differs in the third digit")
    compile: bool = setting(False, help="torch.compile: slow to start, then faster; needs a C++ compiler")


@frozen
class DINOv3Settings(_NetworkSettings):
    """Which weights, and how they run."""

    batch_size: int = setting(32, ge=1, le=100_000, help="crops per forward pass")
    image_size: int = setting(
        224,
        ge=_PATCH,
        le=4096,
        validator=_whole_patches,
        help="width and height in pixels that crops are resized to",
    )


@frozen
class DINOv3RoiSettings(_NetworkSettings):
    """Which weights, how they run, and what a box is pooled from."""

    image_size: int = setting(
        512,
        ge=_PATCH,
        le=4096,
        validator=_whole_patches,
        help="pixels that a frame's longer side is resized to; the aspect is kept to half a patch",
    )
    surroundings: float | None = setting(
        None,
        gt=1,
        le=100,
        help="how many times a box is enlarged for a second mean, which doubles the dimension; "
        "none when left out",
    )

"""Settings of ``dinov3``; the defaults are the published values."""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

from cs_framework import PathOrName, setting

_PATCH = 16  # pixels on a side, in every DINOv3 vision transformer


def _whole_patches(instance: Any, attribute: Any, value: int) -> None:
    if value % _PATCH:
        raise ValueError(f"'{attribute.name}' must be a multiple of {_PATCH}: {value}")


@frozen
class DINOv3Settings:
    """Which weights, and how they run."""

    backend: Literal["transformers", "timm"] = setting("transformers", help="library that runs the network")
    weights: PathOrName | None = setting(
        None,
        help="hub id, local folder with config.json and *.safetensors, or file with ViT-B/16 weights; "
        "the released ViT-B/16 when left out",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", help="auto: as the pipeline")
    precision: Literal["fp32", "bf16"] = setting("fp32", help="bf16 is faster and differs in the third digit")
    batch_size: int = setting(32, ge=1, help="crops per forward pass")
    image_size: int = setting(
        224, ge=_PATCH, validator=_whole_patches, help="width and height in pixels that crops are resized to"
    )

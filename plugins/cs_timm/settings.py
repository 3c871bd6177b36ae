"""Settings of ``timm``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from cs_framework import PathOrName, setting


@frozen
class TimmSettings:
    """Which network, which weights, and what of it describes a box."""

    model: str = setting(
        "vit_small_patch14_dinov2.lvd142m",
        help="a name that timm.list_models() knows; DINOv2 (Apache-2.0) when left out",
    )
    weights: PathOrName = setting(
        "pretrained",
        help="pretrained: those that timm publishes under the model's name; random: none, for trials; "
        "or a hub id, a folder with config.json and *.safetensors, or a .safetensors file",
    )
    mode: Literal["pooled", "crops"] = setting(
        "pooled", help="pooled: dense features averaged over each box, from one pass; crops: a pass per box"
    )
    image_size: int | None = setting(
        None,
        ge=1,
        le=4096,
        help="pixels: longer side of frames (pooled), both sides of crops; the model's own when left out",
    )
    surroundings: float | None = setting(
        None,
        gt=1,
        le=100,
        acts_when={"mode": "pooled"},
        help="pooled: how many times a box is enlarged for a second mean, which doubles the dimension; "
        "none when left out",
    )
    batch_size: int = setting(
        8, ge=1, le=100_000, acts_when={"mode": "crops"}, help="crops: how many go into a forward pass"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", help="auto: as the pipeline")
    precision: Literal["fp32", "bf16"] = setting("fp32", help="bf16 is faster and differs in the third digit")
    compile: bool = setting(False, help="torch.compile: slow to start, then faster; needs a C++ compiler")

"""DINOv3 embeddings of boxes: crop by crop, or pooled from one pass over the frame."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import EmbedderSpec, hookimpl

_NEEDS = ("torch", "huggingface_hub", "safetensors")  # and the library of the backend, once it is known


@hookimpl
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce ``dinov3`` and ``dinov3-roi``."""
    yield EmbedderSpec(
        name="dinov3",
        factory="cs_dinov3.embedder:DINOv3Embedder",
        settings="cs_dinov3.settings:DINOv3Settings",
        summary="class token of each box's crop, from DINOv3 through transformers or timm",
        needs=_NEEDS,
    )
    yield EmbedderSpec(
        name="dinov3-roi",
        factory="cs_dinov3.embedder:DINOv3RoiEmbedder",
        settings="cs_dinov3.settings:DINOv3RoiSettings",
        summary="mean of DINOv3's patch tokens over each box, from one pass over the frame",
        needs=_NEEDS,
    )

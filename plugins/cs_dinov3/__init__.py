"""DINOv3 embeddings of box crops."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import EmbedderSpec, hookimpl


@hookimpl
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce ``dinov3``."""
    yield EmbedderSpec(
        name="dinov3",
        factory="cs_dinov3.embedder:DINOv3Embedder",
        settings="cs_dinov3.settings:DINOv3Settings",
        summary="pooled DINOv3 features of each box's crop, from transformers or timm",
        needs=("torch", "timm", "transformers", "huggingface_hub", "safetensors"),
    )

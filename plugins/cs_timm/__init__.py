"""Embeddings of boxes by any network of timm."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import EmbedderSpec, hookimpl


@hookimpl
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce ``timm``."""
    yield EmbedderSpec(
        name="timm",
        factory="cs_timm.embedder:timm_embedder",
        settings="cs_timm.settings:TimmSettings",
        summary="features of any timm network, of each box's crop or pooled from one pass over the frame",
        needs=("torch", "timm", "huggingface_hub", "safetensors"),
    )

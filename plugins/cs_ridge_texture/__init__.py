"""Ridge and texture features of boxes, for scorers that learn without pretrained weights."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import EmbedderSpec, hookimpl


@hookimpl
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce ``ridge-texture``."""
    yield EmbedderSpec(
        name="ridge-texture",
        factory="cs_ridge_texture.embedder:RidgeTexture",
        settings="cs_ridge_texture.settings:Settings",
        summary="ridges, their direction, gradients and contrast, pooled over each box and its surroundings",
        needs=("cv2",),
    )

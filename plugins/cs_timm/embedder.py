"""The component ``timm``."""

from __future__ import annotations

from cs_framework import CropEmbedder, Env, PooledEmbedder
from cs_timm.backbones import image_size, load, of_crops, of_frames
from cs_timm.settings import TimmSettings


def timm_embedder(settings: TimmSettings, env: Env) -> CropEmbedder | PooledEmbedder:
    """The embedder that the settings ask for, its weights loaded.

    Raises:
        SetupError: model, weights or device are missing, or do not fit; the text says what to do.
    """
    network = load(settings.model, settings.weights)
    size = settings.image_size or image_size(network)
    shared = {
        "image_size": size,
        "device": settings.device,
        "precision": settings.precision,
        "compiled": settings.compile,
    }
    if settings.mode == "crops":
        return CropEmbedder(of_crops(network, size), env, batch_size=settings.batch_size, **shared)
    return PooledEmbedder(of_frames(network), env, surroundings=settings.surroundings, **shared)

"""The components ``dinov3`` and ``dinov3-roi``."""

from __future__ import annotations

from typing import Any

from cs_dinov3.backbones import load
from cs_dinov3.settings import DINOv3RoiSettings, DINOv3Settings
from cs_dinov3.weights import locate
from cs_framework import CropEmbedder, Env, PooledEmbedder


class DINOv3Embedder(CropEmbedder):
    """Describes a box by the normalised class token of its crop (Siméoni et al., 2025).

    The weights are loaded when it is built, so that missing ones show before any work is done.

    Raises:
        SetupError: the weights or the device are missing; the text lists the ways out.
    """

    def __init__(self, settings: DINOv3Settings, env: Env) -> None:
        transformer = load(settings.backend, locate(settings.backend, settings.weights))
        super().__init__(
            transformer.of_image(),
            env,
            **_running(settings),
            batch_size=settings.batch_size,
        )


class DINOv3RoiEmbedder(PooledEmbedder):
    """Describes a box by the mean of the frame's patch tokens over its area, to the fraction of a patch.

    Raises:
        SetupError: as `DINOv3Embedder`.
    """

    def __init__(self, settings: DINOv3RoiSettings, env: Env) -> None:
        transformer = load(settings.backend, locate(settings.backend, settings.weights))
        super().__init__(
            transformer.of_patches(),
            env,
            **_running(settings),
            surroundings=settings.surroundings,
        )


def _running(settings: DINOv3Settings | DINOv3RoiSettings) -> dict[str, Any]:
    """How the network runs, in the words of `BackboneEmbedder`."""
    return {
        "image_size": settings.image_size,
        "device": settings.device,
        "precision": settings.precision,
        "compiled": settings.compile,
    }

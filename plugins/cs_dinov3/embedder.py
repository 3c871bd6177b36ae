"""The component ``dinov3``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from cs_dinov3.backbones import load
from cs_dinov3.crops import crop, to_pixels
from cs_dinov3.settings import DINOv3Settings
from cs_dinov3.weights import locate
from cs_framework import Env, Frame, SetupError

Float32 = NDArray[np.float32]


class DINOv3Embedder:
    """Describes a box by the normalised class token of its crop (Siméoni et al., 2025).

    The weights are loaded when it is built, so that missing ones show before any work is done.

    Raises:
        SetupError: the weights or the device are missing; the text lists the ways out.
    """

    dim: int
    """768 with the released ViT-B/16."""

    def __init__(self, settings: DINOv3Settings, env: Env) -> None:
        self._settings = settings
        self._device = _device(env.device if settings.device == "auto" else settings.device)
        self._backbone = load(settings.backend, locate(settings.backend, settings.weights))
        self._backbone.network.to(self._device)
        self.dim = self._backbone.dim

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the loaded weights, for the keys of caches: the same path may come to hold others."""
        digest = hashlib.blake2b(digest_size=16)
        for name, weight in self._backbone.network.state_dict().items():
            digest.update(name.encode())
            digest.update(weight.cpu().numpy())
        return digest.hexdigest()

    def embed(self, batch: Sequence[tuple[Frame, Float32]]) -> list[Float32]:
        """(N_i, dim) for the (N_i, 4) boxes of each frame; forward passes run across frames.

        A crop holds every pixel that its box touches, and at least one.
        """
        crops = [crop(frame.image, box) for frame, boxes in batch for box in boxes]
        embeddings = np.empty((len(crops), self.dim), np.float32)
        by_shape = sorted(range(len(crops)), key=lambda i: crops[i].shape)
        for start in range(0, len(crops), self._settings.batch_size):
            rows = by_shape[start : start + self._settings.batch_size]
            embeddings[rows] = self._forward([crops[i] for i in rows])
        ends = np.cumsum([len(boxes) for _, boxes in batch])
        return np.split(embeddings, ends[:-1]) if len(batch) else []

    def _forward(self, crops: Sequence[NDArray[np.uint8]]) -> Float32:
        bf16 = self._settings.precision == "bf16"
        with torch.inference_mode():
            pixels = to_pixels(crops, self._settings.image_size, self._device)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=bf16):
                output = self._backbone.network(pixels)
            return self._backbone.pooled(output).float().cpu().numpy()


def _device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise SetupError(f'dinov3 cannot run on {name}: torch finds no such device. Set device = "auto".')
    return torch.device(name)

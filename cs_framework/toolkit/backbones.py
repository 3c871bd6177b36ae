"""Embedding boxes with a network for images: crop by crop, or from one pass over the whole frame.

A plugin supplies a `Backbone`; one of the two embedders does the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from attrs import frozen
from torch import Tensor, nn

from cs_framework.api.arrays import Float32
from cs_framework.api.components import Env
from cs_framework.api.frames import Frame
from cs_framework.errors import SetupError
from cs_framework.toolkit.pooling import pool_boxes

Batch = Sequence[tuple[Frame, Float32]]
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@frozen(eq=False)
class Backbone:
    """A network, how to read it, and what its pixels have to be like."""

    network: nn.Module
    """Ready for inference; what `forward` runs."""
    forward: Callable[[Tensor], Tensor]
    """From (N, 3, H, W) normalised pixels to (N, dim) for crops, or (N, dim, h, w) dense features."""
    dim: int
    stride: int = 1
    """Pixels on a side of the square that a dense feature stands for; sides of frames become multiples."""
    mean: tuple[float, float, float] = IMAGENET[0]
    """Of each channel of pixels in [0, 1]."""
    std: tuple[float, float, float] = IMAGENET[1]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """Always antialiased."""


class BackboneEmbedder:
    """What embedders with a backbone have in common: where and how the network runs.

    Args:
        backbone: the network.
        env: of the component.
        image_size: pixels; see the two embedders.
        device: ``auto`` for that of `env`.
        precision: ``bf16`` computes in bfloat16 where torch's autocast does.
        compiled: whether the network goes through ``torch.compile``.

    Raises:
        SetupError: torch finds no such device.
    """

    dim: int

    def __init__(
        self,
        backbone: Backbone,
        env: Env,
        *,
        image_size: int,
        device: str = "auto",
        precision: Literal["fp32", "bf16"] = "fp32",
        compiled: bool = False,
    ) -> None:
        self.dim = backbone.dim
        self._backbone = backbone
        self._device = _device(env.device if device == "auto" else device)
        self._image_size = image_size
        self._bf16 = precision == "bf16"
        self._mean, self._std = (
            torch.tensor(values, device=self._device).reshape(3, 1, 1)
            for values in (backbone.mean, backbone.std)
        )
        backbone.network.to(self._device)
        self._network = torch.compile(backbone.forward) if compiled else backbone.forward

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the loaded weights, for the keys of caches: the same path may come to hold others."""
        digest = hashlib.blake2b(digest_size=16)
        for name, weight in self._backbone.network.state_dict().items():
            digest.update(name.encode())
            digest.update(weight.cpu().contiguous().numpy())
        return digest.hexdigest()

    def _upload(self, frame: Frame) -> Tensor:
        """The (3, H, W) uint8 image where the network is; whatever follows happens there."""
        image = torch.from_numpy(frame.image.transpose(2, 0, 1).copy())
        if self._device.type == "cuda":
            image = image.pin_memory()  # or the copy would wait for the work already queued
        return image.to(self._device, non_blocking=True)

    def _resized(self, images: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """Images as (N, 3, *size): scaled to [0, 1], resized without keeping the aspect, normalised.

        Neighbours of the same shape are resized in one call, so images sorted by shape are faster.
        """
        mode = self._backbone.interpolation
        resized = [
            F.interpolate(torch.stack(list(group)) / 255, size, mode=mode, antialias=True)
            for _, group in groupby(images, key=lambda image: image.shape)
        ]
        return torch.cat(resized).clamp_(0, 1).sub_(self._mean).div_(self._std)  # bicubic weights overshoot

    def _forward(self, pixels: Tensor) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            return self._network(pixels).float()


class CropEmbedder(BackboneEmbedder):
    """Describes a box by what the network makes of its crop, resized to `image_size` squared.

    A crop holds every pixel that its box touches, and at least one.

    Args:
        backbone: the network.
        env: of the component.
        batch_size: crops per forward pass.
        settings: those of `BackboneEmbedder`.
    """

    def __init__(self, backbone: Backbone, env: Env, *, batch_size: int, **settings: Any) -> None:
        super().__init__(backbone, env, **settings)
        self._batch_size = batch_size

    @torch.inference_mode()
    def embed(self, batch: Batch) -> list[Float32]:
        """(N_i, dim) for the (N_i, 4) boxes of each frame; forward passes run across frames."""
        crops = [cut for frame, boxes in batch for cut in self._crops(frame, boxes)]
        by_shape = sorted(range(len(crops)), key=lambda i: crops[i].shape)
        parts = [torch.empty((0, self.dim), device=self._device)]
        size = self._image_size, self._image_size
        for start in range(0, len(crops), self._batch_size):
            rows = by_shape[start : start + self._batch_size]
            parts.append(self._forward(self._resized([crops[i] for i in rows], size)))
        embeddings = np.empty((len(crops), self.dim), np.float32)
        embeddings[by_shape] = torch.cat(parts).cpu().numpy()
        ends = np.cumsum([len(boxes) for _, boxes in batch])
        return np.split(embeddings, ends[:-1]) if len(batch) else []

    def _crops(self, frame: Frame, boxes: Float32) -> Iterator[Tensor]:
        if not len(boxes):
            return
        image = self._upload(frame)
        height, width = frame.size
        first = np.clip(np.floor(boxes[:, :2]), 0, (width - 1, height - 1)).astype(int)
        last = np.clip(np.ceil(boxes[:, 2:]), first + 1, (width, height)).astype(int)
        for (x1, y1), (x2, y2) in zip(first.tolist(), last.tolist(), strict=True):
            yield image[:, y1:y2, x1:x2]


class PooledEmbedder(BackboneEmbedder):
    """Describes a box by the mean of dense features over its area, from one pass over the frame.

    A frame is resized so that its longer side has `image_size` pixels, rounded to whole strides, and its
    shorter one as its aspect asks, rounded likewise: shapes and directions stay true to half a stride.

    Args:
        backbone: the network, with dense features.
        env: of the component.
        surroundings: None, or how many times a box is enlarged about its centre for a second mean, over
            its surroundings and itself, which doubles the dimension.
        settings: those of `BackboneEmbedder`.
    """

    def __init__(self, backbone: Backbone, env: Env, *, surroundings: float | None = None, **settings: Any):
        super().__init__(backbone, env, **settings)
        self._surroundings = surroundings
        self.dim = backbone.dim * (1 if surroundings is None else 2)

    @torch.inference_mode()
    def embed(self, batch: Batch) -> list[Float32]:
        """(N_i, dim) for the (N_i, 4) boxes of each frame, a forward pass for each."""
        return [self._pooled(frame, boxes) for frame, boxes in batch]

    def _fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        stride, scale = self._backbone.stride, self._image_size / max(size)
        height, width = (max(round(side * scale / stride), 1) * stride for side in size)
        return height, width

    def _pooled(self, frame: Frame, boxes: Float32) -> Float32:
        if not len(boxes):
            return np.empty((0, self.dim), np.float32)
        (features,) = self._forward(self._resized([self._upload(frame)], self._fitted(frame.size)))
        areas = [boxes]
        if self._surroundings is not None:
            centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
            reach = half * self._surroundings
            areas.append(np.concatenate([centre - reach, centre + reach], axis=1))
        means = pool_boxes(features, np.concatenate(areas), frame.size)
        return torch.cat(means.tensor_split(len(areas)), dim=1).cpu().numpy()


def _device(name: str) -> torch.device:
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available[name]:
        raise SetupError(
            f'cannot run on {name}: torch finds no such device. Set device = "auto" in [embedder].'
        )
    return torch.device(name)

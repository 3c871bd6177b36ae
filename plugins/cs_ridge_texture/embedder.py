"""A vector for each box from ridges and texture, at the cost of one pass over the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame
from cs_ridge_texture.maps import MAPS, MAPS_PER_SCALE, dense_maps
from cs_ridge_texture.pooling import RECTANGLES, layout, pool
from cs_ridge_texture.settings import Settings

Float32 = NDArray[np.float32]

_GEOMETRY = 10
_DIRECTION = 5


class RidgeTexture:
    """Describes boxes by what their frame's ridge and texture maps hold inside and around them."""

    def __init__(self, settings: Settings, env: Env) -> None:
        self._sigmas = settings.sigmas
        scales = len(settings.sigmas)
        self.dim = (MAPS_PER_SCALE * scales + MAPS) * RECTANGLES + scales * _DIRECTION + _GEOMETRY

    def embed(self, batch: Sequence[tuple[Frame, Float32]]) -> list[Float32]:
        """(N_i, dim) for each frame and its (N_i, 4) boxes."""
        return [self._embed(frame, boxes) for frame, boxes in batch]

    def _embed(self, frame: Frame, boxes: Float32) -> Float32:
        if not len(boxes):
            return np.zeros((0, self.dim), np.float32)
        means, present = pool(dense_maps(frame, self._sigmas), layout(boxes, frame.size))
        whole = means[:, :1]
        means = np.where(present[..., None], means, whole)  # beyond the frame nothing differs
        energies, grey = np.maximum(means[..., :-2], 0), means[..., -2:-1]
        logs = np.log(energies + 0.1)
        spread = np.log(np.sqrt(np.maximum(means[..., -1:] - grey**2, 0)) + 0.1)
        logs = np.concatenate([logs, grey, spread], axis=-1)
        relative = np.concatenate([logs[:, :1], logs[:, 1:] - logs[:, :1]], axis=1)
        parts = [relative.reshape(len(boxes), -1)]
        for scale in range(len(self._sigmas)):
            parts.append(_direction(means[:, 0, scale * MAPS_PER_SCALE :][:, :MAPS_PER_SCALE], boxes))
        parts.append(_geometry(boxes, frame))
        return np.concatenate(parts, axis=1).astype(np.float32)


def _direction(means: Float32, boxes: Float32) -> Float32:
    """(N, 5) how much of the line energy runs along one direction, and along the box's axes and diagonals."""
    cos2, sin2 = means[:, 4] - means[:, 6], means[:, 5] - means[:, 7]
    total = np.maximum(means[:, 4:8].sum(axis=1), 0.05)
    cos2, sin2 = cos2 / total, sin2 / total
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    square = np.maximum(width**2 + height**2, 1e-6)
    axis, diagonal = cos2 * (width**2 - height**2) / square, sin2 * 2 * width * height / square
    return np.stack([cos2, sin2, np.hypot(cos2, sin2), axis + diagonal, axis - diagonal], axis=1)


def _geometry(boxes: Float32, frame: Frame) -> Float32:
    """(N, 10) size and shape, and place in the frame and in the embryo."""
    height, width = frame.size
    w, h = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.1).T
    x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2
    embryo = frame.embryo
    dx, dy = (x - embryo.x) / embryo.radius, (y - embryo.y) / embryo.radius
    parts = (
        *(np.log(w / width), np.log(h / height), np.log(w / h), np.log(w * h / (width * height))),
        *(x / width - 0.5, y / height - 0.5),
        *(dx, dy, np.hypot(dx, dy), np.log(np.hypot(w, h) / embryo.radius)),
    )
    return np.stack(parts, axis=1)

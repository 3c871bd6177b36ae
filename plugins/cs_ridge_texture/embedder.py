"""A vector for each box from ridges and texture, at the cost of one pass over the frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame
from cs_ridge_texture.maps import DIRECTIONS, MAPS, MAPS_PER_LENGTH, MAPS_PER_SCALE, dense_maps
from cs_ridge_texture.pooling import RECTANGLES, layout, pool
from cs_ridge_texture.settings import Settings

Float32 = NDArray[np.float32]

_DIRECTION = 5
_GEOMETRY = 10


class RidgeTexture:
    """Describes boxes by what the maps of their frame hold inside them and around.

    With S scales and L line lengths the vector of a box is ``14 * (8 * S + 6 * L + 3) + 5 * S + 10``
    long, 571 with the defaults:

    - the whole box: logarithms of the means of the energy maps, mean grey level, logarithm of the contrast;
    - the same of its 3 x 3 cells and of the strips left, right, above and below, minus those of the whole
      box: a string that goes on beyond the box shows there;
    - for each scale, the common direction of the lines, how much they agree, and whether they run along the
      box's axes or diagonals;
    - size, shape, and place in the frame and in the embryo.

    All figures are finite and of order 1, so they survive float16 and need no further scaling.
    """

    def __init__(self, settings: Settings, env: Env) -> None:
        self._settings = settings
        scales, lengths = len(settings.sigmas), len(settings.line_lengths)
        maps = MAPS_PER_SCALE * scales + MAPS_PER_LENGTH * lengths + MAPS
        self.dim = RECTANGLES * maps + _DIRECTION * scales + _GEOMETRY

    def embed(self, batch: Sequence[tuple[Frame, Float32]]) -> list[Float32]:
        """(N_i, dim) for each frame and its (N_i, 4) boxes."""
        return [self._embed(frame, boxes) for frame, boxes in batch]

    def _embed(self, frame: Frame, boxes: Float32) -> Float32:
        means, present = pool(dense_maps(frame, self._settings), layout(boxes, frame.size))
        means = np.where(present[..., None], means, means[:, :1])  # beyond the frame nothing differs
        whole = means[:, 0]
        scales = [
            whole[:, scale * MAPS_PER_SCALE :][:, DIRECTIONS] for scale in range(len(self._settings.sigmas))
        ]
        parts = [
            _contrasts(means),
            *(_direction(shares, boxes) for shares in scales),
            _geometry(boxes, frame),
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)


def _contrasts(means: Float32) -> Float32:
    """(N, RECTANGLES * C) the whole box, then every other rectangle minus the whole box."""
    energies, grey, grey_squared = means[..., :-2], means[..., -2:-1], means[..., -1:]
    deviation = np.sqrt(np.maximum(grey_squared - grey**2, 0))
    figures = np.concatenate([np.log(energies + 0.1), grey, np.log(deviation + 0.1)], axis=-1)
    figures[:, 1:] -= figures[:, :1]
    return figures.reshape(len(figures), RECTANGLES * figures.shape[2])


def _direction(shares: Float32, boxes: Float32) -> Float32:
    """(N, 5) the direction of the lines as a doubled angle, its length, and its fit to both diagonals.

    `shares` is the line energy (N, 4) that runs at 0, 45, 90 and 135 degrees.
    """
    total = np.maximum(shares.sum(axis=1), 0.05)
    cos2, sin2 = (shares[:, 0] - shares[:, 2]) / total, (shares[:, 1] - shares[:, 3]) / total
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    diagonal = np.maximum(width**2 + height**2, 1e-6)
    # Doubled angles of the two diagonals: cosine (w^2 - h^2) / (w^2 + h^2), sine +-2 w h / (w^2 + h^2).
    straight, slanted = cos2 * (width**2 - height**2) / diagonal, sin2 * 2 * width * height / diagonal
    return np.stack([cos2, sin2, np.hypot(cos2, sin2), straight + slanted, straight - slanted], axis=1)


def _geometry(boxes: Float32, frame: Frame) -> Float32:
    """(N, 10) size and shape, and place in the frame and in the embryo."""
    height, width = frame.size
    embryo = frame.embryo
    w, h = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.1).T
    x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2
    dx, dy = (x - embryo.x) / embryo.radius, (y - embryo.y) / embryo.radius
    parts = (
        *(np.log(w / width), np.log(h / height), np.log(w / h), np.log(w * h / (width * height))),
        *(x / width - 0.5, y / height - 0.5),
        *(dx, dy, np.hypot(dx, dy), np.log(np.hypot(w, h) / embryo.radius)),
    )
    return np.stack(parts, axis=1)

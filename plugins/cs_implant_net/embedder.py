"""The embedder ``implant-net``: what the filter of the same name marks in and around each box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from cs_framework import Env, Frame, pool_boxes
from cs_implant_net.bound import Bound
from cs_implant_net.filter import Marks
from cs_implant_net.settings import EmbedderSettings

Float32 = NDArray[np.float32]

_GRID = 4
_RECTANGLES = 1 + _GRID * _GRID + 4
_MAPS = 5
_SUMS = 3
_SHAPE = 8
_STRIP = 0.5
"""Thickness of the strips beside a box, in its widths and heights."""


class ImplantNetRegions(Bound):
    """Describes boxes by the filter's map: few figures, so few annotated boxes suffice to learn from.

    A vector holds, of the means of the map's logits, of its chances, of what the chances are in units of the
    frame's strongest, and of the chances of cavity and of inner cell mass: those over the box, over its 4 x 4
    cells, and over the strips left, right, above and below it; then the share of all that is marked that lies
    in the box, how strongly the box is marked for its length, and how strongly the frame is; then the box's
    size, shape and place.
    """

    dim = _RECTANGLES * _MAPS + _SUMS + _SHAPE

    def __init__(self, settings: EmbedderSettings, env: Env) -> None:
        super().__init__("embedder")

    def embed(self, batch: Sequence[tuple[Frame, Float32]]) -> list[Float32]:
        """(N_i, dim) for each frame and its (N_i, 4) boxes.

        Raises:
            SetupError: no filter was given, or it has learnt nothing yet.
        """
        return [self._embed(self.filter.marks(frame), frame, boxes) for frame, boxes in batch]

    def _embed(self, marks: Marks, frame: Frame, boxes: Float32) -> Float32:
        chances = marks.chances
        strongest = max(float(np.sort(chances, axis=None)[-max(chances.size // 1000, 1) :].mean()), 1e-3)
        logits = np.where(marks.inside, np.clip(marks.logits, -8, 8), -8) / 4
        maps = torch.from_numpy(
            np.stack([logits, 10 * chances, chances / strongest, marks.cavity, marks.mass]).astype(np.float32)
        )
        pooled = pool_boxes(maps, _rectangles(marks.from_frame(boxes)), chances.shape).numpy()
        means = np.concatenate(np.split(pooled, _RECTANGLES), axis=1)
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.1) / np.sqrt(marks.area_of_pixel)
        marked = means[:, 1] / 10 * np.prod(sides, axis=1)
        strength = np.log(marked / np.sqrt(np.hypot(*sides.T)) + 1e-2)
        share = marked / max(float(chances.sum()), 1e-3)
        sums = np.stack([share, strength, np.full(len(boxes), np.log(strongest))], axis=1)
        return np.concatenate([means, sums, _shape(boxes, frame)], axis=1).astype(np.float32)


def _rectangles(boxes: Float32) -> Float32:
    """The boxes, then their cells row by row, then their strips: (_RECTANGLES * N, 4)."""
    x, y = (np.linspace(boxes[:, axis], boxes[:, axis + 2], _GRID + 1) for axis in (0, 1))
    cells = [
        np.stack([x[column], y[row], x[column + 1], y[row + 1]], axis=1)
        for row in range(_GRID)
        for column in range(_GRID)
    ]
    (x1, y1, x2, y2), thick_x, thick_y = boxes.T, _STRIP * (x[-1] - x[0]), _STRIP * (y[-1] - y[0])
    strips = [
        np.stack(edges, axis=1)
        for edges in (
            (x1 - thick_x, y1, x1, y2),
            (x2, y1, x2 + thick_x, y2),
            (x1, y1 - thick_y, x2, y1),
            (x1, y2, x2, y2 + thick_y),
        )
    ]
    return np.concatenate([boxes, *cells, *strips]).astype(np.float32)


def _shape(boxes: Float32, frame: Frame) -> Float32:
    """(N, 8) size, shape, and place in the embryo."""
    embryo = frame.embryo
    w, h = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.1).T / embryo.diameter
    dx, dy = (((boxes[:, :2] + boxes[:, 2:]) / 2 - [embryo.x, embryo.y]) / embryo.radius).T
    parts = (np.log(w), np.log(h), np.log(w / h), np.log(np.hypot(w, h)), dx, dy, np.hypot(dx, dy), w * h)
    return np.stack(parts, axis=1)

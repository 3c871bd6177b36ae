"""Boxes of fixed sizes and shapes on a grid: the anchors of Faster R-CNN (Ren et al. 2015) as proposals."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame, embryo_region
from cs_proposers.settings import AnchorGridSettings

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# Multiples of these, modulo 1, fill the unit interval evenly and in no common rhythm (Richtmyer 1951).
_COLUMN, _ROW, _SHAPE = np.sqrt([2.0, 3.0, 5.0])


class AnchorGrid:
    """Proposes every size in every shape all over the embryo, or over the frame where none is found.

    Nothing of the frame but the embryo's place is looked at, so no box is better than another. They come in
    an order of which every beginning is spread evenly over places, sizes and shapes: a cut thins the grid out
    and takes no side of the picture away.
    """

    def __init__(self, settings: AnchorGridSettings, env: Env) -> None:
        self._settings = settings

    def propose(self, frame: Frame) -> Float32:
        """(N, 4) boxes whose centres lie on the embryo; N depends on the frame's shape, not on its size."""
        embryo = embryo_region(frame)
        left, top, right, bottom = embryo.box
        grids, keys = [], []
        for number, (scale, ratio) in enumerate(product(self._settings.scales, self._settings.ratios)):
            x1, width = self._steps(left, right, embryo.diameter * scale * ratio**0.5)
            y1, height = self._steps(top, bottom, embryo.diameter * scale / ratio**0.5)
            row, column = (index.ravel() for index in np.indices((len(y1), len(x1))))
            grids.append(
                np.column_stack([x1[column], y1[row], x1[column] + width, y1[row] + height]).astype(
                    np.float32
                )
            )
            keys.append((number * _SHAPE + row * _ROW + column * _COLUMN) % 1)
        boxes = np.concatenate(grids)[np.argsort(np.concatenate(keys), kind="stable")]
        return boxes[embryo.holds(boxes)]

    def _steps(self, start: float, end: float, side: float) -> tuple[Float64, float]:
        """Where boxes of a side begin, from border to border, and the side: 1 px at least, cut to fit in."""
        side = min(max(side, 1.0), end - start)
        gaps = int(np.ceil((end - start - side) / (side * self._settings.stride) - 1e-6))
        return np.linspace(start, end - side, gaps + 1), side

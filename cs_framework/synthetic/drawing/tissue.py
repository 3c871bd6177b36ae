"""Cells side by side: how they tile a plane, and how their bodies, membranes and granules look."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.synthetic.drawing.grid import Float32, Float64, Grain, Grid, line
from cs_framework.synthetic.drawing.relief import Paint


@frozen(eq=False)
class Cells:
    """A plane tiled with cells; maps (S, S)."""

    dome: Float32
    """Height above the borders, 1 in the middle of a cell, 0 where no cell reaches."""
    border: Float32
    """Distance to the next border of cells in pixels."""
    label: NDArray[np.int32]
    """Which cell, from 1."""

    @classmethod
    def of(cls, grid: Grid, middles: Float64, reach: float, bend: Float32 | None = None) -> Cells:
        """Cells around `middles` (N, 2) in radii; `reach` is the radius of a cell, `bend` wobbles borders."""
        size = grid.size
        columns, rows = np.clip(np.rint(grid.to_pixels(middles) - 0.5).astype(int), 0, size - 1).T
        seeds = np.ones((size, size), np.uint8)
        seeds[rows, columns] = 0
        away, label = cv2.distanceTransformWithLabels(
            seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        if bend is not None:
            pixels = np.arange(size, dtype=np.float32)
            columns, rows = pixels + bend, pixels[:, None] - bend[::-1]
            away = cv2.remap(away, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            label = cv2.remap(
                label.astype(np.float32), columns, rows, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
            ).astype(np.int32)
        inner = np.ones((size, size), np.uint8)
        inner[:, 1:][label[:, 1:] != label[:, :-1]] = 0
        inner[1:][label[1:] != label[:-1]] = 0
        border = cv2.distanceTransform(inner, cv2.DIST_L2, cv2.DIST_MASK_5)
        dome = np.sqrt(np.maximum(1 - (away / np.float32(reach * grid.radius)) ** 2, 0))
        return cls(np.asarray(dome, np.float32), np.asarray(border, np.float32), np.asarray(label, np.int32))

    def per_cell(self, rng: np.random.Generator, low: float, high: float) -> Float32:
        """(S, S) a value for each cell."""
        # Two cells may fall on one pixel; what is drawn later does not depend on it.
        rng = np.random.default_rng(int(rng.integers(1 << 62)))
        values = rng.uniform(low, high, int(self.label.max()) + 1).astype(np.float32)
        return np.asarray(values[self.label])


def spread(rng: np.random.Generator, count: int, radius: float = 1.0, jitter: float = 0.25) -> Float64:
    """Points (count, 2) spread evenly over a disc: a jittered sunflower."""
    index = np.arange(count) + 0.5
    gap = radius * np.sqrt(np.pi / count)
    distance = radius * np.sqrt(index / count)
    angle = index * np.pi * (3 - np.sqrt(5)) + rng.uniform(0, 2 * np.pi)
    points = np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)
    return np.asarray(points + rng.normal(0, jitter * gap, points.shape))


def fill(
    paint: Paint, grid: Grid, cells: Cells, grain: Grain, weight: Float32, rng: np.random.Generator
) -> None:
    """Add cells where `weight` (S, S) is 1: from a grainy mass to single bodies between crisp membranes."""
    clear = rng.uniform(0.05, 1)
    rough = rng.uniform(0.4, 1.8)
    paint.thick[...] += weight * (
        rng.uniform(10, 44) * clear * cells.dome
        + rough * (rng.uniform(0.2, 1.6) * grain.fine + rng.uniform(1, 5) * grain.mottle)
        + rng.uniform(2, 12) * grain.lumps
    )
    membranes = line(cells.border, rng.uniform(0.8, 1.8) * grid.scale)
    paint.shade[...] += weight * (
        clear * (cells.per_cell(rng, -34, 44) * membranes + cells.per_cell(rng, -20, 20))
        + rough * (rng.uniform(0, 4) * grain.fine + rng.uniform(1, 8) * grain.mottle)
        + rng.uniform(1, 14) * grain.lumps
        - rng.uniform(0, 32)
    )

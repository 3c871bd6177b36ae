"""The picture while it is painted: optical thickness, and shade that does not depend on slopes."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.synthetic.drawing.grid import Float32, Float64, Grid

_SLOPE = 0.16
"""Grey levels per unit of thickness and radius."""


@frozen(eq=False)
class Paint:
    """Maps (S, S) that the parts of an embryo add to, in place."""

    thick: Float32
    """Optical thickness: its slope along the light is bright on one side and dark on the other."""
    shade: Float32
    """Grey levels that do not depend on the light's direction: absorption, membranes."""

    @classmethod
    def empty(cls, size: int) -> Paint:
        """Nothing yet."""
        return cls(np.zeros((size, size), np.float32), np.zeros((size, size), np.float32))

    def add(self, other: Paint, weight: Float32 | float = 1.0) -> None:
        """Add another painting, everywhere or by a weight (S, S)."""
        self.thick[...] += other.thick * np.float32(weight)
        self.shade[...] += other.shade * np.float32(weight)

    def ball(self, grid: Grid, place: Float64, *, height: float, rim: float, dark: float = 0.0) -> None:
        """Add a translucent ball.

        Args:
            grid: of the frame.
            place: (3,) x, y and radius, in radii of the embryo.
            height: thickness in its middle; negative for one that is thinner than what is around it.
            rim: grey levels of its membrane.
            dark: grey levels that it takes away.
        """
        x, y, radius = (float(value) for value in place)
        reach = radius + 3 * grid.pixel
        column, row = grid.to_pixels(np.array([x, y]))
        span = reach * grid.radius
        x1, y1 = max(int(column - span), 0), max(int(row - span), 0)
        part = slice(y1, max(int(row + span) + 2, 0)), slice(x1, max(int(column + span) + 2, 0))
        xs, ys = grid.xs[part] - np.float32(x), grid.ys[part] - np.float32(y)
        away = np.sqrt(xs * xs + ys * ys)
        inside = np.maximum(1 - (away / np.float32(radius)) ** 2, 0)
        self.thick[part] += np.float32(height) * np.sqrt(inside)
        membrane = (away - np.float32(radius)) / np.float32(grid.pixel)
        shade = np.float32(rim) * np.exp(-(membrane * membrane))
        self.shade[part] += shade - np.float32(dark) * np.minimum(3 * inside, 1)

    def grey(self, light: float, relief: float, shading: float, phase: float, radius: float) -> Float32:
        """(S, S) grey levels: relief along `light`, shade, and `phase`, bright where a hollow is."""
        slope_x = cv2.Scharr(self.thick, cv2.CV_32F, 1, 0, scale=np.cos(light) / 32)
        slope_y = cv2.Scharr(self.thick, cv2.CV_32F, 0, 1, scale=np.sin(light) / 32)
        slopes = _limited((slope_x + slope_y) * np.float32(_SLOPE * radius))
        hollow = cv2.Laplacian(cv2.GaussianBlur(self.thick, (0, 0), 1.0), cv2.CV_32F)
        return np.asarray(
            np.float32(relief) * slopes
            + np.float32(shading) * self.shade
            + np.float32(phase) * _limited(hollow * np.float32(0.1 * radius))
        )


def _limited(values: Float32) -> Float32:
    """Grey levels of steep slopes level off, as light that misses the objective can only get dark."""
    return np.asarray(90 * np.tanh(values / 90))


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

"""The picture while it is painted: optical thickness, and shade that does not depend on slopes."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

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

    def enlarged(self, size: int) -> Paint:
        """The same painting at another size, smoothly."""
        whole = (size, size)
        maps = (cv2.resize(one, whole, interpolation=cv2.INTER_CUBIC) for one in (self.thick, self.shade))
        return Paint(*(np.asarray(one, np.float32) for one in maps))

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
        shade = np.float32(rim) * np.exp(-np.minimum(membrane * membrane, 16))
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

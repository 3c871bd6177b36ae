"""Inner cell mass: a lump of cells with a border that may be the crispest line of the embryo."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

from cs_framework.synthetic.drawing.grid import Float32, Float64, Grain, Grid, blur, line, step
from cs_framework.synthetic.drawing.relief import Cells, Paint, spread


@frozen(eq=False)
class Mass:
    """A union of lobes, from a smooth ball to a bunch of cells."""

    lobes: Float64
    """(K, 3) x, y, radius in radii of the embryo."""
    smoothness: float
    """Radii over which lobes run into each other."""
    size: float
    """Radius, roughly."""

    @classmethod
    def draw(cls, rng: np.random.Generator, size: float) -> Mass:
        """A mass at the wall, or now and then before the middle of the cavity (seen from above)."""
        turn = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(0.88, 1.02) - size * rng.uniform(0.55, 1.0)
        if rng.random() < 0.15 and size < 0.5:
            away *= rng.uniform(0, 0.8)
        middle = away * np.array([np.cos(turn), np.sin(turn)])
        count = int(rng.integers(1, 12))
        bumpy = rng.uniform(0.3, 0.8)
        stretch = np.array([1.0, rng.uniform(0.55, 1.0)])
        axes = np.array([[-np.sin(turn), np.cos(turn)], [np.cos(turn), np.sin(turn)]])
        offsets = spread(rng, count, size * (1 - 0.7 * bumpy)) * stretch @ axes
        radii = size * bumpy * rng.uniform(0.75, 1.25, count)
        main = np.r_[middle, size * rng.uniform(0.6, 0.9)]
        return cls(np.vstack([main, np.c_[middle + offsets, radii]]), size * rng.uniform(0.03, 0.25), size)

    def beyond(self, grid: Grid) -> Float32:
        """(S, S) distance from the border in radii, negative inside."""
        xs, ys = grid.xs[::2, ::2], grid.ys[::2, ::2]
        total = np.zeros_like(xs)
        rate = np.float32(1 / self.smoothness)
        for x, y, radius in self.lobes.astype(np.float32):
            away = np.sqrt((xs - x) ** 2 + (ys - y) ** 2) - radius
            total += np.exp(-np.clip(away * rate, -30, 30))
        half = -np.log(np.maximum(total, 1e-12)) / rate
        # Every second pixel from the first on: its centre is shifted by half a pixel of the small map.
        way = np.array([[0.5, 0, 0], [0, 0.5, 0]])
        return np.asarray(
            cv2.warpAffine(
                half,
                way,
                (grid.size, grid.size),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )

    def paint(
        self, grid: Grid, grain: Grain, beyond: Float32, inside: Float32, rng: np.random.Generator
    ) -> Paint:
        """The mass and its border, as sharp as it happens to be in focus."""
        paint = Paint.empty(grid.size)
        pixel = grid.pixel
        body = step(-beyond, 2 * pixel) * inside
        fine, mottle, lumps = grain.fine, grain.mottle, grain.lumps
        bend = lumps * np.float32(3 * grid.scale)
        spacing = rng.uniform(0.09, 0.26)
        count = int(np.clip((2.2 * self.size / spacing) ** 2, 3, 90))
        middles = self.lobes[0, :2] + spread(rng, count, 1.3 * self.size)
        cells = Cells.of(grid, middles, spacing * rng.uniform(0.8, 1.3), bend)
        clearness = rng.uniform(0.1, 1)
        paint.thick[...] += body * (
            rng.uniform(6, 32) * np.sqrt(np.clip(-beyond / np.float32(0.6 * self.size), 0, 1))
            + rng.uniform(10, 44) * clearness * cells.dome
            + rng.uniform(0.5, 5) * mottle
            + rng.uniform(2, 12) * lumps
            + rng.uniform(0.2, 1.3) * fine
        )
        membranes = line(cells.border, rng.uniform(0.8, 1.8) * grid.scale)
        paint.shade[...] += body * (
            clearness * cells.per_cell(rng, -30, 40) * membranes
            + cells.per_cell(rng, -18, 18) * clearness
            + rng.uniform(1, 8) * mottle
            + rng.uniform(1, 14) * lumps
            + rng.uniform(0, 3) * fine
            - rng.uniform(0, 34)
        )
        self._border(paint, grid, grain, beyond, inside, rng)
        if rng.random() < 0.35:
            sigma = rng.uniform(0.6, 4) * grid.scale
            return Paint(blur(paint.thick, sigma), blur(paint.shade, sigma))
        return paint

    def _border(
        self,
        paint: Paint,
        grid: Grid,
        grain: Grain,
        beyond: Float32,
        inside: Float32,
        rng: np.random.Generator,
    ) -> None:
        """From hardly there to the brightest line of the frame, with a dark one beside it."""
        strength = rng.choice((0.0, 1.0, 2.0), p=(0.2, 0.45, 0.35)) * rng.uniform(14, 44)
        uneven = np.clip(1 + rng.uniform(0.2, 0.8) * grain.flow.T, 0, 2)
        width = rng.uniform(0.8, 2.4) * grid.pixel
        side = np.float32(rng.choice((-1, 1)) * width * rng.uniform(1.3, 2.5))
        bright, dark = line(beyond, width), line(beyond - side, width * rng.uniform(0.8, 1.6))
        paint.shade[...] += (
            np.float32(strength) * uneven * inside * (bright - np.float32(rng.uniform(0, 0.9)) * dark)
        )

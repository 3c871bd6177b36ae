"""Inner cell mass: a lump of cells with a border that may be the crispest line of the embryo."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

from cs_framework.synthetic.drawing.grid import Float32, Float64, Grain, Grid, blur, line, step
from cs_framework.synthetic.drawing.relief import Paint
from cs_framework.synthetic.drawing.tissue import Cells, fill, spread


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
        count = int(rng.integers(1, 13))
        bumpy = rng.uniform(0.25, 0.75)
        stretch = np.array([1.0, rng.uniform(0.55, 1.0)])
        axes = np.array([[-np.sin(turn), np.cos(turn)], [np.cos(turn), np.sin(turn)]])
        offsets = spread(rng, count, size * (1 - 0.7 * bumpy)) * stretch @ axes
        radii = size * bumpy * rng.uniform(0.75, 1.25, count)
        main = np.r_[middle, size * rng.uniform(0.4, 0.9)]
        return cls(np.vstack([main, np.c_[middle + offsets, radii]]), size * rng.uniform(0.02, 0.22), size)

    def beyond(self, grid: Grid, grain: Grain) -> Float32:
        """(S, S) distance from the border in radii, negative inside; `grain` roughens it."""
        xs, ys = grid.xs[::2, ::2], grid.ys[::2, ::2]
        total = np.zeros_like(xs)
        rate = np.float32(1 / self.smoothness)
        for x, y, radius in self.lobes.astype(np.float32):
            away = np.sqrt((xs - x) ** 2 + (ys - y) ** 2) - radius
            total += np.exp(-np.clip(away * rate, -30, 30))
        half = -np.log(np.maximum(total, 1e-12)) / rate
        half += np.float32(0.25 * self.smoothness) * grain.lumps[::2, ::2]
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
        self,
        grid: Grid,
        tiles: Cells,
        grain: Grain,
        beyond: Float32,
        facing: Float32,
        rng: np.random.Generator,
    ) -> Paint:
        """The mass and its border, as sharp as it happens to be in focus.

        Args:
            grid: of the frame.
            tiles: its cells.
            grain: noise.
            beyond: (S, S) from `beyond`.
            facing: (S, S) 1 in the cavity and in the mass, 0 in the wall, where the mass has no border.
            rng: draws its look.
        """
        paint = Paint.empty(grid.size)
        body = step(-beyond, 2 * grid.pixel) * facing
        paint.thick[...] += body * (
            rng.uniform(6, 32) * np.sqrt(np.clip(-beyond / np.float32(0.6 * self.size), 0, 1))
        )
        fill(paint, grid, tiles, grain, body, rng)
        self._single_cells(paint, grid, body, rng)
        self._border(paint, grid, grain, beyond, facing, rng)
        if rng.random() < 0.35:
            sigma = rng.uniform(0.6, 4) * grid.scale
            return Paint(blur(paint.thick, sigma), blur(paint.shade, sigma))
        return paint

    def _single_cells(self, paint: Paint, grid: Grid, body: Float32, rng: np.random.Generator) -> None:
        """Round cells that stand out of the mass, each with a rim of its own, some with a nucleus."""
        balls, clear = Paint.empty(grid.size), rng.uniform(0, 1)
        for x, y, radius in self.lobes[1:][rng.random(len(self.lobes) - 1) < clear]:
            place = np.array([x, y, radius * rng.uniform(0.7, 1.0)])
            balls.ball(
                grid, place, height=rng.uniform(2, 22), rim=rng.uniform(-20, 45), dark=rng.uniform(-12, 12)
            )
            if rng.random() < 0.4:
                place = np.r_[place[:2] + rng.uniform(-0.3, 0.3, 2) * radius, radius * rng.uniform(0.3, 0.55)]
                balls.ball(
                    grid, place, height=-rng.uniform(0, 8), rim=rng.uniform(-20, 20), dark=rng.uniform(0, 15)
                )
        paint.add(balls, body)

    def _border(
        self,
        paint: Paint,
        grid: Grid,
        grain: Grain,
        beyond: Float32,
        facing: Float32,
        rng: np.random.Generator,
    ) -> None:
        """From hardly there to the brightest line of the frame, with a dark one beside it."""
        strength = rng.choice((0.0, 1.0, 2.0), p=(0.2, 0.45, 0.35)) * rng.uniform(14, 44)
        uneven = np.clip(1 + rng.uniform(0.2, 0.8) * grain.flow.T, 0, 2)
        width = rng.uniform(0.8, 2.4) * grid.pixel
        side = np.float32(rng.choice((-1, 1)) * width * rng.uniform(1.3, 2.5))
        bright, dark = line(beyond, width), line(beyond - side, width * rng.uniform(0.8, 1.6))
        paint.shade[...] += (
            np.float32(strength) * uneven * facing * (bright - np.float32(rng.uniform(0, 0.9)) * dark)
        )

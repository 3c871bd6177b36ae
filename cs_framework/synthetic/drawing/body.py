"""Outline of the embryo, its zona, and the trophectoderm: cells along the wall of the cavity."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cs_framework.synthetic.drawing.grid import TURNS, Float32, Float64, Grain, Grid, line, step, waves
from cs_framework.synthetic.drawing.relief import Paint
from cs_framework.synthetic.drawing.tissue import Cells, fill

_ANGLES = np.linspace(0, 2 * np.pi, TURNS, endpoint=False)


@frozen(eq=False)
class Body:
    """Outer membrane of the embryo and the zona around it; tables (TURNS,) in radii."""

    outline: Float64
    zona_inner: Float64
    zona_outer: Float64
    opening: Float64
    """0 where the zona is gone, else 1."""

    @classmethod
    def draw(cls, rng: np.random.Generator, stage: str) -> Body:
        """A body of its own; the farthest point of its outline lies at about 1."""
        rough = rng.uniform(0.2, 1.0) ** 2
        outline = 1 + rough * waves(rng, (0.07, 0.04, 0.025, 0.015, 0.01))
        opening, slack = np.ones(TURNS), waves(rng, (0.01, 0.008))
        gap, thickness = rng.uniform(0, 0.05), rng.uniform(0.05, 0.16)
        if stage in ("expanded", "hatching"):
            gap, thickness = rng.uniform(0, 0.02), rng.uniform(0.02, 0.07)
        elif stage in ("zygote", "cleavage", "morula"):
            gap, thickness = rng.uniform(0.02, 0.15), rng.uniform(0.12, 0.28)
        elif stage == "collapsed":
            outline += waves(rng, (0.08, 0.07, 0.05, 0.04, 0.03, 0.02))
            gap, thickness = rng.uniform(0.1, 0.35), rng.uniform(0.04, 0.15)
        outline /= outline.max()
        inner = 1 + gap + slack
        if stage == "hatching":
            outline, inner, opening = _hatching(rng, outline)
        return cls(outline, inner, inner + thickness * (1 + waves(rng, (0.15, 0.1))), opening)

    def paint_zona(self, paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> Float32:
        """Add the zona; returns where it is (S, S), from 0 to 1."""
        ring = grid.distance - grid.around(self.zona_inner)
        outer = grid.around(self.zona_outer) - grid.distance
        softness = rng.uniform(0.01, 0.06)
        zona = step(ring, 0.015) * step(outer, softness) * grid.around(self.opening)
        paint.thick[...] += zona * (rng.uniform(-2, 4) + rng.uniform(0.2, 0.9) * grain.fine)
        paint.shade[...] += zona * (rng.uniform(-16, 6) + rng.uniform(0.5, 4) * grain.fine)
        paint.shade[...] += rng.uniform(-18, 8) * line(ring, 1.5 * grid.pixel) * grid.around(self.opening)
        return zona

    def paint_membrane(self, paint: Paint, grid: Grid, rng: np.random.Generator) -> None:
        """Add the outer membrane."""
        depth = grid.around(self.outline) - grid.distance
        paint.shade[...] -= rng.uniform(15, 75) * line(depth, rng.uniform(0.8, 2.4) * grid.pixel)
        bright = rng.uniform(0, 30) * line(
            depth - 1.6 * np.float32(grid.pixel), rng.uniform(0.7, 1.5) * grid.pixel
        )
        paint.shade[...] += bright * (1 + grid.around(waves(rng, (0.8, 0.6, 0.4), first=1)))
        paint.thick[...] += rng.uniform(2, 9) * step(depth, 4 * grid.pixel)


def _hatching(rng: np.random.Generator, outline: Float64) -> tuple[Float64, Float64, Float64]:
    """Outline, inside of the zona and its opening: a part of the embryo has left the zona."""
    away = (_ANGLES - rng.uniform(0, 2 * np.pi) + np.pi) % (2 * np.pi) - np.pi
    width, reach = rng.uniform(0.3, 0.9), rng.uniform(0.72, 0.9)
    bump = np.exp(-((away / width) ** 4))
    shape = outline * (reach + (1 - reach) * bump)
    zona = np.full(TURNS, reach * 1.03)
    return shape, zona, (shape < zona).astype(float)


@frozen(eq=False)
class Wall:
    """Trophectoderm; tables (TURNS,)."""

    thickness: Float64
    """In radii: lenses between seams, straight or bulging into the cavity."""
    seam: Float64
    """Angle to the next seam, with what is seen of it in `seam_grey`."""
    seam_grey: Float64
    surface: Float64
    """Grey levels of the membrane towards the cavity."""
    dark: Float64
    grain: Float64

    @classmethod
    def draw(cls, rng: np.random.Generator, thickness: float) -> Wall:
        """Cells of their own; `thickness` is what they measure in radii, roughly."""
        count = int(rng.integers(7, 22))
        widths = rng.uniform(0.4, 1.6, count)
        edges = np.r_[0, np.cumsum(widths) / widths.sum()] * 2 * np.pi
        cell = np.clip(np.searchsorted(edges, _ANGLES, side="right") - 1, 0, count - 1)
        left, right = edges[cell], edges[cell + 1]
        half = (right - left) / 2
        off = _ANGLES - (left + right) / 2
        across = off / half
        at_seam = rng.uniform(0, 0.35, count + 1) ** 2 * 3 * thickness
        at_seam[-1] = at_seam[0]
        share = (across + 1) / 2
        base = (
            rng.uniform(0.008, 0.4 * thickness + 0.01)
            + at_seam[cell] * (1 - share)
            + at_seam[cell + 1] * share
        )
        chord = 1 - np.cos(half) / np.cos(off)
        flat = rng.uniform(0, 1.0, count)[cell]
        bulging = rng.uniform(0, 1, count) ** 2 * rng.choice((0.6, 1.4, 2.6), count, p=(0.3, 0.45, 0.25))
        limit = np.minimum(bulging * thickness, 1.1 * half[np.searchsorted(cell, np.arange(count))])[cell]
        power = rng.uniform(0.5, 1.3, count)[cell]
        lens = limit * np.maximum(1 - across**2, 0) ** power
        vivid = rng.uniform(0.3, 1.3)
        crisp = rng.exponential(30 * vivid, count) * rng.choice((1, -0.6), count, p=(0.8, 0.2))
        seams = rng.exponential(20 * vivid, count + 1) * rng.choice((1, -1), count + 1, p=(0.7, 0.3))
        seams[-1] = seams[0]
        turn = int(rng.integers(TURNS))
        tables = (
            base + flat * chord + lens,
            np.minimum(_ANGLES - left, right - _ANGLES),
            np.where(across < 0, seams[cell], seams[cell + 1]),
            np.minimum(crisp, 90)[cell],
            rng.uniform(-10, 26, count)[cell],
            rng.uniform(0.5, 1.5, count)[cell],
        )
        return cls(*(np.roll(table, turn) for table in tables))

    def depth(self, grid: Grid, body: Body) -> tuple[Float32, Float32]:
        """(S, S) depth below the outer membrane, and below the surface of the cells: negative in them."""
        below = grid.around(body.outline) - grid.distance
        return below, below - grid.around(self.thickness)

    def paint(
        self, paint: Paint, grid: Grid, body: Body, tiles: Cells, grain: Grain, rng: np.random.Generator
    ) -> None:
        """Add the cells."""
        below, surface = self.depth(grid, body)
        pixel = np.float32(grid.pixel)
        cells = step(below, 2 * grid.pixel) * (1 - step(surface, 1.5 * grid.pixel))
        thick = np.maximum(grid.around(self.thickness), 2 * pixel)
        lens = np.maximum(1 - (2 * below / thick - 1) ** 2, 0) ** np.float32(0.6)
        paint.thick[...] += cells * rng.uniform(5, 28) * lens * np.minimum(thick * 12, 1)
        paint.shade[...] -= cells * grid.around(self.dark)
        fill(paint, grid, tiles, grain, cells * grid.around(self.grain), rng)
        width = rng.uniform(0.7, 1.6) * pixel
        uneven = np.clip(1 + 0.5 * grain.mottle, 0.1, 2)
        membrane = grid.around(self.surface) * line(surface, float(width)) * uneven
        beside = 0.35 * np.abs(grid.around(self.surface)) * line(surface + 2 * width, float(width))
        seam = grid.around(self.seam) * grid.distance
        seams = grid.around(self.seam_grey) * line(seam, float(width)) * cells
        paint.shade[...] += (membrane - beside) * step(below, 2 * grid.pixel) + seams

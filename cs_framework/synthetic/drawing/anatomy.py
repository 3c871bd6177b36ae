"""What is painted of an embryo at a stage, and where its parts are."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen

from cs_framework.synthetic.drawing import cells, surround
from cs_framework.synthetic.drawing.body import Body, Wall
from cs_framework.synthetic.drawing.grid import Bool, Grain, Grid, blur, step
from cs_framework.synthetic.drawing.mass import Mass
from cs_framework.synthetic.drawing.relief import Paint
from cs_framework.synthetic.drawing.tissue import Cells, spread

Stage = Literal["zygote", "cleavage", "morula", "early", "full", "expanded", "hatching", "collapsed"]
STAGES: tuple[Stage, ...] = (
    "zygote",
    "cleavage",
    "morula",
    "early",
    "full",
    "expanded",
    "hatching",
    "collapsed",
)
WITH_CAVITY: tuple[Stage, ...] = ("early", "full", "expanded", "hatching", "collapsed")
_WALL = {
    "early": (0.06, 0.22),
    "full": (0.05, 0.2),
    "expanded": (0.02, 0.11),
    "hatching": (0.02, 0.08),
    "collapsed": (0.06, 0.2),
}
"""Thickness of the trophectoderm in radii, and of the inner cell mass its radius: smallest and largest."""
_MASS = {
    "early": (0.3, 0.75),
    "full": (0.22, 0.6),
    "expanded": (0.14, 0.45),
    "hatching": (0.14, 0.4),
    "collapsed": (0.3, 0.75),
}


@frozen(eq=False)
class Anatomy:
    """What is painted of an embryo, and where it is."""

    painting: Paint
    inside: Bool
    zona: Bool
    cavity: Bool
    mass: Bool

    @classmethod
    def paint(cls, grid: Grid, stage: Stage, rng: np.random.Generator, growth: float = 1.0) -> Anatomy:
        """Paint an embryo.

        Args:
            grid: of the frame.
            stage: of the embryo.
            rng: draws all of it; the same state and stage give the same embryo at any growth.
            growth: factor of the thickness of the wall and of the size of the inner cell mass.
        """
        paint, body, grain = Paint.empty(grid.size), Body.draw(rng, stage), Grain.draw(grid, rng)
        surround.neighbours(paint, grid, grain, rng)
        if stage in WITH_CAVITY:
            return cls._blastocyst(paint, grid, body, grain, stage, rng, growth)
        inner = Paint.empty(grid.size)
        painter = {
            "zygote": cells.paint_zygote,
            "cleavage": cells.paint_cleavage,
            "morula": cells.paint_morula,
        }[stage]
        inside = painter(inner, grid, grain, rng)
        cells.paint_fragments(inner, grid, rng, (0.5, 1.08))
        zona = body.paint_zona(paint, grid, grain, rng)
        paint.add(inner)
        nothing = np.zeros(inside.shape, bool)
        return cls(paint, inside > 0.5, (zona > 0.5) & (inside <= 0.5), nothing, nothing)

    @classmethod
    def _blastocyst(
        cls,
        paint: Paint,
        grid: Grid,
        body: Body,
        grain: Grain,
        stage: Stage,
        rng: np.random.Generator,
        growth: float,
    ) -> Anatomy:
        thickness, size = growth * rng.uniform(*_WALL[stage]), growth * rng.uniform(*_MASS[stage])
        wall, mass = Wall.draw(rng, thickness), Mass.draw(rng, size)
        below, surface = wall.depth(grid, body)
        inside = step(below, 2 * grid.pixel)
        beyond = mass.beyond(grid, grain) if rng.random() < 0.93 else np.full_like(below, 1.0)
        in_mass, in_wall = step(-beyond, 2 * grid.pixel), 1 - step(surface, 2 * grid.pixel)
        zona = body.paint_zona(paint, grid, grain, rng)
        body.paint_membrane(paint, grid, rng)
        paint.add(
            _out_of_focus(grid, body, grain, rng, rng.uniform(1, 2.5) * _WALL[stage][1]),
            blur(inside * (1 - 0.8 * in_mass) * (1 - 0.65 * in_wall), 3 * grid.scale),
        )
        tiles = _tiles(grid, grain, rng)
        if rng.random() < 0.5:
            cells.paint_flank(paint, grid, tiles, grain, inside * (1 - in_mass), rng)
        wall.paint(paint, grid, body, tiles, grain, rng)
        paint.add(mass.paint(grid, tiles, grain, beyond, inside * (1 - 0.8 * in_wall), rng))
        cells.paint_round_cells(paint, grid, inside, rng)
        cells.paint_fragments(paint, grid, rng, (0.95, 1.1))
        cavity = (surface > 0) & (beyond > 0) & (below > 0)
        return cls(paint, below > 0, (zona > 0.5) & (below <= 0), cavity, (beyond <= 0) & (below > 0))


def _tiles(grid: Grid, grain: Grain, rng: np.random.Generator) -> Cells:
    """Cells of wall and inner cell mass, small or large."""
    spacing = rng.uniform(0.09, 0.28)
    count = round(np.pi / spacing**2)
    bend = grain.lumps * np.float32(rng.uniform(0.003, 0.03) * grid.radius)
    return Cells.of(grid, spread(rng, count, 1.0, 0.35), spacing * rng.uniform(0.6, 1), bend)


def _out_of_focus(whole: Grid, body: Body, fine: Grain, rng: np.random.Generator, thickness: float) -> Paint:
    """Cells above and below the focal plane: those seen through the cavity, and those along the wall."""
    grid = whole.halved()
    grain, paint = fine.halved(grid), Paint.empty(grid.size)
    if rng.random() < 0.75:
        Wall.draw(rng, thickness).paint(paint, grid, body, _tiles(grid, grain, rng), grain, rng)
        sigma, weight = rng.uniform(2, 6) * grid.scale, np.float32(rng.uniform(0.5, 1.3))
        paint = Paint(weight * blur(paint.thick, sigma), weight * blur(paint.shade, sigma))
    cells.paint_far_cells(paint, grid, grain, rng)
    return paint.enlarged(whole.size)

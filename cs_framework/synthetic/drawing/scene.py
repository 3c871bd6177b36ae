"""One drawn embryo: the same frame with and without strings, and where everything is."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.boxes import as_boxes, clip
from cs_framework.synthetic.drawing import cells, surround
from cs_framework.synthetic.drawing.body import Body, Wall
from cs_framework.synthetic.drawing.camera import Camera
from cs_framework.synthetic.drawing.grid import Bool, Float32, Grain, Grid, blur, step
from cs_framework.synthetic.drawing.lines import Place, look_alikes, single_edge, strings
from cs_framework.synthetic.drawing.mass import Mass
from cs_framework.synthetic.drawing.relief import Paint
from cs_framework.synthetic.drawing.tissue import Cells, spread
from cs_framework.synthetic.strings import draw_string, mask_box

UInt8 = NDArray[np.uint8]
View = Literal["embryo", "frame", "raw"]
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
_SHARES = (0.03, 0.07, 0.08, 0.2, 0.27, 0.22, 0.06, 0.07)
_MARGIN = 0.012
"""Distance between a string's mask and its box in diameters of the embryo: people draw boxes loosely."""
_THINNEST = 0.004
"""Share of the embryo's area below which a cavity holds nothing."""


@frozen(eq=False)
class Scene:
    """A pair of frames that nothing but strings tells apart.

    Attributes:
        plain: uint8 (S, S), grey, without strings; look-alikes are in both.
        image: uint8 (S, S), the same with strings; equal to `plain` where there are none.
        embryo: x, y and radius in pixels of the circle around the embryo, without its zona.
        inside: bool (S, S), the embryo; `zona`, `cavity` and `mass` (inner cell mass) likewise.
        strings: int32 (S, S), 0 where there is no string, else which one, from 1; the later where two cross.
        boxes: float32 (K, 4), half-open boxes around the strings 1 to K, in pixels.
        stage: of the embryo.
    """

    plain: UInt8
    image: UInt8
    embryo: tuple[float, float, float]
    inside: Bool
    zona: Bool
    cavity: Bool
    mass: Bool
    strings: NDArray[np.int32]
    boxes: Float32
    stage: Stage


def draw_scene(
    rng: np.random.Generator,
    size: int = 224,
    *,
    view: View | None = None,
    stage: Stage | None = None,
    with_strings: bool = True,
) -> Scene:
    """Draw an embryo, its instrument and its strings, everything at random.

    Args:
        rng: decides everything; the same generator state gives the same bytes.
        size: side of the frame in pixels.
        view: "embryo" as implant-net sees one, cut close around it; "frame" as laboratories crop; "raw" as an
            incubator writes, the whole well. None takes one of them, mostly the first.
        stage: None takes one of `STAGES`.
        with_strings: False leaves strings out even where there is a cavity.
    """
    view = view or rng.choice(("embryo", "frame", "raw"), p=(0.85, 0.1, 0.05))
    stage = stage or rng.choice(STAGES, p=_SHARES)
    camera, grid = Camera.draw(rng), _grid(rng, size, view)
    frame = surround.Frame.draw(grid, view, rng)
    lit = surround.medium(grid, camera.light, rng)
    anatomy = _Anatomy.paint(grid, stage, rng)
    grey = anatomy.paint_all.grey(
        camera.light, camera.relief, camera.shading, camera.phase * camera.shading, grid.radius
    )
    place = Place.of(grid, camera, grey, anatomy.inside, frame.seen(anatomy.cavity), anatomy.mass)
    for line in look_alikes(rng, place):
        grey = draw_string(grey, *line).image
    has_cavity = place.cavity.sum() > _THINNEST * np.pi * grid.radius**2
    if has_cavity and rng.random() < 0.25:
        grey = single_edge(rng, place, grey)
    altered, labels, boxes = grey, np.zeros((size, size), np.int32), []
    for line in strings(rng, place) if has_cavity and with_strings else []:
        drawn = draw_string(altered, *line)
        mask = frame.seen(drawn.mask)
        if mask.any():
            altered = drawn.image
            boxes.append(mask_box(mask))
            labels[mask] = len(boxes)
    drawings = [grey, altered] if boxes else [grey]
    images = frame.apply(camera.shoot(lit, drawings, grid, rng))
    margin = np.float32(_MARGIN * 2 * grid.radius) * np.array([-1, -1, 1, 1], np.float32)
    return Scene(
        plain=images[0],
        image=images[-1],
        embryo=(grid.x, grid.y, grid.radius),
        inside=frame.seen(anatomy.inside),
        zona=frame.seen(anatomy.zona),
        cavity=place.cavity,
        mass=frame.seen(anatomy.mass),
        strings=labels,
        boxes=clip(as_boxes(boxes) + margin, (size, size)) if boxes else as_boxes([]),
        stage=stage,
    )


def _grid(rng: np.random.Generator, size: int, view: View) -> Grid:
    """Where the embryo lies in the frame and how large it is."""
    share = {"embryo": (0.3, 0.46), "frame": (0.28, 0.45), "raw": (0.17, 0.28)}[view]
    radius = rng.uniform(*share) * size
    loose = {"embryo": 0.06, "frame": 0.1, "raw": 0.16}[view] * size
    x, y = size / 2 + rng.uniform(-loose, loose, 2)
    return Grid(size, float(x), float(y), float(radius))


@frozen(eq=False)
class _Anatomy:
    """What is painted of an embryo, and where it is."""

    paint_all: Paint
    inside: Bool
    zona: Bool
    cavity: Bool
    mass: Bool

    @classmethod
    def paint(cls, grid: Grid, stage: Stage, rng: np.random.Generator) -> _Anatomy:
        paint, body, grain = Paint.empty(grid.size), Body.draw(rng, stage), Grain.draw(grid, rng)
        surround.neighbours(paint, grid, grain, rng)
        if stage in WITH_CAVITY:
            return cls._blastocyst(paint, grid, body, grain, stage, rng)
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
        cls, paint: Paint, grid: Grid, body: Body, grain: Grain, stage: Stage, rng: np.random.Generator
    ) -> _Anatomy:
        low, high = {
            "early": (0.06, 0.24),
            "full": (0.05, 0.22),
            "expanded": (0.02, 0.11),
            "hatching": (0.01, 0.06),
            "collapsed": (0.06, 0.2),
        }[stage]
        small, large = {
            "early": (0.35, 0.8),
            "full": (0.22, 0.6),
            "expanded": (0.14, 0.45),
            "hatching": (0.14, 0.4),
            "collapsed": (0.3, 0.8),
        }[stage]
        wall, mass = Wall.draw(rng, rng.uniform(low, high)), Mass.draw(rng, rng.uniform(small, large))
        below, surface = wall.depth(grid, body)
        inside = step(below, 2 * grid.pixel)
        beyond = mass.beyond(grid, grain) if rng.random() < 0.93 else np.full_like(below, 1.0)
        in_mass, in_wall = step(-beyond, 2 * grid.pixel), 1 - step(surface, 2 * grid.pixel)
        zona = body.paint_zona(paint, grid, grain, rng)
        body.paint_membrane(paint, grid, rng)
        paint.add(
            _out_of_focus(grid, body, grain, rng, rng.uniform(1, 2.5) * high),
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
    if rng.random() < 0.6:
        Wall.draw(rng, thickness).paint(paint, grid, body, _tiles(grid, grain, rng), grain, rng)
        sigma, weight = rng.uniform(2, 6) * grid.scale, np.float32(rng.uniform(0.5, 1.3))
        paint = Paint(weight * blur(paint.thick, sigma), weight * blur(paint.shade, sigma))
    cells.paint_far_cells(paint, grid, grain, rng)
    return paint.enlarged(whole.size)

"""One drawn embryo: the same frame with and without strings, and where everything is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.boxes import as_boxes, clip
from cs_framework.synthetic.drawing import surround
from cs_framework.synthetic.drawing.anatomy import STAGES, Anatomy, Stage
from cs_framework.synthetic.drawing.camera import Camera
from cs_framework.synthetic.drawing.grid import Bool, Float32, Grid, blur
from cs_framework.synthetic.drawing.lines import (
    VISIBLE,
    Line,
    Place,
    look_alikes,
    single_edge,
    strings,
)
from cs_framework.synthetic.strings import draw_string, mask_box

UInt8 = NDArray[np.uint8]
View = Literal["embryo", "frame", "raw"]
_SHARES = (0.03, 0.07, 0.08, 0.17, 0.3, 0.24, 0.05, 0.06)
"""Of the stages in frames that are drawn at random."""
_MARGIN = 0.012
"""Distance between a string's mask and its box in diameters of the embryo: people draw boxes loosely."""
_THINNEST = 0.02
"""Share of the embryo's area below which a cavity holds nothing."""
_BOLDEST = 3.0
"""Largest factor by which a string is drawn stronger that does not show at first."""
_STANDS_OUT = 1.0
"""Least change that a string makes, as a share of the standard deviation of fine detail where it lies."""


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
    camera, grid = Camera.draw(rng), place_embryo(rng, size, view)
    stand = Stand(camera, grid, surround.Border.draw(grid, view, rng), stage)
    return stand.scene(rng, rng, lambda place: strings(rng, place) if with_strings else [])


@frozen(eq=False)
class Stand:
    """An embryo before a camera."""

    camera: Camera
    grid: Grid
    frame: surround.Border
    stage: Stage
    growth: float = 1.0

    def scene(
        self, still: np.random.Generator, noise: np.random.Generator, hang: Callable[[Place], list[Line]]
    ) -> Scene:
        """Draw it.

        Args:
            still: draws the embryo, the dish and look-alikes.
            noise: draws the noise.
            hang: gives the strings that hang in a place.
        """
        grid, frame = self.grid, self.frame
        lit = surround.medium(grid, self.camera.light, still)
        anatomy = Anatomy.paint(grid, self.stage, still, self.growth)
        camera = self.camera
        shading, phase = camera.shading, camera.phase * camera.shading
        grey = anatomy.painting.grey(camera.light, camera.relief, shading, phase, grid.radius)
        camera = camera.exposed(grey, anatomy.inside)
        place = Place.of(grid, camera, grey, anatomy.inside, frame.seen(anatomy.cavity), anatomy.mass)
        for line in look_alikes(still, place):
            grey = draw_string(grey, *line).image
        has_cavity = place.cavity.sum() > _THINNEST * np.pi * grid.radius**2
        if still.random() < 0.25 and has_cavity:
            grey = single_edge(still, place, grey)
        hung = _Hung.of(hang(place) if has_cavity else [], frame, grid.size)
        shot = camera.shoot(lit, grid, noise)
        plain = frame.apply(shot.develop(grey))
        image, hung = hung.seen(plain, lambda change: frame.apply(shot.develop(grey + change)))
        boxes = as_boxes([mask_box(mask) for mask in hung.masks])
        margin = np.float32(_MARGIN * 2 * grid.radius) * np.array([-1, -1, 1, 1], np.float32)
        return Scene(
            plain=plain,
            image=image,
            embryo=(grid.x, grid.y, grid.radius),
            inside=frame.seen(anatomy.inside),
            zona=frame.seen(anatomy.zona),
            cavity=place.cavity,
            mass=frame.seen(anatomy.mass),
            strings=hung.labels(grid.size),
            boxes=clip(boxes + margin, (grid.size, grid.size)) if len(boxes) else boxes,
            stage=self.stage,
        )


@frozen(eq=False)
class _Hung:
    """Strings of a drawing."""

    changes: tuple[Float32, ...]
    """Of the grey levels (S, S) of the drawing, by each string."""
    masks: tuple[Bool, ...]

    @classmethod
    def of(cls, lines: list[Line], frame: surround.Border, size: int) -> _Hung:
        empty = np.zeros((size, size), np.float32)
        drawn = [draw_string(empty, *line) for line in lines]
        kept = [(one.image, frame.seen(one.mask)) for one in drawn]
        kept = [(change, mask) for change, mask in kept if mask.any()]
        return cls(tuple(change for change, _ in kept), tuple(mask for _, mask in kept))

    def seen(self, plain: UInt8, develop: Callable[[Float32], UInt8]) -> tuple[UInt8, _Hung]:
        """The frame with those strings that show in it, and those strings.

        Strings that are too faint are drawn stronger, once, and left out where that does not help.
        """
        smooth = plain.astype(np.float32)
        detail = (smooth - blur(smooth, 2)) ** 2
        wanted = [max(VISIBLE, _STANDS_OUT * np.sqrt(detail[mask].mean())) for mask in self.masks]
        hung, image, first = self, plain, True
        while hung.masks:
            image = develop(np.sum(hung.changes, axis=0))
            change = np.abs(image.astype(np.float32) - plain)
            shown = [change[mask].mean() / least for mask, least in zip(hung.masks, wanted, strict=True)]
            if min(shown) >= 1:
                return image, hung
            if first:
                factors = [1 if share >= 1 else min(1.4 / max(share, 0.1), _BOLDEST) for share in shown]
                changes = (np.float32(by) * one for by, one in zip(factors, hung.changes, strict=True))
                hung, first = _Hung(tuple(changes), hung.masks), False
            else:
                kept = [row for row, share in enumerate(shown) if share >= 1]
                wanted = [wanted[row] for row in kept]
                hung = _Hung(tuple(hung.changes[row] for row in kept), tuple(hung.masks[row] for row in kept))
        return plain, hung

    def labels(self, size: int) -> NDArray[np.int32]:
        """(S, S) which string, from 1; the later where two cross."""
        labels = np.zeros((size, size), np.int32)
        for number, mask in enumerate(self.masks, start=1):
            labels[mask] = number
        return labels


def place_embryo(rng: np.random.Generator, size: int, view: View) -> Grid:
    """Where the embryo lies in the frame and how large it is."""
    share = {"embryo": (0.3, 0.46), "frame": (0.28, 0.45), "raw": (0.17, 0.28)}[view]
    radius = rng.uniform(*share) * size
    loose = {"embryo": 0.06, "frame": 0.1, "raw": 0.16}[view] * size
    x, y = size / 2 + rng.uniform(-loose, loose, 2)
    return Grid(size, float(x), float(y), float(radius))

"""A drawn embryo over its course: one blastocyst, one camera, strings that come and go."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import evolve, field, frozen

from cs_framework.synthetic.drawing import surround
from cs_framework.synthetic.drawing.anatomy import Stage
from cs_framework.synthetic.drawing.camera import Camera
from cs_framework.synthetic.drawing.grid import Grid
from cs_framework.synthetic.drawing.lines import Line, Place, strings
from cs_framework.synthetic.drawing.scene import Scene, Stand, place_embryo
from cs_framework.synthetic.filaments import spells

WITH_STRINGS = 0.5
"""Share of each embryo's frames that show strings: so no cue of the embryo can tell the label."""
_STAGES: tuple[tuple[Stage, float], ...] = (
    ("early", 0.2),
    ("full", 0.4),
    ("expanded", 0.3),
    ("hatching", 0.1),
)
_GROWTH = (1.15, 0.85)
"""Factor of the thickness of wall and inner cell mass at the start and the end of a course."""
_SWELLING = (0.95, 1.03)
"""Factor of the radius of the embryo, likewise."""
_FLICKER = 0.04
"""Share by which the light of a frame may be stronger or weaker than that of the course."""


def draw_course(seed: int, embryo: int, frames: int, size: int) -> Iterator[Scene]:
    """Draw the frames of one embryo in order, half of them with strings.

    Args:
        seed: of the whole data set.
        embryo: its number.
        frames: length of the course, at least 4.
        size: width and height in pixels.
    """
    rng = np.random.default_rng((seed, embryo, 10))
    names, shares = zip(*_STAGES, strict=True)
    stage: Stage = rng.choice(names, p=shares)
    camera, grid = Camera.draw(rng), place_embryo(rng, size, "frame")
    border = surround.Border.draw(grid, "frame", rng)
    drift = rng.uniform(-0.01, 0.01, 2) * size
    runs = spells(np.random.default_rng((seed, embryo, 11)), frames, WITH_STRINGS)
    hung = [_Run(first, last, np.random.default_rng((seed, embryo, 12, first))) for first, last in runs]
    for number in range(frames):
        time = number / (frames - 1)
        noise = np.random.default_rng((seed, embryo, 13, number))
        x, y = np.array([grid.x, grid.y]) + (time - 0.5) * drift
        radius = grid.radius * (_SWELLING[0] + (_SWELLING[1] - _SWELLING[0]) * time)
        stand = Stand(
            evolve(camera, level=camera.level * (1 + noise.uniform(-_FLICKER, _FLICKER))),
            Grid(size, float(x), float(y), float(radius)),
            border,
            stage,
            growth=_GROWTH[0] + (_GROWTH[1] - _GROWTH[0]) * time,
        )
        hang = _Hanging(tuple(run for run in hung if run.first <= number < run.last))
        yield stand.scene(np.random.default_rng((seed, embryo, 14)), noise, hang)


@frozen(eq=False)
class _Run:
    """Strings that are seen over some frames: chosen in the first one that has room, then carried along."""

    first: int
    last: int
    rng: np.random.Generator
    chosen: list[Line] = field(factory=list)
    """With curves in radii from the embryo's centre."""

    def lines(self, place: Place) -> list[Line]:
        """The strings in a frame."""
        grid = place.grid
        middle = np.array([grid.x, grid.y])
        if not self.chosen:
            found = strings(self.rng, place)
            self.chosen.extend(((curve - middle) / grid.radius, *look) for curve, *look in found)
        return [(grid.to_pixels(curve), style, strength) for curve, style, strength in self.chosen]


@frozen
class _Hanging:
    """The strings of a frame."""

    runs: tuple[_Run, ...]

    def __call__(self, place: Place) -> list[Line]:
        return [line for run in self.runs for line in run.lines(place)]

"""Renders the time-lapse course of one synthetic embryo, in either version."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32
from cs_framework.api.boxes import as_boxes, clip
from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic.anatomy import Embryo
from cs_framework.synthetic.drawing.course import draw_course
from cs_framework.synthetic.filaments import Filament, decoys, strings
from cs_framework.synthetic.optics import blur
from cs_framework.synthetic.scene import REFERENCE, Painter
from cs_framework.synthetic.strings import draw_string

BOX_MARGIN = 0.015
"""Distance between a string's mask and its box, as a share of the frame: people draw boxes loosely."""
FIRST_HOUR, LAST_HOUR = 96.0, 126.0
"""Hours after insemination at the ends of every course: an early and an expanded blastocyst."""


@frozen(eq=False)
class SyntheticFrame:
    """One frame with its ground truth.

    Attributes:
        image: uint8 (size, size), grey.
        boxes: float32 (M, 4), half-open pixel boxes of the strings, a little outside their masks.
        mask: bool (size, size), the strings.
        hours: after insemination.
    """

    image: NDArray[np.uint8]
    boxes: Float32
    mask: NDArray[np.bool_]
    hours: float


def bears_strings(embryo: int) -> bool:
    """Whether an embryo of version 1 ever has a string: the fourth of every five has none."""
    return embryo % 5 != 3


def render(settings: SyntheticSettings, embryo: int, size: int) -> Iterator[SyntheticFrame]:
    """Render the course of one embryo with the version of the generator that the settings name.

    Args:
        settings: of the data set.
        embryo: number of the embryo.
        size: width and height in pixels.
    """
    if settings.version == 1:
        yield from render_embryo(settings.seed, embryo, settings.frames, size)
        return
    for number, scene in enumerate(draw_course(settings.seed, embryo, settings.frames, size)):
        yield SyntheticFrame(
            image=scene.image,
            boxes=scene.boxes,
            mask=scene.strings > 0,
            hours=_hours(number / (settings.frames - 1)),
        )


def render_embryo(seed: int, embryo: int, frames: int, size: int) -> Iterator[SyntheticFrame]:
    """Render a course of version 1, evenly spaced from early to expanded blastocyst.

    A frame depends on nothing but the arguments and its place in the course.

    Args:
        seed: of the whole data set.
        embryo: number of the embryo.
        frames: length of the course, at least 4; an embryo that bears strings has frames with and without.
        size: width and height in pixels.
    """
    body = Embryo.draw(_generator(seed, embryo, 0))
    course = _Course(
        painter=Painter.prepare(body, size, _generator(seed, embryo, 1)),
        strings=strings(_generator(seed, embryo, 2), body, frames) if bears_strings(embryo) else [],
        decoys=decoys(_generator(seed, embryo, 3), frames),
        frames=frames,
    )
    for number in range(frames):
        yield course.render(number, _generator(seed, embryo, 4, number))


@frozen(eq=False)
class _Course:
    """An embryo and the lines in its cavity."""

    painter: Painter
    strings: list[Filament]
    decoys: list[Filament]
    frames: int

    def render(self, number: int, rng: np.random.Generator) -> SyntheticFrame:
        """One frame; `rng` gives its noise, focus and exposure."""
        size, body, time = self.painter.size, self.painter.embryo, number / (self.frames - 1)
        scale, pose = size / REFERENCE, body.pose(time)
        grey, mask, boxes = self.painter.paint(pose, time), np.zeros((size, size), bool), []
        for filament in [*self.decoys, *self.strings]:
            if filament.seen(number):
                curve = filament.shape(pose, time) * size
                drawn = draw_string(grey, curve, filament.style(body, scale), filament.strength)
                grey = drawn.image
                if filament.is_string:
                    mask |= drawn.mask
                    boxes.append(drawn.box)
        grey = blur(grey, rng.uniform(0.3, 0.7) * scale)
        grey = grey * rng.uniform(0.93, 1.07) + rng.uniform(-4, 4)
        grey += body.noise * rng.standard_normal(grey.shape, dtype=np.float32)
        margin = round(BOX_MARGIN * size) * np.array([-1, -1, 1, 1], np.float32)
        return SyntheticFrame(
            image=np.clip(np.rint(grey), 0, 255).astype(np.uint8),
            boxes=clip(as_boxes(boxes) + margin, (size, size)),
            mask=mask,
            hours=_hours(time),
        )


def _hours(time: float) -> float:
    return FIRST_HOUR + (LAST_HOUR - FIRST_HOUR) * time


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)

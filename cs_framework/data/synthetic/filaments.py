"""Where strings and the lines that are easily taken for strings run, and when.

A string hangs between two anchors: two places of the wall, or the wall and the inner cell mass. A decoy has
at most one: a process that ends freely, a fold along the wall, a wrinkle before or behind the focal plane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.data.synthetic.anatomy import Embryo, Float64, Pose
from cs_framework.data.synthetic.strings import StringStyle, arc

POINTS = 33
TRIES = 200
"""Draws of a string until one runs through the cavity; one in about five does."""
Shape = Callable[[Pose, float], Float64]
"""The curve (POINTS, 2) of a filament in shares of the frame, given the pose of the embryo and the time."""


@frozen(eq=False)
class Filament:
    """A line in the cavity.

    Attributes:
        is_string: or a decoy.
        shape: where it runs.
        first: frame in which it appears.
        last: frame after the one in which it is last seen.
        contrast: grey levels at gain 1; `width` and `blur` in pixels at a frame of 320.
        strength: (POINTS,) factors of the contrast along the line.
    """

    is_string: bool
    shape: Shape
    first: int
    last: int
    contrast: float
    width: float
    blur: float
    polarity: Literal[-1, 1]
    relief: float
    strength: Float64

    def seen(self, frame: int) -> bool:
        """Whether it is there in a frame."""
        return self.first <= frame < self.last

    def style(self, embryo: Embryo, scale: float) -> StringStyle:
        """How it looks through the instrument of `embryo`, `scale` times enlarged."""
        return StringStyle(
            contrast=self.contrast * embryo.gain,
            width=self.width * scale,
            blur=self.blur * scale,
            polarity=self.polarity,
            relief=self.relief,
            light=embryo.light,
        )


def strings(rng: np.random.Generator, embryo: Embryo, frames: int) -> list[Filament]:
    """The strings of an embryo over its course, in every spell at least one, at times two or three."""
    found = []
    for first, last in _spells(rng, frames):
        extra = int(rng.choice(3, p=(0.78, 0.17, 0.05)))
        for number in range(1 + extra):
            start = first if number == 0 else int(rng.integers(first, last))
            kind = wall_to_wall if rng.random() < 0.5 else mass_to_wall
            times = (start / (frames - 1), (last - 1) / (frames - 1))
            found.append(
                Filament(
                    is_string=True,
                    shape=_across_cavity(kind, rng, embryo, times),
                    first=start,
                    last=last,
                    contrast=rng.uniform(16, 33),
                    width=rng.uniform(2.0, 4.0),
                    blur=rng.uniform(0.7, 1.3),
                    polarity=_sign(rng),
                    relief=rng.uniform(0, 0.6),
                    strength=_uneven(rng),
                )
            )
    return found


def decoys(rng: np.random.Generator, frames: int) -> list[Filament]:
    """The lines of an embryo over its course that are no strings; they know nothing of its strings."""
    found = []
    for kind, count in ((free_process, 5), (wall_fold, 6), (wrinkle, 12)):
        for _ in range(count):
            lasting = max(int(rng.uniform(0.2, 0.5) * frames), 1)
            first = int(rng.integers(-lasting + 1, frames))
            fading = (
                np.linspace(1, 0, POINTS) ** 0.7
                if kind is free_process
                else np.sin(np.linspace(0.1, 3.04, POINTS))
            )
            found.append(
                Filament(
                    is_string=False,
                    shape=kind(rng),
                    first=first,
                    last=first + lasting,
                    contrast=rng.uniform(9, 24),
                    width=rng.uniform(1.4, 4.5),
                    blur=rng.uniform(0.7, 2.0),
                    polarity=_sign(rng),
                    relief=rng.uniform(0, 0.6),
                    strength=_uneven(rng) * fading,
                )
            )
    return found


def wall_to_wall(rng: np.random.Generator) -> Shape:
    """Between two places of the trophectoderm."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.10, 0.34)
    sag, sway, speed = rng.uniform(-0.12, 0.12), rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        half = np.arcsin(min(length / (2 * 0.92 * pose.radius), 0.95))
        middle = angle + speed * time
        bend = sag + 0.03 * np.sin(6 * time + sway)
        return arc(pose.wall(middle - half), pose.wall(middle + half), bend, POINTS)

    return shape


def mass_to_wall(rng: np.random.Generator) -> Shape:
    """From the inner cell mass to the trophectoderm."""
    aside = rng.uniform(0.4, 1.7) * _sign(rng)
    sag, sway, speed = rng.uniform(-0.10, 0.10), rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    leaving = rng.uniform(-0.8, 0.8)

    def shape(pose: Pose, time: float) -> Float64:
        inner = pose.mass_centre - pose.centre
        end = pose.wall(float(np.arctan2(inner[1], inner[0])) + aside + speed * time)
        towards = end - pose.mass_centre
        direction = float(np.arctan2(towards[1], towards[0])) + leaving
        reach = 0.9 * float(pose.mass_outline(direction))
        start = pose.mass_centre + reach * np.array([np.cos(direction), np.sin(direction)])
        return arc(start, end, sag + 0.03 * np.sin(6 * time + sway), POINTS)

    return shape


def free_process(rng: np.random.Generator) -> Shape:
    """From the trophectoderm into the cavity, where it ends."""
    angle, length, lean = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.16), rng.uniform(-0.7, 0.7)
    sag, speed = rng.uniform(-0.15, 0.15), rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        place = angle + speed * time
        start = pose.wall(place)
        inwards = place + np.pi + lean
        return arc(start, start + length * np.array([np.cos(inwards), np.sin(inwards)]), sag, POINTS)

    return shape


def wall_fold(rng: np.random.Generator) -> Shape:
    """Along the trophectoderm, just inside it."""
    angle, span, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.0), rng.uniform(0.02, 0.06)
    speed = rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        angles = angle + speed * time + np.linspace(-span / 2, span / 2, POINTS)
        reach = pose.outline(angles) - np.median(pose.cell_thickness(angles)) - depth
        return np.asarray(pose.centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))

    return shape


def wrinkle(rng: np.random.Generator) -> Shape:
    """Anywhere, touching nothing."""
    angle, distance = rng.uniform(0, 2 * np.pi), 0.75 * np.sqrt(rng.random())
    heading, length, sag = rng.uniform(0, np.pi), rng.uniform(0.04, 0.14), rng.uniform(-0.25, 0.25)
    speed = rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        place = angle + speed * time
        middle = pose.centre + distance * pose.radius * np.array([np.cos(place), np.sin(place)])
        half = length / 2 * np.array([np.cos(heading), np.sin(heading)])
        return arc(middle - half, middle + half, sag, POINTS)

    return shape


def _spells(rng: np.random.Generator, frames: int) -> list[tuple[int, int]]:
    """Runs of frames (first, behind last) with strings.

    Runs without and with strings take turns, and the first and the last are without: strings are then as
    frequent early as late, and no cue that grows with the embryo can tell the label. The share of frames with
    strings is the same in every such embryo, so that no cue of the embryo can tell it either.
    """
    spells = 1 if frames < 10 else 2 if frames < 40 else 3
    with_strings = max(round(0.4 * frames), spells)
    lengths = np.empty(2 * spells + 1, int)
    lengths[0::2] = _parts(rng, frames - with_strings, spells + 1)
    lengths[1::2] = _parts(rng, with_strings, spells)
    ends = np.cumsum(lengths)
    return [(int(ends[run - 1]), int(ends[run])) for run in range(1, 2 * spells, 2)]


def _parts(rng: np.random.Generator, total: int, count: int) -> NDArray[np.int_]:
    """Split `total` into `count` parts of at least 1 and of similar size."""
    shares = np.cumsum(rng.uniform(0.6, 1.4, count))
    ends = np.round(shares / shares[-1] * (total - count)).astype(int) + np.arange(1, count + 1)
    return np.asarray(np.diff(ends, prepend=0))


def _across_cavity(
    kind: Callable[[np.random.Generator], Shape],
    rng: np.random.Generator,
    embryo: Embryo,
    times: tuple[float, float],
) -> Shape:
    """A shape that runs through the cavity, where it can be seen, when it appears and when it goes."""
    poses = [embryo.pose(time) for time in times]
    for _ in range(TRIES):
        shape = kind(rng)
        if (
            min(pose.in_cavity(shape(pose, time)).mean() for pose, time in zip(poses, times, strict=True))
            > 0.75
        ):
            break
    return shape


def _uneven(rng: np.random.Generator) -> Float64:
    """Strengths (POINTS,) around 1: a string is thicker here and there and partly out of focus."""
    knots = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, 9), rng.uniform(0.55, 1.3, 9))
    return knots + rng.uniform(-0.12, 0.12, POINTS)


def _sign(rng: np.random.Generator) -> Literal[-1, 1]:
    return 1 if rng.random() < 0.5 else -1

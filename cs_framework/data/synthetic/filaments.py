"""Where strings and the lines that are easily taken for strings run, and when.

A string hangs between two anchors: two places of the wall, or the wall and the inner cell mass. A decoy has at
most one: a process that ends freely, a fold along the wall, a wrinkle in front of or behind the focal plane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from attrs import frozen

from cs_framework.data.synthetic.anatomy import Embryo, Float64, Pose
from cs_framework.data.synthetic.strings import StringStyle, arc

POINTS = 33
Shape = Callable[[Pose, float], Float64]
"""The curve (POINTS, 2) of a filament in shares of the frame, given the pose of the embryo and the time."""


@frozen(eq=False)
class Filament:
    """A line in the cavity.

    Attributes:
        shape: where it runs.
        first: frame in which it appears.
        last: frame after the one in which it is last seen.
        contrast: grey levels at gain 1; `width` and `blur` in pixels at a frame of 320.
        strength: (POINTS,) factors of the contrast along the line.
    """

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
            poses = [embryo.pose(frame / (frames - 1)) for frame in (start, last - 1)]
            shape = _clear_of_mass(lambda kind=kind: kind(rng), poses)
            found.append(
                Filament(
                    shape=shape,
                    first=start,
                    last=last,
                    contrast=rng.uniform(11, 30),
                    width=rng.uniform(1.8, 3.4),
                    blur=rng.uniform(0.7, 1.3),
                    polarity=_sign(rng),
                    relief=rng.uniform(0, 0.8),
                    strength=_uneven(rng),
                )
            )
    return found


def decoys(rng: np.random.Generator, frames: int) -> list[Filament]:
    """The lines of an embryo over its course that are no strings; they know nothing of its strings."""
    found = []
    for kind, count in ((free_process, 5), (wall_fold, 6), (wrinkle, 7)):
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
                    shape=kind(rng),
                    first=first,
                    last=first + lasting,
                    contrast=rng.uniform(10, 28),
                    width=rng.uniform(1.4, 4.5),
                    blur=rng.uniform(0.7, 2.0),
                    polarity=_sign(rng),
                    relief=rng.uniform(0, 0.8),
                    strength=_uneven(rng) * fading,
                )
            )
    return found


def wall_to_wall(rng: np.random.Generator) -> Shape:
    """Between two places of the trophectoderm."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.34)
    sag, sway, speed = rng.uniform(-0.12, 0.12), rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        half = np.arcsin(min(length / (2 * 0.92 * pose.radius), 0.95))
        middle = angle + speed * time
        bend = sag + 0.03 * np.sin(6 * time + sway)
        return arc(pose.wall(middle - half), pose.wall(middle + half), bend, POINTS)

    return shape


def mass_to_wall(rng: np.random.Generator) -> Shape:
    """From the inner cell mass to the trophectoderm."""
    aside = rng.uniform(0.6, 1.7) * _sign(rng)
    sag, sway, speed = rng.uniform(-0.10, 0.10), rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    leaving = rng.uniform(-0.4, 0.4)

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
        return pose.centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)

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

    Runs without and with strings take turns, and the first and the last are without: strings are then as frequent
    early as late, and no cue that grows with the embryo can tell the label.
    """
    runs = 3 if frames < 10 else 5 if frames < 40 else 7
    shares = rng.uniform(0.6, 1.4, runs)
    ends = np.round(np.cumsum(shares) / shares.sum() * (frames - runs)).astype(int) + np.arange(1, runs + 1)
    return [(int(ends[run - 1]), int(ends[run])) for run in range(1, runs, 2)]


def _clear_of_mass(draw: Callable[[], Shape], poses: list[Pose]) -> Shape:
    """A shape that stays out of the inner cell mass, where nobody would see it, in all poses."""
    for _ in range(50):
        shape = draw()
        if all(_hidden(shape(pose, 0.0), pose) < 0.2 for pose in poses):
            break
    return shape


def _hidden(curve: Float64, pose: Pose) -> float:
    """Share of a curve inside the inner cell mass."""
    return float(np.mean(np.hypot(*(curve - pose.mass_centre).T) < pose.mass_radius))


def _uneven(rng: np.random.Generator) -> Float64:
    """Strengths (POINTS,) around 1: a string is thicker here and there and partly out of focus."""
    knots = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, 9), rng.uniform(0.55, 1.3, 9))
    return knots + rng.uniform(-0.12, 0.12, POINTS)


def _sign(rng: np.random.Generator) -> Literal[-1, 1]:
    return 1 if rng.random() < 0.5 else -1

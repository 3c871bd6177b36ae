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

from cs_framework.api.arrays import Float64
from cs_framework.synthetic.anatomy import Embryo, Pose
from cs_framework.synthetic.strings import StringStyle, arc

POINTS = 33
TRIES = 1000
"""Draws of a string until one lies where people mark strings; one in about thirty does."""
CENTRE_WITHIN = 0.58
CORNER_WITHIN = 0.86
"""Where marked strings lie, in radii of the embryo from its centre: the middle and the farthest corner of the
box (95th percentile of the real boxes: 0.56 and 0.83)."""
CAVITY_SHARE = 0.6
"""Share of a string that runs through the cavity, where it can be seen, and not below cells."""
UNSEEN = 0.2
"""Strength of a string towards its anchors, where it leaves the focal plane; people do not mark it there."""
WITH_STRINGS = 0.4
"""Share of an embryo's frames that show strings."""
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
    for first, last in spells(rng, frames, WITH_STRINGS):
        extra = int(rng.choice(3, p=(0.78, 0.17, 0.05)))
        for number in range(1 + extra):
            start = first if number == 0 else int(rng.integers(first, last))
            kind = wall_to_wall if rng.random() < 0.5 else mass_to_wall
            times = (start / (frames - 1), (last - 1) / (frames - 1))
            shape, focus = _across_cavity(kind, rng, embryo, times)
            found.append(
                Filament(
                    is_string=True,
                    shape=shape,
                    first=start,
                    last=last,
                    contrast=rng.uniform(17, 35),
                    width=rng.uniform(1.7, 3.6),
                    blur=rng.uniform(0.7, 1.3),
                    polarity=_sign(rng),
                    relief=rng.uniform(0, 0.6),
                    strength=_uneven(rng) * focus,
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
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.30, 0.75)
    sag, sway, speed = rng.uniform(-0.12, 0.12), rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)

    def shape(pose: Pose, time: float) -> Float64:
        half = np.arcsin(min(length / (2 * 0.92 * pose.radius), 0.95))
        middle = angle + speed * time
        bend = sag + 0.03 * np.sin(6 * time + sway)
        return arc(pose.wall(middle - half), pose.wall(middle + half), bend, POINTS)

    return shape


def mass_to_wall(rng: np.random.Generator) -> Shape:
    """From the inner cell mass to the trophectoderm."""
    aside = rng.uniform(0.8, np.pi) * _sign(rng)
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


def spells(rng: np.random.Generator, frames: int, share: float) -> list[tuple[int, int]]:
    """Runs of frames (first, behind last) with strings, which take a `share` of all.

    The course is taken as a ring and turned at random, so that strings are as frequent at any time as at any
    other, and no cue that changes with the embryo's age can tell the label. The share of frames with strings
    is the same in every such embryo, so that no cue of the embryo can tell it either.
    """
    spells = 1 if frames < 10 else 2 if frames < 40 else 3
    with_strings = max(round(share * frames), spells)
    lengths = np.empty(2 * spells, int)
    lengths[0::2] = _parts(rng, frames - with_strings, spells)
    lengths[1::2] = _parts(rng, with_strings, spells)
    ends = np.cumsum(lengths) + int(rng.integers(frames))
    found = []
    for run in range(0, 2 * spells, 2):
        first, last = (int(end) % frames for end in ends[run : run + 2])
        found += [(first, last)] if first < last else [(first, frames), (0, last)]
    return sorted(run for run in found if run[0] < run[1])


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
) -> tuple[Shape, Float64]:
    """A string that lies where people mark strings, from when it appears to when it goes.

    Returns:
        Its shape, and how much of its strength (POINTS,) is left along it: all within the stretch that is in
        focus, `UNSEEN` towards the anchors.
    """
    poses = [embryo.pose(time) for time in times]
    for _ in range(TRIES):
        shape, middle, length = kind(rng), rng.uniform(0.25, 0.75), rng.uniform(0.04, 0.30)
        curves = [shape(pose, time) for pose, time in zip(poses, times, strict=True)]
        lit = _across_light(curves[0], embryo.light) > rng.random()
        focus = _in_focus(curves[0], middle, length)
        if lit and all(
            pose.in_cavity(curve).mean() > CAVITY_SHARE and _is_marked(curve[focus == 1], pose)
            for curve, pose in zip(curves, poses, strict=True)
        ):
            break
    return shape, focus


def _across_light(curve: Float64, light: float) -> float:
    """How much of its relief a line shows, in [0, 1]: oblique light hides lines that run along it."""
    x, y = curve[-1] - curve[0]
    return float(np.sin(np.arctan2(y, x) - light) ** 4)


def _in_focus(curve: Float64, middle: float, length: float) -> Float64:
    """Strengths (POINTS,): 1 over `length` (a share of the frame) around `middle` (a share of the curve)."""
    whole = float(np.hypot(*np.diff(curve, axis=0).T).sum())
    beyond = np.abs(np.linspace(0, 1, POINTS) - middle) - length / whole / 2
    return np.where(beyond <= 0, 1, np.clip(1 - beyond / 0.1, UNSEEN, 0.99))


def _is_marked(part: Float64, pose: Pose) -> bool:
    """Whether the visible part (K, 2) of a string lies in the cavity, where real marked ones lie."""
    if len(part) < 3 or pose.in_cavity(part).mean() < 0.9:
        return False
    low, high = part.min(axis=0) - pose.centre, part.max(axis=0) - pose.centre
    farthest = np.hypot(*np.maximum(np.abs(low), np.abs(high)))
    nearness = np.hypot(*(low + high) / 2)
    return bool(nearness < CENTRE_WITHIN * pose.radius and farthest < CORNER_WITHIN * pose.radius)


def _uneven(rng: np.random.Generator) -> Float64:
    """Strengths (POINTS,) around 1: a string is thicker here and there and partly out of focus."""
    knots = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, 9), rng.uniform(0.55, 1.3, 9))
    return knots + rng.uniform(-0.12, 0.12, POINTS)


def _sign(rng: np.random.Generator) -> Literal[-1, 1]:
    return 1 if rng.random() < 0.5 else -1

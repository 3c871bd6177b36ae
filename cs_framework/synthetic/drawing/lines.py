"""Where strings run, and lines that have everything of a string but what makes one."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from attrs import frozen

from cs_framework.synthetic.drawing.camera import Camera
from cs_framework.synthetic.drawing.grid import Bool, Float32, Float64, Grid, blur, line
from cs_framework.synthetic.strings import FWHM, StringStyle, arc

_POINTS = 33
_PAIRS = 300
"""Pairs of anchors that a string is chosen from."""
_LENGTHS = (0.1, 0.17, 0.75)
"""Lengths of strings in diameters of the embryo: the shortest, and what most lie between."""
_CLEAR = 0.96
"""Share of a string that runs through the cavity."""
_OPEN = (0.07, 0.32)
"""Median distance of a string from wall and inner cell mass, in radii: drawn between these, at most `_ROOM`
of what the cavity has. Close to the wall a string would look like a membrane, and membranes like strings."""
_ROOM = 0.55
_PLACES = 8
"""Pairs of anchors of about the wanted length, of which the one in the smoothest place is
taken with a chance of `_SMOOTHEST`: strings are seen there."""
_SMOOTHEST = 0.75
VISIBLE = 5.0
"""Grey levels that a string changes at least, in the mean over where it is marked."""
_WHOLE = 0.45
"""Share of strings that are seen from end to end; of the others a stretch is in focus."""

Line = tuple[Float64, StringStyle, Float64]
"""Curve (POINTS, 2) in pixels, look, and strength (POINTS,) along it."""


@frozen(eq=False)
class Place:
    """Where lines may run in a drawing, and how strong they have to be there."""

    grid: Grid
    camera: Camera
    inside: Bool
    cavity: Bool
    mass: Bool
    roughness: Float32
    """(S, S) standard deviation of the grey levels around each pixel; `detail`: of fine ones and noise."""
    detail: Float32
    faintest: float
    """Contrast in grey levels of the drawing below which the camera shows nothing."""

    @classmethod
    def of(cls, grid: Grid, camera: Camera, grey: Float32, inside: Bool, cavity: Bool, mass: Bool) -> Place:
        """The place that a painted embryo offers to a camera that is set to it."""
        window = (max(round(0.05 * 2 * grid.radius), 3),) * 2
        variance = cv2.blur(grey**2, window) - cv2.blur(grey, window) ** 2
        seen = blur(grey, camera.softness * grid.scale)
        fine = cv2.blur((seen - blur(seen, 2)) ** 2, window)
        noise = np.hypot(camera.noise, camera.lumps) / camera.gain
        return cls(
            grid,
            camera,
            inside,
            cavity,
            mass,
            np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32),
            np.asarray(np.sqrt(np.maximum(fine, 0) + noise**2), np.float32),
            max(VISIBLE / camera.gain, 1.2 * noise),
        )

    def along(self, plane: Float32, curve: Float64) -> float:
        """Median of a map along a curve."""
        columns, rows = np.clip(curve.astype(int), 0, self.grid.size - 1).T
        return float(np.median(plane[rows, columns]))

    def style(self, rng: np.random.Generator, curve: Float64, times: tuple[float, float]) -> StringStyle:
        """A string's look: from a hair to a band with two edges, as much stronger than what it crosses."""
        kind = rng.random()
        width = (
            rng.uniform(0.8, 2.0) if kind < 0.35 else rng.uniform(2, 6) if kind < 0.85 else rng.uniform(6, 10)
        )
        hollow = rng.uniform(0.5, 1) if width > 6 or (width > 1.8 and rng.random() < 0.65) else 0.0
        contrast = max(
            rng.uniform(*times) * self.along(self.roughness, curve),
            rng.uniform(1.2, 3.5) * self.along(self.detail, curve),
            rng.uniform(1.2, 2) * self.faintest,
        )
        # What the optics take away from a thin line comes on top.
        contrast *= float(np.clip(np.hypot(1, FWHM * self.camera.softness / width), 1, 2))
        return self.dressed(rng, width, contrast, hollow)

    def dressed(
        self, rng: np.random.Generator, width: float, contrast: float, hollow: float = 0.0
    ) -> StringStyle:
        """A look of a width (in pixels at an embryo of 230 px) and a contrast."""
        sign: Literal[-1, 1] = 1 if rng.random() < (0.65 if hollow else 0.5) else -1
        blur = rng.choice((rng.uniform(0.3, 0.7), rng.uniform(0.6, 1.4))) * self.grid.scale
        return StringStyle(
            contrast=float(min(contrast, 85)),
            width=max(width * self.grid.scale, 0.7),
            blur=blur,
            polarity=sign,
            relief=float(rng.uniform(0, 1.2) * min(self.camera.relief, 1)),
            light=self.camera.light,
            hollow=hollow,
        )


def strings(rng: np.random.Generator, place: Place) -> list[Line]:
    """One string, at times two, three or a fan from one point; none where nothing fits."""
    anchors = _Anchors.of(place)
    count, fan = int(rng.choice((1, 2, 3, 5), p=(0.6, 0.22, 0.12, 0.06))), rng.random() < 0.4
    found: list[Line] = []
    start: Float64 | None = None
    for _ in range(count):
        curve = anchors.curve(rng, start if fan else None)
        if curve is None:
            continue
        start = curve[0]
        strength = _uneven(rng) * (1 if rng.random() < _WHOLE else _in_focus(rng, curve, place.grid.radius))
        seen = curve[strength > 0.5] if (strength > 0.5).any() else curve
        found.append((curve, place.style(rng, seen, (0.9, 3.5)), strength))
    return found


@frozen(eq=False)
class _Anchors:
    """Points that strings hang from."""

    cavity: Bool
    radius: float
    off_wall: Float32
    detail: Float32
    wall: Float64
    """(N, 2) pixels just outside of the cavity, where it ends at the wall; `mass` where at the mass."""
    mass: Float64

    @classmethod
    def of(cls, place: Place) -> _Anchors:
        cavity = place.cavity.astype(np.uint8)
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        ring = (cv2.dilate(cavity, cross) > cavity) & place.inside
        at_mass = ring & (cv2.dilate(place.mass.astype(np.uint8), cross) > 0)
        off_wall = np.asarray(cv2.distanceTransform(cavity, cv2.DIST_L2, cv2.DIST_MASK_3), np.float32)
        wall, mass = _middles(ring & ~at_mass), _middles(at_mass)
        return cls(place.cavity, place.grid.radius, off_wall, place.detail, wall, mass)

    def curve(self, rng: np.random.Generator, start: Float64 | None) -> Float64 | None:
        """A slightly bent or wandering curve through the cavity; None where there is no room for one."""
        from_mass = len(self.mass) > 4 and rng.random() < 0.5
        ones = self.mass if from_mass else self.wall
        if len(ones) < 2 or len(self.wall) < 8:
            return None
        first = ones[rng.integers(len(ones), size=_PAIRS)] if start is None else np.tile(start, (_PAIRS, 1))
        last = self.wall[rng.integers(len(self.wall), size=_PAIRS)]
        length = np.hypot(*(last - first).T)
        share = np.linspace(0.04, 0.96, 24)[:, None]
        path = first[:, None] + share * (last - first)[:, None]
        columns, rows = np.moveaxis(path.astype(int), -1, 0)
        clear = self.cavity[rows, columns].mean(axis=1) >= _CLEAR
        away = np.median(self.off_wall[rows, columns], axis=1)
        clear &= away >= min(rng.uniform(*_OPEN) * self.radius, _ROOM * float(self.off_wall.max()))
        clear &= length >= _LENGTHS[0] * 2 * self.radius
        if not clear.any():
            return None
        wanted = np.exp(rng.uniform(*np.log(_LENGTHS[1:]))) * 2 * self.radius
        unlike = np.where(clear, np.abs(np.log(np.maximum(length, 1) / wanted)), np.inf)
        likely = np.argsort(unlike)[: min(_PLACES, int(clear.sum()))]
        rough = np.median(self.detail[rows[likely], columns[likely]], axis=1)
        chosen = int(likely[np.argmin(rough)] if rng.random() < _SMOOTHEST else likely[0])
        straight = arc(first[chosen], last[chosen], 0.0, _POINTS)
        bent = arc(first[chosen], last[chosen], rng.normal(0, 0.05), _POINTS)
        bent = bent + _wander(rng, bent, rng.choice((0.0, 0.012, 0.03)))
        columns, rows = np.clip(bent[1:-1].astype(int), 0, len(self.cavity) - 1).T
        return bent if self.cavity[rows, columns].mean() > 0.9 else straight


def look_alikes(rng: np.random.Generator, place: Place) -> list[Line]:
    """Arcs, wrinkles, soft bands, stubs, and strings' looks where there is no cavity."""
    lines: list[Line] = []
    grid = place.grid
    kinds = rng.choice(6, size=int(rng.integers(1, 13)), p=(0.2, 0.26, 0.11, 0.16, 0.13, 0.14))
    for kind in kinds:
        if kind == 0:
            curve = _wall_arc(rng, grid)
        elif kind == 1:
            curve = _wrinkle(rng, grid)
        elif kind == 5:
            curve = _bulge(rng, grid)
        else:
            curve = _short_line(rng, grid, {2: (0.2, 0.7), 3: (0.02, 0.07), 4: (0.1, 0.4)}[kind])
        style = place.style(rng, curve, (0.5, 3.2))
        if kind == 2:
            style = place.dressed(
                rng, rng.uniform(8, 20), rng.uniform(0.3, 1.2) * place.along(place.roughness, curve)
            )
        fading = np.sin(np.linspace(0.15, np.pi - 0.15, _POINTS)) if rng.random() < 0.7 else 1.0
        strength = fading * _uneven(rng)
        columns, rows = np.clip(curve.astype(int), 0, grid.size - 1).T
        if kind != 4 or not place.cavity[rows, columns].any():  # across the cavity it would be a string
            lines.append((curve, style, strength))
    return lines


def single_edge(rng: np.random.Generator, place: Place, grey: Float32) -> Float32:
    """The drawing with one long, straight step of brightness across the cavity: an edge without a second."""
    grid = place.grid
    turn, heading = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0, 0.7)
    xs, ys = grid.xs - np.float32(away * np.cos(turn)), grid.ys - np.float32(away * np.sin(turn))
    across = xs * np.float32(np.cos(heading)) + ys * np.float32(np.sin(heading))
    across = across + np.float32(rng.uniform(-0.4, 0.4)) * (xs * xs + ys * ys)
    level = rng.uniform(0.4, 1.6) * float(np.median(place.roughness[place.cavity])) * rng.choice((-1, 1))
    softness = rng.uniform(1, 4) * grid.pixel
    slope = np.clip(across / np.float32(softness), -1, 1) * line(across, rng.uniform(0.07, 0.5))
    ahead = line(xs * np.float32(np.sin(heading)) - ys * np.float32(np.cos(heading)), rng.uniform(0.25, 0.8))
    visible = cv2.blur(place.cavity.astype(np.float32), (5, 5))
    return np.asarray(grey + np.float32(level) * slope * ahead * visible, np.float32)


def _middles(mask: Bool) -> Float64:
    """Middles (N, 2) of the pixels of a mask, x first."""
    rows, columns = np.nonzero(mask)
    return np.asarray(np.stack([columns, rows], axis=1) + 0.5, np.float64)


def _in_focus(rng: np.random.Generator, curve: Float64, radius: float) -> Float64:
    """Strengths (POINTS,): a stretch in focus, little to nothing beyond."""
    length = float(np.hypot(*np.diff(curve, axis=0).T).sum())
    seen = min(rng.uniform(0.1, 0.5) * 2 * radius / max(length, 1e-6), 1)
    middle = rng.uniform(seen / 2, 1 - seen / 2)
    beyond = np.abs(np.linspace(0, 1, _POINTS) - middle) - seen / 2
    return np.asarray(np.clip(1 - np.maximum(beyond, 0) / rng.uniform(0.08, 0.3), rng.uniform(0, 0.3), 1))


def _uneven(rng: np.random.Generator) -> Float64:
    """Strengths (POINTS,) around 1."""
    spread = rng.uniform(0.05, 0.55)
    knots = rng.uniform(1 - spread, 1 + 0.6 * spread, 9)
    return np.asarray(np.interp(np.linspace(0, 1, _POINTS), np.linspace(0, 1, 9), knots))


def _wander(rng: np.random.Generator, curve: Float64, share: float) -> Float64:
    """Offsets (POINTS, 2) to either side, `share` of the length, none at the ends."""
    along = np.linspace(0, np.pi, _POINTS)
    orders = np.arange(2, 6)
    amplitudes = share * rng.uniform(-1, 1, len(orders)) / (orders - 1)
    aside = np.sin(np.outer(along, orders)) @ amplitudes
    chord = curve[-1] - curve[0]
    return np.asarray(aside[:, None] * np.array([-chord[1], chord[0]]))


def _wall_arc(rng: np.random.Generator, grid: Grid) -> Float64:
    """Along the wall, on its inner side."""
    angles = rng.uniform(0, 2 * np.pi) + np.linspace(-0.5, 0.5, _POINTS) * rng.uniform(0.2, 1.3)
    reach = rng.uniform(0.72, 1.0)
    return grid.to_pixels(reach * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _bulge(rng: np.random.Generator, grid: Grid) -> Float64:
    """From wall to wall, around a cell that bulges into the cavity."""
    turn, half = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.5)
    reach = rng.uniform(0.8, 0.98)
    ends = reach * np.array([[np.cos(one), np.sin(one)] for one in (turn - half, turn + half)])
    return grid.to_pixels(arc(ends[0], ends[1], rng.uniform(0.2, 0.6), _POINTS))


def _wrinkle(rng: np.random.Generator, grid: Grid) -> Float64:
    """Short, and bent more than strings are."""
    ends = _ends(rng, rng.uniform(0.05, 0.22) * 2, 0.95)
    return grid.to_pixels(arc(ends[0], ends[1], rng.choice((-1, 1)) * rng.uniform(0.18, 0.5), _POINTS))


def _short_line(rng: np.random.Generator, grid: Grid, lengths: tuple[float, float]) -> Float64:
    """Straight, anywhere on the embryo, `lengths` diameters long."""
    ends = _ends(rng, rng.uniform(*lengths) * 2, 0.95)
    return grid.to_pixels(arc(ends[0], ends[1], rng.normal(0, 0.05), _POINTS))


def _ends(rng: np.random.Generator, length: float, reach: float) -> Float64:
    """Two points (2, 2) in radii, `length` apart, around a place on the embryo."""
    turn, away, heading = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    middle = away * np.array([np.cos(turn), np.sin(turn)])
    half = length / 2 * np.array([np.cos(heading), np.sin(heading)])
    return np.stack([middle - half, middle + half])

"""Strings drawn into string-free frames, with lines that look alike: exact boxes where nobody annotated.

Every laboratory has string-free frames in plenty and annotated ones hardly any. What is learnt from strings
drawn into the frames of many embryos carries over to new embryos, which annotations of one embryo do not.
Learning from drawn defects is the idea of CutPaste (Li et al., 2021) and DRAEM (Zavrtanik et al., 2021).
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Bool, Float32, Float64
from cs_framework.api.boxes import as_boxes, clip
from cs_framework.api.frames import Frame
from cs_framework.synthetic.strings import StringStyle, arc, draw_string
from cs_framework.toolkit.ridges import RidgeMaps, ridge_maps

_DIAMETER = 230.0
"""Pixels across an embryo at which the widths below hold; they grow with the embryo."""
_WITHOUT_EMBRYO = 0.72
"""Of the shorter side of a frame: the diameter reckoned with where no embryo was found."""
_ONE_WAY = 0.2
"""Coherence of gradients from which oblique light is taken to hide all lines that run along it."""
_POINTS = 33
_PLACES = 6
"""Places drawn for each string, of which the smoothest is taken: strings are seen in the cavity."""
_TRIES = 5
"""Of a string, where nothing can be seen of it, as happens in tiny frames."""
_CENTRE_WITHIN, _END_WITHIN = 0.56, 0.88
"""Radii of the embryo within which the middle and the ends of a string lie."""
_MIDDLE = 0.65
"""Radii of the embryo that its middle reaches to, where a cavity is looked for."""
_MARGIN = 0.02
"""Distance between a string and its box, in diameters: people draw boxes loosely."""
_DARK = 0.55
"""Share of strings darker than what lies around them."""
_WHOLE = 0.25
"""Share of strings that are seen from wall to wall; of the others a stretch is in focus."""

Sign = Literal[-1, 1]


@frozen(eq=False)
class Implant:
    """A frame with strings drawn into it."""

    frame: Frame
    """The altered frame; id, sequence and index are those of the original."""
    mask: Bool
    """(H, W) where a drawn string can be seen; look-alikes are not marked."""
    boxes: Float32
    """(N, 4) around each string that can be seen; N may be 0 below 40 px, or with hardly any embryo."""


def implant(
    frame: Frame, rng: np.random.Generator, strings: int | None = None, *, where: Bool | None = None
) -> Implant:
    """Draw strings, and lines that are easily taken for strings, into a string-free frame.

    Strings are thin, faint, slightly bent, dark or bright, and as sharp as the frame is. Some hang between
    two places of the wall and are seen from end to end; others cross the embryo, and of them only a stretch
    is in focus, which the box holds. Look-alikes have the same contrast: arcs along the wall and short
    wrinkles, too strongly bent for a string, and bands too wide for one.

    Oblique light, as of Hoffman modulation contrast, hides lines that run along it: where most gradients of
    the frame point one way, drawn strings run across that way, as those do that people can see and mark.

    Args:
        frame: what to draw into; it is left as it is.
        rng: decides everything; the same generator state gives the same frame.
        strings: how many; None draws one, at times two or three, and 0 draws look-alikes only.
        where: (H, W) the cavity, if it is known: most of each string is drawn there. Without it strings are
            drawn where the frame is smooth.
    """
    scene = _Scene.of(frame, rng, where)
    grey = frame.grey.astype(np.float32)
    mask, boxes = np.zeros(frame.size, bool), []
    if min(frame.size) >= 16:
        for curve, style, strength in scene.look_alikes():
            grey = draw_string(grey, curve, style, strength).image
        for _ in range(int(rng.choice((1, 2, 3), p=(0.75, 0.19, 0.06))) if strings is None else strings):
            tries = (draw_string(grey, *scene.string()) for _ in range(_TRIES))
            drawn = next((one for one in tries if one.mask.any()), None)
            if drawn is not None:
                grey = drawn.image
                mask |= drawn.mask
                boxes.append(drawn.box)
    change = np.rint(grey - frame.grey)[..., None]
    image = np.clip(frame.image + change, 0, 255).astype(np.uint8)
    margin = _MARGIN * scene.diameter * np.array([-1, -1, 1, 1], np.float32)
    return Implant(
        frame=evolve(frame, image=image),
        mask=mask,
        boxes=clip(as_boxes(boxes) + margin, frame.size) if boxes else as_boxes([]),
    )


def cavity(frame: Frame) -> float:
    """How clear the embryo is in the middle, where its cavity opens: strings are found in a cavity only.

    Before there is one, cells cover everything. The figure is 1 less the roughness (standard deviation of
    the grey levels around a pixel) of the smoothest fifth of the middle, as a share of that of crisp edges.

    Args:
        frame: any frame; all of it counts as the embryo where none is found.

    Returns:
        From 0, rough everywhere, to 1; in frames of cells around 0.6, in those of blastocysts around 0.75.
    """
    embryo, (height, width) = frame.embryo, frame.size
    roughness = _roughness(frame.grey.astype(np.float32), embryo.diameter)
    y, x = np.ogrid[0.5:height, 0.5:width]
    middle = (x - embryo.x) ** 2 + (y - embryo.y) ** 2 < (_MIDDLE * embryo.radius) ** 2
    if not (middle & embryo.mask).any():
        return 0.0
    smooth = np.percentile(roughness[middle & embryo.mask], 20)
    crisp = np.percentile(roughness[embryo.mask], 90)
    return float(np.clip(1 - smooth / crisp, 0, 1)) if crisp > 0 else 0.0


def _roughness(plane: Float32, diameter: float) -> Float32:
    """(H, W) standard deviation of the grey levels around each pixel."""
    window = (max(int(0.04 * diameter), 3),) * 2
    variance = cv2.blur(plane**2, window) - cv2.blur(plane, window) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0)), np.float32)


@frozen(eq=False)
class _Scene:
    """What decides how lines look in a frame."""

    rng: np.random.Generator
    centre: Float64
    radius: float
    roughness: Float32
    """(H, W) standard deviation of the grey levels around each pixel."""
    blur: float
    """Standard deviation of the optics in pixels."""
    light: float
    """Direction of oblique light in radians: that of most gradients, to either side."""
    one_way: float
    """How surely the light is oblique, from 0 to 1."""
    relief: float
    where: Bool | None
    """(H, W) the cavity, or None where nobody knows."""

    @classmethod
    def of(cls, frame: Frame, rng: np.random.Generator, where: Bool | None) -> _Scene:
        embryo, (height, width) = frame.embryo, frame.size
        radius = embryo.radius if embryo.found else _WITHOUT_EMBRYO / 2 * min(height, width)
        plane = frame.grey.astype(np.float32)
        maps = ridge_maps(frame.grey, (0.7, 1.5))
        inside = embryo.mask if embryo.mask.any() else np.ones(frame.size, bool)
        axis, coherence = _gradient_axis(maps, inside)
        return cls(
            rng=rng,
            centre=np.array([embryo.x, embryo.y]),
            radius=radius,
            roughness=_roughness(plane, 2 * radius),
            blur=_sharpness(maps, inside),
            light=axis + np.pi * rng.integers(2),
            one_way=min(coherence / _ONE_WAY, 1.0),
            relief=rng.uniform(0, 0.9),
            where=where,
        )

    @property
    def diameter(self) -> float:
        return 2 * self.radius

    @property
    def scale(self) -> float:
        return self.diameter / _DIAMETER

    def string(self) -> tuple[Float64, StringStyle, Float64]:
        """Curve, look and strength of a string."""
        whole = self.rng.random() < _WHOLE
        place = self._span if whole else self._chord
        curve = min((place() for _ in range(_PLACES)), key=self._unfit)
        focus = np.ones(_POINTS) if whole else self._in_focus(curve)
        seen = curve[focus == 1] if (focus == 1).any() else curve
        style = self._style(self._contrast(seen, (1.2, 3.2)), self.rng.uniform(1.0, 3.0))
        return curve, style, focus * self._uneven()

    def _in_focus(self, curve: Float64) -> Float64:
        """Strengths (POINTS,) along a string: a stretch in focus, nearly nothing beyond."""
        length = float(np.hypot(*np.diff(curve, axis=0).T).sum())
        seen = min(self.rng.uniform(0.1, 0.5) * self.diameter / max(length, 1e-6), 1)
        middle = self.rng.uniform(seen / 2, 1 - seen / 2)
        beyond = np.abs(np.linspace(0, 1, _POINTS) - middle) - seen / 2
        return np.clip(1 - np.maximum(beyond, 0) / 0.12, 0.1, 1)

    def look_alikes(self) -> list[tuple[Float64, StringStyle, Float64]]:
        """Arcs along the wall, wrinkles and soft bands; what is drawn knows nothing of strings."""
        lines = []
        for kind in self.rng.choice(3, size=int(self.rng.integers(2, 7)), p=(0.3, 0.4, 0.3)):
            curve = (self._wall_arc, self._wrinkle, self._chord)[kind]()
            width = self.rng.uniform(1.0, 3.5) if kind < 2 else self.rng.uniform(7, 14)
            fading = np.sin(np.linspace(0.1, np.pi - 0.1, _POINTS))
            style = self._style(self._contrast(curve, (0.8, 3.0)), width)
            lines.append((curve, style, fading * self._uneven()))
        return lines

    def _heading(self) -> float:
        """A direction in which a line can be seen."""
        while True:
            heading = self.rng.uniform(0, np.pi)
            if self.rng.random() < 1 - self.one_way * (1 - np.sin(heading - self.light) ** 4):
                return float(heading)

    def _chord(self) -> Float64:
        """Nearly straight, across the embryo, with its middle where strings are seen."""
        turn, reach = self.rng.uniform(0, 2 * np.pi), _CENTRE_WITHIN * np.sqrt(self.rng.random())
        middle = self.centre + reach * self.radius * np.array([np.cos(turn), np.sin(turn)])
        heading = self._heading()
        along = np.array([np.cos(heading), np.sin(heading)])
        towards = float((middle - self.centre) @ along)
        away = float(((middle - self.centre) ** 2).sum()) - towards**2
        half = np.sqrt(max((_END_WITHIN * self.radius) ** 2 - away, 1.0))
        start, end = (middle + (sign * half - towards) * along for sign in (-1, 1))
        return arc(start, end, self.rng.normal(0, 0.04), _POINTS)

    def _span(self) -> Float64:
        """Between two places of the wall, sagging to either side."""
        # A chord runs at right angles to the way to its middle.
        angle = self._heading() + np.pi * (self.rng.integers(2) - 0.5)
        apart = self.rng.uniform(0.9, 2.0)
        reach = self.rng.uniform(0.7, _END_WITHIN) * self.radius
        start, end = (
            self.centre + reach * np.array([np.cos(turn), np.sin(turn)])
            for turn in (angle - apart / 2, angle + apart / 2)
        )
        return arc(start, end, self.rng.uniform(-0.05, 0.15), _POINTS)

    def _wall_arc(self) -> Float64:
        """Along the wall, as membranes of its cells and folds of the cavity run; most of them close to it."""
        angle, span = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.3, 1.1)
        angles = angle + np.linspace(-span / 2, span / 2, _POINTS)
        reach = (1 - 0.42 * self.rng.random() ** 1.5) * self.radius
        return np.asarray(self.centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1))

    def _wrinkle(self) -> Float64:
        """Short, and bent more than strings are."""
        turn, reach = self.rng.uniform(0, 2 * np.pi), 0.85 * np.sqrt(self.rng.random())
        middle = self.centre + reach * self.radius * np.array([np.cos(turn), np.sin(turn)])
        heading, length = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(0.05, 0.2) * self.diameter
        half = length / 2 * np.array([np.cos(heading), np.sin(heading)])
        return arc(middle - half, middle + half, self._sign() * self.rng.uniform(0.15, 0.4), _POINTS)

    def _style(self, contrast: float, width: float) -> StringStyle:
        return StringStyle(
            contrast=contrast,
            width=width * self.scale,
            blur=self.blur * self.rng.uniform(0.8, 1.2),
            polarity=-1 if self.rng.random() < _DARK else 1,
            relief=self.relief,
            light=self.light,
        )

    def _contrast(self, curve: Float64, times: tuple[float, float]) -> float:
        """Grey levels by which a line stands out: so many `times` the roughness of what it crosses."""
        return float(np.clip(self.rng.uniform(*times) * self._rough(curve), 7, 40))

    def _rough(self, curve: Float64) -> float:
        return float(np.median(self._along(self.roughness, curve)))

    def _unfit(self, curve: Float64) -> tuple[float, float]:
        """Small where strings belong: how much of it lies off the cavity, then how rough it is."""
        off = 0.0 if self.where is None else 1 - float(np.mean(self._along(self.where, curve)))
        return round(off, 1), self._rough(curve)

    def _along(self, plane: NDArray[Any], curve: Float64) -> NDArray[Any]:
        """(K,) values of a plane at the points of a curve."""
        height, width = self.roughness.shape
        columns, rows = np.clip(curve.astype(int), 0, (width - 1, height - 1)).T
        return np.asarray(plane[rows, columns])

    def _uneven(self) -> Float64:
        return np.interp(np.linspace(0, 1, _POINTS), np.linspace(0, 1, 9), self.rng.uniform(0.6, 1.25, 9))

    def _sign(self) -> Sign:
        return 1 if self.rng.random() < 0.5 else -1


def _gradient_axis(maps: RidgeMaps, inside: Bool) -> tuple[float, float]:
    """Direction in radians, without a sense, of the gradients on the embryo, and their coherence (0 to 1)."""
    x, y = maps.gradient_x[1][inside], maps.gradient_y[1][inside]
    xx, yy, xy = (float(np.mean(product)) for product in (x * x, y * y, x * y))
    coherence = np.hypot(xx - yy, 2 * xy) / max(xx + yy, 1e-6)
    return float(np.arctan2(2 * xy, xx - yy)) / 2, float(coherence)


def _sharpness(maps: RidgeMaps, inside: Bool) -> float:
    """Standard deviation in pixels of the blur of a frame's sharpest edges, from 0.5 to 2.5.

    The steepest slope is exp(0.5) s times the largest second derivative across a step blurred by s, and
    exp(-0.5) s times across a line: about s where both are mixed.
    """
    fine = maps.sigmas[0]
    slope = np.percentile(np.hypot(maps.gradient_x[0], maps.gradient_y[0])[inside], 99) / fine
    curvature = np.percentile(np.abs(maps.across[0])[inside], 99) / fine**2
    seen = slope / max(float(curvature), 1e-6)
    return float(np.clip(np.sqrt(max(seen**2 - fine**2, 0)), 0.5, 2.5))

"""Whether a frame looks like those that a model was trained on, and whether there is a cavity in it.

Nobody should read boxes of a frame that the model knows nothing of: another instrument, a road, a zygote.
So a trained bundle keeps the ranges of some plain figures over its training frames.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import cv2
import numpy as np
from attrs import evolve, frozen

from cs_framework.api.frames import Frame

StateName = Literal["", "familiar", "unfamiliar", "no-blastocyst"]

CAVITY = "cavity_area"
"""What a filter observes of the cavity where it can: its share of the embryo's area."""
_QUANTILES = 0.01, 0.99
_FACTOR = 1.6
"""By which plain figures, all of them positive, may leave the range that was seen."""
_MARGIN = 2.0
"""Times the range that was seen: by so much may a score, or what a filter observes, leave it."""
_MOST = 0.95
"""Of the training frames: where so many show an embryo, one without is unfamiliar."""
_CAVITY = 0.185
"""Of the embryo's area: what looks like a cavity before there is one is smaller, one with strings larger."""

_PLAIN = ("embryo_diameter", "brightness", "contrast", "sharpness")


@frozen
class Range:
    """What a figure may be."""

    name: str
    low: float
    high: float


@frozen
class State:
    """What a model knows of a frame."""

    name: StateName = ""
    """Empty where nothing is known of the training frames."""
    reason: str = ""
    """Of a frame that is not familiar, in words."""


@frozen
class Known:
    """What a model has seen in training."""

    ranges: tuple[Range, ...]
    embryos: float
    """Share of the frames in which an embryo was found."""
    cavity: float | None = None
    """The least share of the embryo that is a cavity which may hold strings; None where no filter tells."""

    @classmethod
    def of(cls, seen: Sequence[Mapping[str, float]], labels: Sequence[int]) -> Known:
        """From the `figures` of training frames, at least one, and their labels, 1 with a string."""
        names = dict.fromkeys(name for one in seen for name in one if name != CAVITY)
        ranges = [_range(name, [one[name] for one in seen if name in one]) for name in names]
        areas = [one[CAVITY] for one, label in zip(seen, labels, strict=True) if CAVITY in one and label]
        cavity = None
        if any(CAVITY in one for one in seen):
            cavity = min(_CAVITY, float(np.quantile(areas, 0.05)) if areas else _CAVITY)
        found = np.mean(["embryo_diameter" in one for one in seen])
        return cls(tuple(ranges), float(found), cavity)

    @property
    def of_frames(self) -> Known:
        """Without what the filter makes of frames, which changes when it learns on."""
        return evolve(self, ranges=tuple(known for known in self.ranges if known.name in _PLAIN))

    def state(self, figures: Mapping[str, float]) -> State:
        """The state of a frame with some `figures`."""
        if self.embryos >= _MOST and "embryo_diameter" not in figures:
            return State("unfamiliar", "no embryo found")
        for known in self.ranges:
            value = figures.get(known.name)
            if value is not None and not known.low <= value <= known.high:
                where = f"seen in training: {known.low:.3g} to {known.high:.3g}"
                return State("unfamiliar", f"{known.name.replace('_', ' ')} {value:.3g}, {where}")
        if self.cavity is not None and figures.get(CAVITY, math.inf) < self.cavity:
            return State("no-blastocyst", f"cavity area {figures[CAVITY]:.3g}, below {self.cavity:.3g}")
        return State("familiar")


def figures(frame: Frame, score: float, observed: Mapping[str, float]) -> dict[str, float]:
    """What is compared of a frame: ``anomaly_score``, what the filter observes, and plain figures.

    ``embryo_diameter`` in pixels, where an embryo is found; of its pixels ``brightness`` (99th percentile, a
    share of white), ``contrast`` (standard deviation in grey levels), and ``sharpness``, the share of the
    contrast that is finer than a hundredth of the embryo.
    """
    embryo, grey = frame.embryo, frame.grey.astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), max(embryo.diameter / 100, 0.5))
    pixels = grey[embryo.mask]
    contrast = float(pixels.std())
    found = {
        "brightness": float(np.quantile(pixels, 0.99)) / 255,
        "contrast": contrast,
        "sharpness": float(fine[embryo.mask].std()) / max(contrast, 1.0),
        **observed,
    }
    if embryo.found:
        found["embryo_diameter"] = embryo.diameter
    if math.isfinite(score):
        found["anomaly_score"] = score
    return found


def _range(name: str, values: Sequence[float]) -> Range:
    """The range of some values, and the margin around it."""
    low, high = (float(value) for value in np.quantile(values, _QUANTILES))
    if name in _PLAIN:
        return Range(name, low / _FACTOR, high * _FACTOR)
    margin = _MARGIN * (high - low)
    return Range(name, low - margin, high + margin)

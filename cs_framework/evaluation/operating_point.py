"""Operating points of both stages: components give raw figures, validation frames decide."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from cs_framework.errors import DataError

NORMAL_QUANTILE = 0.95
"""Quantile of normal frames that serves as threshold where there are no abnormal ones."""

FALSE_ALARMS = 0.1
"""Share of string-free validation frames that may keep a box at most. Strings are rare: with many more
false alarms, most reports of a run would be wrong."""

Rule = Literal["youden", "sensitivity", "normal-quantile", "given", "false-alarms"]


@frozen
class OperatingPoint:
    """A threshold, how it was found, and what it does on the validation frames."""

    threshold: float
    """Finite; a frame is flagged, or a box reported, when its score is at least this."""
    rule: Rule
    sensitivity: float | None = None
    """Share of abnormal frames flagged; None where there are none."""
    specificity: float | None = None
    """Share of normal frames not flagged; None where there are none."""
    notes: tuple[str, ...] = ()
    """What a reader of the results has to know."""


def choose_threshold(scores: ArrayLike, labels: ArrayLike, *, sensitivity: float | None) -> OperatingPoint:
    """Choose the threshold on validation frames; the decision is ``score >= threshold``.

    Without a wanted sensitivity it maximises Youden's index, true-positive rate minus false-positive rate;
    among equals it is the highest threshold, which flags fewest frames. With one, it is the highest
    threshold that reaches it. Either is one of the scores. Where no frame is abnormal it is the 95 %
    quantile of the normal ones, and a note says so.

    Args:
        scores: (N,) raw anomaly scores, finite, higher = more unusual.
        labels: (N,) 1 abnormal, 0 normal.
        sensitivity: the share of abnormal frames that must be flagged, in (0, 1]; None for Youden's index.

    Raises:
        DataError: there is no frame to choose on.
        ValueError: a score is not finite.

    Source: Youden, "Index for rating diagnostic tests", Cancer 3 (1950), 32-35.
    """
    abnormal, normal = _by_class(scores, labels)
    if not len(abnormal) and not len(normal):
        raise DataError(
            "there are no validation frames to choose the gate's threshold on; "
            "add some, or set pipeline.gate.threshold"
        )
    if not len(abnormal):
        note = (
            f"no abnormal validation frames: the gate's threshold is the {NORMAL_QUANTILE:.0%} quantile "
            "of the normal ones"
        )
        return _point(float(np.quantile(normal, NORMAL_QUANTILE)), "normal-quantile", abnormal, normal, note)

    thresholds = np.unique(np.concatenate([abnormal, normal]))[::-1]
    hits = len(abnormal) - np.searchsorted(np.sort(abnormal), thresholds)
    alarms = len(normal) - np.searchsorted(np.sort(normal), thresholds)
    notes = (
        () if len(normal) else ("no normal validation frames: the gate's threshold rests on abnormal ones",)
    )
    # argmax takes the first of equals. The index is compared in whole numbers, since rounding breaks ties.
    if sensitivity is None:
        best = np.argmax(hits * max(len(normal), 1) - alarms * len(abnormal))
        return _point(float(thresholds[best]), "youden", abnormal, normal, *notes)
    best = np.argmax(hits / len(abnormal) >= sensitivity)
    return _point(float(thresholds[best]), "sensitivity", abnormal, normal, *notes)


def choose_confidence(confidences: ArrayLike, labels: ArrayLike) -> OperatingPoint | None:
    """Choose the least confidence of a reported box; the decision is ``confidence >= threshold``.

    Of the confidences that at most `FALSE_ALARMS` of the string-free frames reach, the one with the best
    Youden index, the highest among equals; the highest confidence of all where more reach even that. Without
    string frames it is the 95 % quantile of the string-free ones, as of the gate.

    Args:
        confidences: (N,) from 0 to 1, the highest confidence of any box of each frame that passed the gate,
            0 of the other frames.
        labels: (N,) 1 the frame shows a string, 0 it does not.

    Returns:
        The point, None where no box has a confidence above 0.
    """
    abnormal, normal = _by_class(confidences, labels)
    both = np.concatenate([abnormal, normal])
    thresholds = np.unique(both[both > 0])[::-1]
    if not len(thresholds):
        return None
    if not len(abnormal):
        least = max(np.quantile(normal, NORMAL_QUANTILE), thresholds[-1])
        return _point(float(least), "normal-quantile", abnormal, normal)
    hits = len(abnormal) - np.searchsorted(np.sort(abnormal), thresholds)
    alarms = len(normal) - np.searchsorted(np.sort(normal), thresholds)
    index = hits * max(len(normal), 1) - alarms * len(abnormal)
    few = alarms <= FALSE_ALARMS * len(normal)
    best = int(np.argmax(np.where(few, index, -np.inf))) if few.any() else 0
    return _point(float(thresholds[best]), "false-alarms", abnormal, normal)


def given_threshold(scores: ArrayLike, labels: ArrayLike, threshold: float) -> OperatingPoint:
    """The operating point of a threshold that the recipe sets, on validation frames if there are any."""
    return _point(threshold, "given", *_by_class(scores, labels))


def _by_class(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if not np.isfinite(scores).all():
        raise ValueError("anomaly scores must be finite")
    return scores[labels == 1], scores[labels == 0]


def _point(
    threshold: float, rule: Rule, abnormal: NDArray[np.float64], normal: NDArray[np.float64], *notes: str
) -> OperatingPoint:
    return OperatingPoint(
        threshold=threshold,
        rule=rule,
        sensitivity=float(np.mean(abnormal >= threshold)) if len(abnormal) else None,
        specificity=float(np.mean(normal < threshold)) if len(normal) else None,
        notes=notes,
    )

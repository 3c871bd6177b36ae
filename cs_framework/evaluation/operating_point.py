"""The threshold of stage 1: filters give raw scores, the framework decides on validation frames."""

from __future__ import annotations

from typing import Literal

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike

from cs_framework.errors import DataError

NORMAL_QUANTILE = 0.95
"""Share of normal frames below the threshold where no abnormal frame could be asked."""


@frozen
class OperatingPoint:
    """A threshold, how it was found, and what it does on the frames it was chosen on."""

    threshold: float
    """Finite; a frame is flagged when its score is at least this."""
    rule: Literal["youden", "sensitivity", "normal-quantile"]
    sensitivity: float | None
    """Share of abnormal frames flagged; None where there were none."""
    specificity: float | None
    """Share of normal frames not flagged; None where there were none."""
    notes: tuple[str, ...] = ()
    """What a reader of the results has to know."""


def choose_threshold(scores: ArrayLike, labels: ArrayLike, *, sensitivity: float | None) -> OperatingPoint:
    """Choose the threshold on validation frames; the decision is ``score >= threshold``.

    Without a wanted sensitivity it maximises Youden's index, true-positive rate minus false-positive rate;
    among equals the highest threshold is taken, which flags fewest frames. With one, it is the highest
    threshold that reaches it. Both are always one of the scores. Without abnormal frames it is the 95 %
    quantile of the normal ones.

    Args:
        scores: (N,) raw anomaly scores, finite, higher = more unusual.
        labels: (N,) 1 abnormal, 0 normal.
        sensitivity: the share of abnormal frames that must be flagged, in (0, 1]; None for Youden's index.

    Raises:
        DataError: there is no frame to choose on.
        ValueError: a score is not finite.

    Source: Youden, Index for rating diagnostic tests, Cancer 3 (1950) 32-35.
    """
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if not np.isfinite(scores).all():
        raise ValueError("anomaly scores must be finite")
    if not len(scores):
        raise DataError(
            "there are no validation frames to choose the gate's threshold on; "
            "add some, or set pipeline.gate.threshold"
        )
    abnormal, normal = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    if not len(abnormal):
        threshold = float(np.quantile(normal, NORMAL_QUANTILE))
        specificity = float(np.mean(normal < threshold))
        note = (
            "no abnormal validation frames: the gate's threshold is the "
            f"{NORMAL_QUANTILE:.0%} quantile of the normal ones"
        )
        return OperatingPoint(threshold, "normal-quantile", None, specificity, (note,))

    thresholds = np.unique(scores)[::-1]
    hits = len(abnormal) - np.searchsorted(abnormal, thresholds)
    alarms = len(normal) - np.searchsorted(normal, thresholds)
    if sensitivity is None:
        # In whole numbers, since rounding would break ties at random; argmax takes the first of equals.
        best = int(np.argmax(hits * max(len(normal), 1) - alarms * len(abnormal)))
    else:
        best = int(np.argmax(hits / len(abnormal) >= sensitivity))
    return OperatingPoint(
        threshold=float(thresholds[best]),
        rule="youden" if sensitivity is None else "sensitivity",
        sensitivity=float(hits[best] / len(abnormal)),
        specificity=float(1 - alarms[best] / len(normal)) if len(normal) else None,
        notes=() if len(normal) else ("no normal validation frames: the gate is set on abnormal ones alone",),
    )

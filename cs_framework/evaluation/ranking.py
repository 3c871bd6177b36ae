"""Statistics of weighted frames, many weightings at a time.

A resample of frames or embryos only changes how often each frame counts. So a statistic here is a function
of the frames' weights: its items are sorted and matched once, and a thousand resamples are a few matrix
products. With all weights 1 the values are those of scikit-learn and of the COCO evaluator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from cs_framework.api.arrays import Bool, Float64

Statistic = Callable[[Float64], Float64]
"""(R, F) how often each of F frames counts in each of R resamples -> (R,) values, NaN where undefined."""

RECALLS = np.linspace(0, 1, 101)
"""The recall levels at which COCO reads the precision."""


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Statistic:
    """A share or mean: the sum of one (F,) quantity of frames over the sum of another."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return lambda weights: _divide(weights @ top, weights @ bottom)


def auroc(scores: ArrayLike, positive: Bool) -> Statistic:
    """Area under the ROC curve of (F,) scores, one a frame: the chance that a positive outranks a negative.

    Ties count half.
    """
    levels, bins = np.unique(np.asarray(scores), return_inverse=True)
    frames = np.arange(len(bins))
    shape = (len(bins), len(levels))
    positives = _counts(frames[positive], bins[positive], shape)
    negatives = _counts(frames[~positive], bins[~positive], shape)

    def statistic(weights: Float64) -> Float64:
        above, below = weights @ positives, weights @ negatives
        wins = (above * (below.cumsum(axis=1) - below / 2)).sum(axis=1)
        return _divide(wins, above.sum(axis=1) * below.sum(axis=1))

    return statistic


def average_precision(scores: ArrayLike, positive: Bool, frames: NDArray[Any], n_frames: int) -> Statistic:
    """Average precision, without interpolation, of (N,) items that lie in (N,) frames.

    Precision matters only where recall changes, so other items are counted at the next positive.
    """
    scores = np.asarray(scores)
    levels = np.unique(-scores[positive])
    bins = np.searchsorted(levels, -scores)
    shape = (n_frames, len(levels))
    positives = _counts(frames[positive], bins[positive], shape)
    items = _counts(frames, bins, shape)

    def statistic(weights: Float64) -> Float64:
        found = weights @ positives
        precision = _divide(found.cumsum(axis=1), (weights @ items).cumsum(axis=1), otherwise=0.0)
        return _divide((found * precision).sum(axis=1), found.sum(axis=1))

    return statistic


def coco_average_precision(
    scores: ArrayLike, matched: Bool, frames: NDArray[Any], annotated: NDArray[Any]
) -> Statistic:
    """COCO's average precision: interpolated precision, averaged over 101 levels of recall.

    Equal to running the evaluator on repeated frames, but for ties within a frame: there, all copies of the
    first detection come before those of the second.

    Args:
        scores: (N,) confidences of all detections, in the order of their frames.
        matched: (N,) whether the evaluator matched each with an annotated box.
        frames: (N,) their frames.
        annotated: (F,) annotated boxes of each frame.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    matched, frames = matched[order], frames[order]
    # A detection counts at the next match, or at its own.
    bins: NDArray[np.intp] = np.cumsum(matched) - matched
    shape = (len(annotated), int(matched.sum()))
    positives = _counts(frames[matched], bins[matched], shape)
    items = _counts(frames, bins, shape)

    def statistic(weights: Float64) -> Float64:
        found = (weights @ positives).cumsum(axis=1)
        precision = _divide(found, (weights @ items).cumsum(axis=1), otherwise=0.0)
        best_from_here = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        strings = weights @ annotated
        recall = _divide(found, strings[:, None])
        # One column more: beyond the last match the precision is 0.
        padded = np.pad(best_from_here, ((0, 0), (0, 1)))
        values = [row[np.searchsorted(r, RECALLS)].mean() for row, r in zip(padded, recall, strict=True)]
        return np.where(strings > 0, values, np.nan)

    return statistic


def _counts(frames: NDArray[Any], bins: NDArray[Any], shape: tuple[int, int]) -> sparse.csr_array:
    """How many items of each frame fall into each bin; those past the last bin do not count."""
    kept = bins < shape[1]
    ones = np.ones(np.count_nonzero(kept))
    return sparse.coo_array((ones, (frames[kept], bins[kept])), shape=shape).tocsr()


def _divide(top: Float64, bottom: Float64, otherwise: float = np.nan) -> Float64:
    values = np.full(top.shape, otherwise)
    np.divide(top, bottom, out=values, where=bottom > 0)
    return values

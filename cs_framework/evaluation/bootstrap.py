"""Figures with bootstrap intervals, over embryos where there are several and over frames otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cs_framework.api.arrays import Bool, Float64
from cs_framework.evaluation.ranking import Statistic

LEVELS = (2.5, 97.5)
"""Percentiles of the resampled values that bound an interval."""
MIN_DEFINED = 0.5
"""Share of resamples that must have a value; with fewer there is no interval."""
_CHUNK = 64  # resamples at a time, which bounds memory


class Figure(dict[str, Any]):
    """One figure of the report, ``{"value", "low", "high", "n", "unit"}``, and what its interval rests on.

    `n` counts the units that were resampled; `low` and `high` are None where too few resamples have a value.
    """

    def __init__(self, value: float, resampled: Float64, n: int, unit: str) -> None:
        low, high = interval(resampled) if n > 1 else (None, None)
        super().__init__(value=value, low=low, high=high, n=n, unit=unit)
        self.resampled = resampled
        """(R,) its value in each resample, NaN where it is undefined; not written to ``metrics.json``."""


class Bootstrap:
    """Resamples the frames of one split.

    Embryos are drawn, with all their frames, since frames of one embryo are alike. Only where the frames
    behind a figure, or those of one of its classes, come from a single embryo are frames drawn.
    """

    def __init__(self, sequences: Sequence[str], resamples: int, seed: int) -> None:
        self._embryos = np.unique(np.array(sequences, dtype=np.str_), return_inverse=True)[1]
        self._resamples = resamples
        self._seed = seed

    def figure(self, statistic: Statistic, *behind: Bool, missing: str) -> Figure | str:
        """One figure of the report.

        Args:
            statistic: the value as a function of the frames' weights.
            behind: (F,) masks of the frames that it needs: one mask, or one for each class.
            missing: what to say where it is undefined on the frames as they are.

        Returns:
            The figure, or `missing`.
        """
        value = float(statistic(np.ones((1, len(self._embryos))))[0])
        if np.isnan(value):
            return missing
        frames = np.any(behind, axis=0)
        by_embryo = all(len(np.unique(self._embryos[mask])) > 1 for mask in behind)
        units = self._embryos[frames] if by_embryo else np.arange(np.count_nonzero(frames))
        names, unit_of_frame = np.unique(units, return_inverse=True)

        values = []
        for draws in self._draws(len(names)):
            weights = np.zeros((len(draws), len(frames)))
            weights[:, frames] = draws[:, unit_of_frame]
            values.append(statistic(weights))
        unit = "embryo" if by_embryo else "frame"
        return Figure(value, np.concatenate(values), len(names), unit)

    def _draws(self, units: int) -> Iterator[Float64]:
        """(<= 64, units) how often each unit was drawn; the same for all figures with as many units."""
        rng = np.random.default_rng([self._seed, units])
        for start in range(0, self._resamples, _CHUNK):
            rows = min(_CHUNK, self._resamples - start)
            drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * units)
            yield counts.reshape(rows, units).astype(np.float64)


def interval(values: Float64) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of (R,) resampled values, None where fewer than half of them are defined."""
    defined = values[~np.isnan(values)]
    if len(defined) < MIN_DEFINED * len(values):
        return None, None
    low, high = np.percentile(defined, LEVELS)
    return float(low), float(high)

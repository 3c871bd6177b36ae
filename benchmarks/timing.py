"""Times two ways to do the same thing, alternately."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call, with all that it left to a GPU done."""
    start = perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return perf_counter() - start


def versus(plain: Callable[[], Any], ours: Callable[[], Any], repeats: int = 3) -> tuple[float, float]:
    """Median seconds of both, after one call of each that is not counted; taken in turns."""
    plain(), ours()
    pairs = [(seconds(plain), seconds(ours)) for _ in range(repeats)]
    return median(p for p, _ in pairs), median(o for _, o in pairs)

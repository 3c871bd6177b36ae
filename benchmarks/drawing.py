"""How fast synthetic embryos are drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cs_framework.synthetic import draw_scene, render_embryo

SIZE = 224
SCENES = 60


def drawing(_frames: Path | None, _scratch: Path) -> dict[str, float]:
    """Scenes (a frame without and with strings, as training takes them) against frames of version 1."""

    def scenes() -> int:
        for number in range(SCENES):
            draw_scene(np.random.default_rng(number), SIZE, view="embryo")
        return SCENES

    def first_version() -> int:
        return sum(1 for _ in render_embryo(1, 0, SCENES, SIZE))

    second, first = _rate(scenes), _rate(first_version)
    return {"scenes/s of CPU time": second, "version 1, frames/s": first, "ratio": second / first}


def _rate(work: Callable[[], int]) -> float:
    """Pieces of work per second of CPU time, best of two: other processes count less than by the clock."""
    rates = []
    for _ in range(2):
        start = time.process_time()
        rates.append(work() / (time.process_time() - start))
    return max(rates)

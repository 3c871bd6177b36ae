"""The end of a run: its report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

from cs_framework.api.components import Explanation
from cs_framework.api.frames import Frame, Window
from cs_framework.errors import DataError, FrameError
from cs_framework.pipeline.batch import Unit, make_units
from cs_framework.report.page import write_report
from cs_framework.steps.run import Run

log = logging.getLogger(__name__)


def report(run: Run, searched: Sequence[Unit]) -> None:
    """Write ``report.html`` if frames were judged or searched.

    Args:
        run: the run, trained.
        searched: the frames that ``detect`` looked at; none where that step was not taken.
    """
    judged = (run.out / "metrics.json").exists()
    if not (judged or searched):
        return
    log.info("writing report.html")
    units = [*(_judged_units(run) if judged else ()), *searched]
    windows = {ref.id: window for unit in units for ref, window in zip(unit.refs, unit.windows, strict=True)}
    read = run.reader([ref for unit in units for window in unit.windows for ref in window])

    @lru_cache(maxsize=8)
    def decode(frame: str) -> Frame:
        if frame not in windows:
            raise FrameError(f"{frame}: not among the frames of this run")
        return read(frame)

    seen = lru_cache(maxsize=8)(run.worker.read)

    def explain(frame: str) -> Explanation:
        component = run.components.anomaly_filter
        assert component is not None
        window = Window(tuple(map(seen, windows[frame])))
        with run.components.call(component):
            return component.explain(window).in_frame(window.frame.crop)

    write_report(run.out, decode, explain if run.loaded.anomaly_filter else None)


def _judged_units(run: Run) -> list[Unit]:
    """The frames that were judged; none where they are out of reach by now."""
    try:
        refs = [f.ref for name in ("val", "test") for f in run.split(name)]
    except DataError as error:
        log.warning("report.html lacks the pictures of the frames that were judged: %s", error)
        return []
    return make_units(refs, run.context)

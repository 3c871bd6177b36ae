"""The step ``proposals``: what the proposers alone reach, and at what cost."""

from __future__ import annotations

import logging
import math
from functools import partial
from time import perf_counter

from attrs import define, evolve, field

from cs_framework.api.arrays import Float32
from cs_framework.api.components import Skipped
from cs_framework.errors import DataError
from cs_framework.evaluation.curves import recall_by_count
from cs_framework.evaluation.metrics import judge_proposals
from cs_framework.evaluation.plots import draw_png
from cs_framework.evaluation.summary import summary
from cs_framework.files import write_json
from cs_framework.pipeline.batch import Batch, Unit, make_batches
from cs_framework.pipeline.results import FrameResult, JudgedFrame
from cs_framework.pipeline.worker import Worker
from cs_framework.steps.evaluate import RESAMPLING_SEED
from cs_framework.steps.run import Run

log = logging.getLogger(__name__)


def evaluate_proposals(run: Run) -> None:
    """Judge the proposals on the frames with annotated boxes of every split.

    Writes ``plots/<split>_recall_by_count.png`` and ``proposals.json``, whose `seconds_per_frame` is the one
    figure of a run that no seed fixes; the cache is left out so that it is true. Frames that fail are
    recorded and left out.
    """
    judged: dict[str, list[JudgedFrame]] = {}
    seconds: dict[str, list[float]] = {}
    for split in run.data.splits:
        judged[split], seconds[split] = _propose(run, split)
    if not any(judged.values()):
        raise DataError(f"{run.loaded.recipe.data.root}: no frame has boxes, so there is nothing to reach")
    report = judge_proposals(
        judged, seconds, resamples=run.loaded.recipe.evaluate.resamples, seed=RESAMPLING_SEED
    )
    shown = {}  # without `recall_by_count`, which is for the plot rather than for the console
    for split, sections in report["splits"].items():
        figures = sections["proposals"]
        if isinstance(figures, dict):
            path = run.out / "plots" / f"{split}_recall_by_count.png"
            draw_png([recall_by_count(figures, split)], path)
            figures = {name: value for name, value in figures.items() if name != "recall_by_count"}
        shown[split] = {"proposals": figures}
    write_json(run.out / "proposals.json", report)
    log.info("%s", summary({**report, "splits": shown}))


def _propose(run: Run, split: str) -> tuple[list[JudgedFrame], list[float]]:
    frames = {f.ref.id: f for f in run.split(split) if f.label == 1 and f.yolo_boxes is not None}
    worker = run.worker
    if run.bundle is not None:  # for proposers that go by what the filter has learnt
        worker = evolve(worker, spec=evolve(worker.spec, bundle=run.bundle.folder))
    calls = [(unit,) for unit in make_batches([f.ref for f in frames.values()])]
    judged, seconds = [], []
    for done in run.track(run.engine.map(worker.spec, _proposed, calls), f"proposing on {split}", len(calls)):
        judged += [JudgedFrame(r, 1, frames[r.frame].boxes(r.size)) for r in done.results]
        seconds += done.seconds
        run.skip(done.skipped)
    return judged, seconds


@define(eq=False)
class _Proposed:
    """What the proposers found on a unit of frames."""

    results: list[FrameResult] = field(factory=list)
    """With boxes in the order of the proposers, and without any score."""
    seconds: list[float] = field(factory=list)
    """What each result took, from the decoded frame to its boxes."""
    skipped: list[Skipped] = field(factory=list)


def _proposed(worker: Worker, unit: Unit) -> _Proposed:
    """Propose on every frame of a unit that does not fail, and take the time."""
    found = _Proposed()

    def timed(batch: Batch, i: int) -> tuple[Float32, float]:
        frame, start = batch.frame(i), perf_counter()
        return worker.regions.boxes_of(frame), perf_counter() - start

    for piece in unit.batches():
        batch = Batch(piece, worker.read)
        for i, (boxes, seconds) in batch.each("proposer", batch.alive(), partial(timed, batch)).items():
            frame = batch.frame(i)
            result = FrameResult(
                frame.id, frame.sequence, frame.index, frame.size, math.nan, flagged=True, proposals=boxes
            )
            found.results.append(result.in_frame(frame.crop))
            found.seconds.append(seconds)
        found.skipped += [batch.failed[i] for i in sorted(batch.failed)]
    return found

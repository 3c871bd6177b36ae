"""The step ``evaluate``: run both stages on labelled frames that were not trained on, and judge them."""

from __future__ import annotations

import logging
from collections import Counter

from cs_framework.bundle import write_carried
from cs_framework.data.images import content_hash
from cs_framework.errors import DataError
from cs_framework.evaluation.carried import carried
from cs_framework.evaluation.metrics import evaluate as figures
from cs_framework.evaluation.plots import plot_all
from cs_framework.evaluation.summary import summary
from cs_framework.files import write_json
from cs_framework.outputs import write
from cs_framework.outputs.tables import judged_table, write_evaluation
from cs_framework.pipeline.results import JudgedFrame
from cs_framework.steps.run import Run

log = logging.getLogger(__name__)

RESAMPLING_SEED = 0
"""The same whatever the recipe's seed: runs on the same frames draw the same resamples, which pairs them."""


def evaluate(run: Run) -> None:
    """Judge the splits ``val`` and ``test``; write ``evaluation/``, ``plots/`` and ``metrics.json``.

    Stage 2 runs on every frame, flagged or not. Frames that fail are recorded and left out.
    """
    assert run.bundle is not None, "train comes first, or the recipe names a bundle"
    recipe, gate = run.loaded.recipe, run.bundle.gate
    judged = {name: _judge(run, name) for name in ("val", "test") if run.split(name)}
    if not judged and "train" in recipe.steps:
        log.warning("evaluate is left out: neither val nor test has frames")
        run.left_out.add("evaluate")
        return
    if not judged:
        raise DataError(
            f"{run.loaded.recipe.data.root}: neither val nor test has frames, so there is nothing to judge on"
        )
    metrics = figures(
        judged,
        threshold=gate.point.threshold if gate else None,
        training_iou=(recipe.training.positive_iou, recipe.training.negative_iou),
        resamples=recipe.evaluate.resamples,
        seed=RESAMPLING_SEED,
        notes=run.bundle.notes,
    )
    refs = {f.ref.id: f.ref for name in judged for f in run.split(name)}
    frames = judged_table(judged, lambda frame: content_hash(refs[frame]))
    write_evaluation(run.out / "evaluation", frames, metrics)
    plot_all(judged, metrics, run.out / "plots")
    if run.bundle.folder == run.out / "model":  # that of this very run
        evaluation = carried(
            judged,
            metrics,
            data="drawn embryos" if recipe.data.source == "synthetic" else "labelled frames",
            least=run.bundle.least_confidence(recipe.pipeline),
            threshold=gate.point.threshold if gate else None,
        )
        write_carried(run.bundle.folder, evaluation)
    write_json(run.out / "metrics.json", metrics)
    log.info("%s", summary(metrics))


def _judge(run: Run, split: str) -> list[JudgedFrame]:
    frames = {f.ref.id: f for f in run.split(split)}
    refs = [f.ref for f in frames.values()]
    results = run.analyse(refs, f"evaluating {split}", gated=False, keep_regions=True)
    outputs = run.loaded.recipe.outputs
    if outputs.proposals:
        folder = run.out / "proposals" / split
        write.proposals(folder, results, run.reader(refs), outputs.overlays)
    states = Counter(r.state.name for r in results if r.state.name)
    if states.total() > states["familiar"]:
        told = ", ".join(f"{count} {name}" for name, count in sorted(states.items()))
        log.warning("%s: all frames are judged, although some are not familiar: %s", split, told)
    return [JudgedFrame(r, frames[r.frame].label, frames[r.frame].boxes(r.size)) for r in results]

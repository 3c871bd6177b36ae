"""The step ``train``: fit the filter, set the gate, label regions, fit the scorer, write the bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from attrs import evolve

from cs_framework.api.components import RegionTable, Skipped
from cs_framework.bundle import Bundle, Gate, write_bundle
from cs_framework.data.images import content_hash
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.windows import FrameWindows
from cs_framework.errors import CSError, DataError, FrameError
from cs_framework.evaluation.operating_point import choose_threshold, given_threshold
from cs_framework.evaluation.plots import write_history
from cs_framework.outputs.tables import embeddings_table, region_table, write_parquet
from cs_framework.pipeline.batch import make_batches, make_units
from cs_framework.pipeline.components import digest
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe import components_to_dict
from cs_framework.recipe.schema import PipelineSettings
from cs_framework.steps.run import Run
from cs_framework.training.augment import Augmentation, amid_neighbours
from cs_framework.training.frames import clarity_of, drawn_strings, scorer_frames
from cs_framework.training.regions import AugmentedFrames, FrameRegions, Sampling, make_table, regions_of

log = logging.getLogger(__name__)


def train(run: Run) -> None:
    """Train on the split ``train``, choosing epochs and threshold on ``val``; write ``model/``.

    Raises:
        DataError: if there are no normal frames, or no annotated ones.
    """
    training, validation = run.split("train"), run.split("val")
    normal = [f for f in training if f.label == 0]
    annotated = [f for f in training if f.label == 1 and f.yolo_boxes is not None]
    root = run.loaded.recipe.data.root
    if not normal:
        raise DataError(f"{root}: no frames in train/normal; both stages learn from string-free frames")
    if not annotated and run.loaded.recipe.training.implants.share < 1:
        raise DataError(
            f"{root}: no annotated frames; put frames with strings into train/abnormal and their boxes into "
            "labels/train/<name>.txt (YOLO lines: class cx cy width height), or learn from drawn strings "
            "alone with --set training.implants.share=1"
        )
    notes = list(run.data.notes)
    for note in notes:
        log.warning(note)
    gate = _fit_filter(run, normal, validation, notes)
    with TemporaryDirectory() as folder:
        worker = _fitted_worker(run, Path(folder))
        _fit_scorer(run, worker, normal, annotated, validation, notes)
    bundle = Bundle(
        folder=run.out / "model",
        gate=gate,
        notes=tuple(notes),
        provenance={
            "seed": run.loaded.recipe.seed,
            "frames": {name: len(frames) for name, frames in run.data.splits.items()},
            "data": digest([_content(f.ref) for f in (*training, *validation)]),
        },
    )
    write_bundle(bundle, run.components, components_to_dict(run.loaded), run.versions())
    run.bundle = bundle


def _note_skipped(run: Run, skipped: Sequence[Skipped]) -> None:
    """Go on without frames that cannot be read, but not without those that another time can.

    Raises:
        CSError: a model would lack what its data hold.
    """
    left = [item for item in skipped if item.not_done]
    if left:
        raise CSError(
            f"{len(left)} frames to learn from cannot be read for now: {left[0].reason}; once that is "
            "mended, the same command with --resume goes on"
        )
    run.skipped += skipped


def _content(ref: FrameRef) -> str:
    """A hash of a frame's file, empty where it cannot be read: such frames were skipped."""
    try:
        return content_hash(ref)
    except FrameError:
        return ""


def _fit_filter(
    run: Run, normal: Sequence[LabelledFrame], validation: Sequence[LabelledFrame], notes: list[str]
) -> Gate | None:
    component = run.components.anomaly_filter
    if component is None:
        return None
    log.info("fitting the anomaly filter on %d normal frames", len(normal))
    bits = run.loaded.recipe.data.bits
    train_windows, val_windows = (
        FrameWindows(frames, component.context, bits) for frames in (normal, validation)
    )
    _note_skipped(run, [*train_windows.skipped, *val_windows.skipped])
    history = component.fit(train_windows, val_windows, run.env)
    write_history(run.out / "training", "anomaly_filter", history)
    notes += [f"anomaly filter: {note}" for note in history.notes]

    judged = list(validation)
    if not any(f.label == 0 for f in judged):
        judged += normal
        notes.append("no normal validation frames: the gate's threshold rests on training frames")
    settings, worker = run.loaded.recipe.training, run.worker
    units = make_units([f.ref for f in judged], component.context)
    augmentation = Augmentation(run.env.seed)
    if settings.implants.share and not any(f.label == 1 for f in judged):
        drawn = drawn_strings(settings.implants, augmentation, judged, partial(_clarity, run, worker))
        units.append(amid_neighbours([f.ref for f in drawn], units))
        judged += drawn
        notes.append(f"no abnormal validation frames: the gate goes by {len(drawn)} with drawn strings")
    stages = evolve(worker.stages, read=AugmentedFrames(worker.stages.read, augmentation))
    scores: list[float] = []
    for unit in run.track(units, "validation scores"):
        scores += stages.anomaly_scores(unit)[0]
    kept = [(s, f.label) for s, f in zip(scores, judged, strict=True) if np.isfinite(s)]
    gate = choose_gate(run.loaded.recipe.pipeline, [s for s, _ in kept], [label for _, label in kept])
    notes += [f"gate: {note}" for note in gate.point.notes]
    return gate


def _fitted_worker(run: Run, folder: Path) -> Worker:
    """Worker bound to the fitted filter, saved to `folder` so that worker processes can load it."""
    component = run.components.anomaly_filter
    if component is None or not run.components.bound():
        return run.worker
    (folder / "anomaly_filter").mkdir()
    component.save(folder / "anomaly_filter")
    return Worker(run.loaded, run.components, evolve(run.spec, bundle=folder))


def choose_gate(settings: PipelineSettings, scores: Sequence[float], labels: Sequence[int]) -> Gate:
    """The gate that the recipe asks for, on validation scores."""
    wanted = settings.gate
    if wanted.threshold is not None:
        point = given_threshold(scores, labels, wanted.threshold)
    else:
        point = choose_threshold(scores, labels, sensitivity=wanted.sensitivity)
    return Gate(point, tuple(scores), tuple(labels))


def _fit_scorer(
    run: Run,
    worker: Worker,
    normal: Sequence[LabelledFrame],
    annotated: Sequence[LabelledFrame],
    validation: Sequence[LabelledFrame],
    notes: list[str],
) -> None:
    settings, seed = run.loaded.recipe.training, run.env.seed
    augmentation = Augmentation.of(settings, seed)
    clarity = partial(_clarity, run, worker)
    parts = scorer_frames(settings.implants, augmentation, normal, annotated, validation, clarity, notes)
    sampling = Sampling(augmentation, settings.normal_regions, settings.orientations)
    train_table = _table(run, worker, parts.train, "train", sampling)
    val_table = _table(run, worker, parts.val, "val", Sampling(augmentation)) if parts.val else None
    positive = int((train_table.labels == 1).sum())
    log.info("fitting the scorer on %d regions, %d of them strings", len(train_table), positive)
    history = run.components.scorer.fit(train_table, val_table, run.env)
    write_history(run.out / "training", "scorer", history)
    notes += [f"scorer: {note}" for note in history.notes]


def _clarity(run: Run, worker: Worker, frames: Sequence[LabelledFrame]) -> list[float]:
    calls = [(batch,) for batch in make_batches([f.ref for f in frames])]
    found = run.track(run.engine.map(worker, clarity_of, calls), "looking for cavities", len(calls))
    return list(chain.from_iterable(found))


def _table(
    run: Run, worker: Worker, frames: Sequence[LabelledFrame], split: str, sampling: Sampling
) -> RegionTable:
    batches = make_batches([f.ref for f in frames])
    known = {f.ref.id: f for f in frames}
    calls = [(b, {ref.id: known[ref.id] for ref in b.refs}, sampling) for b in batches]
    regions: list[FrameRegions] = []
    for found in run.track(run.engine.map(worker, regions_of, calls), f"regions of {split}", len(calls)):
        regions += found.regions
        _note_skipped(run, found.skipped)
    table = make_table(regions, run.loaded.recipe.training, run.components.embedder.dim)
    if run.loaded.recipe.outputs.regions:
        names = [r.frame for r in regions]
        write_parquet(run.out / "training" / f"regions_{split}.parquet", region_table(table, names, split))
        write_parquet(run.out / "training" / f"embeddings_{split}.parquet", embeddings_table(table, split))
    return table

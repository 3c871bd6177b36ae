"""The step ``train``: fit the filter, set the gate, label regions, fit the scorer, write the bundle."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve

from cs_framework.api.components import Observer, RegionTable, Skipped
from cs_framework.bundle import Bundle, write_bundle
from cs_framework.data.images import content_hash, frame_reader
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.windows import FrameWindows
from cs_framework.errors import CSError, DataError, FrameError
from cs_framework.evaluation.plots import write_history
from cs_framework.outputs.tables import embeddings_table, region_table, write_parquet
from cs_framework.pipeline.batch import make_batches
from cs_framework.pipeline.components import digest
from cs_framework.pipeline.familiarity import Known
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe import components_to_dict
from cs_framework.recipe.schema import ImplantSettings
from cs_framework.steps.points import cavities, choose_boxes, choose_gate
from cs_framework.steps.run import Run
from cs_framework.training.augment import Augmentation
from cs_framework.training.frames import scorer_frames
from cs_framework.training.points import PointFrames, point_frames
from cs_framework.training.regions import FrameRegions, Sampling, make_table, regions_of

log = logging.getLogger(__name__)

FAMILIAR_BATCHES = 24
"""Of 16 frames at most, over which the ranges of what the model knows are taken."""


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
    implants = run.loaded.recipe.training.implants
    if not annotated and not implants.share:
        raise DataError(
            f"{root}: no annotated frames; put frames with strings into train/abnormal and their boxes into "
            "labels/train/<name>.txt (YOLO lines: class cx cy width height), or learn from drawn strings "
            "alone with --set training.implants.share=1"
        )
    notes = [*run.data.notes, *_lacking(run, annotated)]
    for note in notes:
        log.warning(note)
    if not annotated:
        implants = evolve(implants, share=1.0)
    _fit_filter(run, normal, validation, notes)
    with TemporaryDirectory() as folder:
        worker = _fitted_worker(run, Path(folder) / "filter")
        points = _points(run, worker, normal, validation, notes)
        gate = choose_gate(run, points, notes)
        _fit_scorer(run, worker, implants, normal, annotated, validation, notes)
        boxes = choose_boxes(run, points, gate, Path(folder) / "whole")
    bundle = Bundle(
        folder=run.out / "model",
        gate=gate,
        boxes=boxes,
        known=_known(run, (*normal, *annotated, *validation)),
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
    run.skip(skipped)


def _lacking(run: Run, annotated: Sequence[LabelledFrame]) -> Iterator[str]:
    """What goes without: boxes to learn from, frames to judge on."""
    if not annotated:
        yield "no annotated frames: all strings that the scorer learns from are drawn"
    if not (run.split("val") or run.split("test")):
        yield "neither val nor test has frames: nothing is judged; operating points rest on training frames"


def _known(run: Run, frames: Sequence[LabelledFrame]) -> Known | None:
    """What the trained filter makes of some of the frames, all over the data; None where all are damaged."""
    batches = make_batches([f.ref for f in frames], run.context)
    taken = batches[:: -(-len(batches) // FAMILIAR_BATCHES)]
    seen = [one for batch in run.track(taken, "what is familiar") for one in run.worker.stages.figures(batch)]
    labels = {f.ref.id: f.label for f in frames}
    return Known.of([known for _, known in seen], [labels[frame] for frame, _ in seen]) if seen else None


def _content(ref: FrameRef) -> str:
    """A hash of a frame's file, empty where it cannot be read: such frames were skipped."""
    try:
        return content_hash(ref)
    except FrameError:
        return ""


def _fit_filter(
    run: Run, normal: Sequence[LabelledFrame], validation: Sequence[LabelledFrame], notes: list[str]
) -> None:
    component = run.components.anomaly_filter
    if component is None:
        return
    log.info("fitting the anomaly filter on %d normal frames", len(normal))
    read = frame_reader(run.loaded.recipe.data)
    train_windows, val_windows = (
        FrameWindows(frames, component.context, read) for frames in (normal, validation)
    )
    _note_skipped(run, [*train_windows.skipped, *val_windows.skipped])
    with run.components.call(component):
        history = component.fit(train_windows, val_windows, run.env)
    write_history(run.out / "training", "anomaly_filter", history)
    notes += [f"anomaly filter: {note}" for note in history.notes]


def _points(
    run: Run,
    worker: Worker,
    normal: Sequence[LabelledFrame],
    validation: Sequence[LabelledFrame],
    notes: list[str],
) -> PointFrames:
    """The frames that operating points are chosen on."""
    frames, implants = list(validation), run.loaded.recipe.training.implants
    if not any(f.label == 0 for f in frames):
        frames += normal
        notes.append("no normal validation frames: the gate's threshold rests on training frames")
    clarity = partial(cavities, run, worker)
    return point_frames(frames, run.context, implants, Augmentation(run.env.seed), clarity, notes)


def _fitted_worker(run: Run, folder: Path) -> Worker:
    """Worker whose processes load the fitted filter from `folder`, if anything but the filter asks it."""
    component: Any = run.components.anomaly_filter
    if component is None or not (run.components.bound() or isinstance(component, Observer)):
        return run.worker
    (folder / "anomaly_filter").mkdir(parents=True)
    with run.components.call(component):
        component.save(folder / "anomaly_filter")
    return Worker(run.loaded, run.components, evolve(run.spec, bundle=folder))


def _fit_scorer(
    run: Run,
    worker: Worker,
    implants: ImplantSettings,
    normal: Sequence[LabelledFrame],
    annotated: Sequence[LabelledFrame],
    validation: Sequence[LabelledFrame],
    notes: list[str],
) -> None:
    settings, seed = run.loaded.recipe.training, run.env.seed
    augmentation = Augmentation.of(settings, seed)
    clarity = partial(cavities, run, worker)
    parts = scorer_frames(implants, augmentation, normal, annotated, validation, clarity, notes)
    sampling = Sampling(augmentation, settings.normal_regions, settings.orientations)
    train_table = _table(run, worker, parts.train, "train", sampling)
    val_table = _table(run, worker, parts.val, "val", Sampling(augmentation)) if parts.val else None
    positive = int((train_table.labels == 1).sum())
    log.info("fitting the scorer on %d regions, %d of them strings", len(train_table), positive)
    scorer = run.components.scorer
    with run.components.call(scorer):
        history = scorer.fit(train_table, val_table, run.env)
    write_history(run.out / "training", "scorer", history)
    notes += [f"scorer: {note}" for note in history.notes]


def _table(
    run: Run, worker: Worker, frames: Sequence[LabelledFrame], split: str, sampling: Sampling
) -> RegionTable:
    batches = make_batches([f.ref for f in frames])
    known = {f.ref.id: f for f in frames}
    calls = [(b, {ref.id: known[ref.id] for ref in b.refs}, sampling) for b in batches]
    regions: list[FrameRegions] = []
    for found in run.track(run.engine.map(worker.spec, regions_of, calls), f"regions of {split}", len(calls)):
        regions += found.regions
        _note_skipped(run, found.skipped)
    table = make_table(regions, run.loaded.recipe.training, run.components.embedder.dim)
    if run.loaded.recipe.outputs.regions:
        names = [r.frame for r in regions]
        write_parquet(run.out / "training" / f"regions_{split}.parquet", region_table(table, names, split))
        write_parquet(run.out / "training" / f"embeddings_{split}.parquet", embeddings_table(table, split))
    return table

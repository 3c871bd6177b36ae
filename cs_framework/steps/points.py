"""Operating points of the components of a run: the gate, and the least confidence of a reported box."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from attrs import evolve

from cs_framework.bundle import Gate
from cs_framework.data.labels import LabelledFrame
from cs_framework.evaluation.operating_point import (
    OperatingPoint,
    choose_confidence,
    choose_threshold,
    given_threshold,
)
from cs_framework.pipeline.batch import make_batches
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe.schema import PipelineSettings
from cs_framework.steps.run import Run
from cs_framework.training.augment import Augmentation
from cs_framework.training.frames import clarity_of
from cs_framework.training.points import PointFrames, confidences_of
from cs_framework.training.regions import AugmentedFrames


def choose_gate(
    run: Run, points: PointFrames, notes: list[str], settings: PipelineSettings | None = None
) -> Gate | None:
    """Score the frames with the run's filter, in this process; choose the gate that the recipe asks for."""
    if run.components.anomaly_filter is None:
        return None
    judged = points.units
    stages = evolve(run.worker.stages, read=AugmentedFrames(run.worker.read, Augmentation(run.env.seed)))
    scores: list[float] = []
    for unit in run.track(judged, "validation scores"):
        scores += stages.anomaly_scores(unit)[0]
    labels = [points.labels[ref.id] for unit in judged for ref in unit.refs]
    kept = [(s, label) for s, label in zip(scores, labels, strict=True) if np.isfinite(s)]
    gate = gate_at(settings or run.loaded.recipe.pipeline, [s for s, _ in kept], [label for _, label in kept])
    notes += [f"gate: {note}" for note in gate.point.notes]
    return gate


def gate_at(settings: PipelineSettings, scores: Sequence[float], labels: Sequence[int]) -> Gate:
    """The gate that the recipe asks for, on validation scores."""
    wanted = settings.gate
    if wanted.threshold is not None:
        point = given_threshold(scores, labels, wanted.threshold)
    else:
        point = choose_threshold(scores, labels, sensitivity=wanted.sensitivity)
    return Gate(point, tuple(scores), tuple(labels))


def choose_boxes(run: Run, points: PointFrames, gate: Gate | None, folder: Path) -> OperatingPoint | None:
    """Take the frames through both stages of the run, and choose the least confidence of a reported box.

    Args:
        run: with fitted components.
        points: the frames.
        gate: decides which of them come to stage 2.
        folder: a new one, where worker processes find what was learnt.
    """
    for name, component in run.components.trainable().items():
        (folder / name).mkdir(parents=True)
        component.save(folder / name)
    spec = evolve(run.spec, bundle=folder, threshold=gate.point.threshold if gate else None)
    units, augmentation = points.for_boxes(), Augmentation(run.env.seed)
    answers = run.engine.map(spec, confidences_of, [(unit, augmentation) for unit in units])
    found = list(chain.from_iterable(run.track(answers, "validation boxes", len(units))))
    labels = [points.labels[ref.id] for unit in units for ref in unit.refs]
    kept = [(each, label) for each, label in zip(found, labels, strict=True) if np.isfinite(each)]
    return choose_confidence([each for each, _ in kept], [label for _, label in kept]) if kept else None


def cavities(run: Run, worker: Worker, frames: Sequence[LabelledFrame]) -> list[float]:
    """How clear the cavity of each frame is; NaN where a frame cannot be read."""
    calls = [(batch,) for batch in make_batches([f.ref for f in frames])]
    found = run.track(run.engine.map(worker.spec, clarity_of, calls), "looking for cavities", len(calls))
    return list(chain.from_iterable(found))

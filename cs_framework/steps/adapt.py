"""The step ``adapt``: let a trained filter learn on from unlabelled frames of the input, before ``detect``.

Strings are rare, so the frames are taken as string-free, and strings are drawn into them. What is learnt, or
the filter as it was where that does better, becomes the bundle of this run, with operating points of its own.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from attrs import evolve

from cs_framework.api.components import Adaptable
from cs_framework.bundle import Bundle, add_note, read_bundle, write_bundle
from cs_framework.data.images import frame_reader
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import open_source
from cs_framework.data.windows import FrameWindows
from cs_framework.errors import DataError
from cs_framework.evaluation.plots import write_history
from cs_framework.files import whole_folder
from cs_framework.recipe import components_to_dict
from cs_framework.recipe.schema import GateSettings, ImplantSettings
from cs_framework.steps.points import cavities, choose_boxes, choose_gate
from cs_framework.steps.run import Run
from cs_framework.training.augment import Augmentation
from cs_framework.training.frames import spread
from cs_framework.training.points import point_frames

log = logging.getLogger(__name__)

FEWEST = 30
"""Frames below which nothing is adapted: too few to hold some out."""
_HELD_OUT = 5
"""One in so many embryos (of a single one: frames) is held out."""
_SENSITIVITY = 0.95
"""Of the gate where the recipe asks for nothing else: stage 2 decides."""


def adapt(run: Run) -> None:
    """Adapt the given bundle to the input, and write the bundle that the run goes on with to ``model/``.

    Where that cannot be done, the given bundle is copied there, and a note says why.
    """
    assert run.bundle is not None, "the recipe names a bundle"
    settings = run.loaded.recipe.adapt
    path = run.loaded.recipe.detect.input
    assert path is not None, "the recipe names an input"
    refs = spread(open_source(path, run.loaded.recipe.data).refs, settings.frames)
    learnt, held_out = _parted([LabelledFrame(ref, 0) for ref in refs], run.env.seed)
    try:
        history_note = _learn(run, learnt, held_out)
    except DataError as error:
        _go_on_without(run, str(error))
        return
    notes: list[str] = []
    implants = ImplantSettings(share=1.0)

    clarity = partial(cavities, run, evolve(run.worker, spec=evolve(run.spec, bundle=run.bundle.folder)))
    points = point_frames(held_out, run.context, implants, Augmentation(run.env.seed), clarity, notes)
    wanted = run.loaded.recipe.pipeline
    if wanted.gate == GateSettings():
        wanted = evolve(wanted, gate=GateSettings(sensitivity=_SENSITIVITY))
    gate = choose_gate(run, points, notes, wanted)
    folder = run.out / "training" / "adapted"
    try:
        boxes = choose_boxes(run, points, gate, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if boxes is not None and boxes.sensitivity is not None and boxes.specificity is not None:
        history_note += (
            f"; of the {len(held_out)} frames held out, {boxes.sensitivity:.0%} with strings drawn into them "
            f"and {1 - boxes.specificity:.0%} as they are have a reported box"
        )
    given = run.bundle
    run.bundle = Bundle(
        folder=run.out / "model",
        gate=gate,
        boxes=boxes,
        known=given.known.of_frames if given.known else None,
        notes=(history_note, *given.notes),
        provenance={**given.provenance, "adapted": {"frames": len(learnt), "views": settings.views}},
    )
    log.info("%s", history_note)
    write_bundle(run.bundle, run.components, components_to_dict(run.loaded), run.versions())


def _learn(run: Run, learnt: Sequence[LabelledFrame], held_out: Sequence[LabelledFrame]) -> str:
    """Adapt the run's filter in place; what was done, for a note.

    Raises:
        DataError: why it cannot be done.
    """
    assert run.bundle is not None, "the recipe names a bundle"
    component: object = run.components.anomaly_filter
    if not isinstance(component, Adaptable):
        raise DataError(f"the model's anomaly filter, {type(component).__name__}, cannot learn on")
    if run.bundle.export:
        raise DataError("an exported model cannot learn on: take the one that it was made from")
    if len(learnt) + len(held_out) < FEWEST:
        raise DataError(f"{len(learnt) + len(held_out)} frames are too few, {FEWEST} are wanted")
    views, read = run.loaded.recipe.adapt.views, frame_reader(run.loaded.recipe.data)
    train, val = (FrameWindows(frames, run.context, read) for frames in (learnt, held_out))
    if not (len(train) and len(val)):
        raise DataError("too few frames can be read")
    log.info("adapting to %d frames of the input, taken as string-free", len(train))
    history = component.adapt(train, val, run.env, views)
    write_history(run.out / "training", "adaptation", history)
    done = f"to {len(train)} frames of this input, taken as string-free, for {views} views"
    if history.best_epoch == 0:
        return f"not adapted: learning on from {done[3:]} did no better, so the model is used as it was"
    return f"adapted {done}"


def _parted(frames: Sequence[LabelledFrame], seed: int) -> tuple[list[LabelledFrame], list[LabelledFrame]]:
    """Frames to learn from and frames held out: whole embryos, or the last frames of the only one."""
    names = sorted({frame.ref.sequence for frame in frames})
    if len(names) == 1:
        kept = len(frames) - len(frames) // _HELD_OUT
        return list(frames[:kept]), list(frames[kept:])
    order = np.random.default_rng(seed).permutation(len(names))
    chosen = {names[at] for at in order[: max(1, len(names) // _HELD_OUT)]}
    learnt, held_out = ([f for f in frames if (f.ref.sequence in chosen) is held] for held in (False, True))
    return learnt, held_out


def _go_on_without(run: Run, reason: str) -> None:
    """Take a copy of the given bundle for that of the run, with the reason among its notes."""
    assert run.bundle is not None, "the recipe names a bundle"
    log.warning("not adapted: %s", reason)
    given, folder = run.bundle.folder, run.out / "model"
    with whole_folder(folder) as aside:
        shutil.copytree(given, aside, dirs_exist_ok=True, copy_function=_copy)
        add_note(aside, f"not adapted: {reason}")
    run.bundle = evolve(read_bundle(folder), gate=run.bundle.gate)


def _copy(source: str, target: str) -> None:
    Path(target).write_bytes(Path(source).read_bytes())  # not its mode: what comes along may be read-only

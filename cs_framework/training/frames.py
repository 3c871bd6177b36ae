"""Which frames the scorer learns from, and which tell when it has learnt enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from attrs import frozen

from cs_framework.api.components import Observer
from cs_framework.api.frames import Window
from cs_framework.data.dataset import hold_out
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import FrameError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe.schema import ImplantSettings
from cs_framework.synthetic.implants import cavity
from cs_framework.training.augment import Augmentation

VALIDATED_ON = 60
"""Validation frames with drawn strings at most, and as many string-free ones."""


CAVITY = "cavity_area"
"""The figure of an observing filter that says how much of the embryo is cavity."""

T = TypeVar("T")
Clarity = Callable[[Sequence[LabelledFrame]], Sequence[float]]


@frozen
class ScorerFrames:
    """Frames whose boxes are known, annotated or drawn."""

    train: tuple[LabelledFrame, ...]
    val: tuple[LabelledFrame, ...]
    """Frames of other embryos than those of `train`; empty where no string could be held out."""


def scorer_frames(
    implants: ImplantSettings,
    augmentation: Augmentation,
    normal: Sequence[LabelledFrame],
    annotated: Sequence[LabelledFrame],
    validation: Sequence[LabelledFrame],
    clarity: Clarity,
    notes: list[str],
) -> ScorerFrames:
    """Mix annotated frames, frames with drawn strings and string-free ones; hold some out for validation.

    Validated on is, of these, the first that there is: annotated frames of `validation`; strings drawn into
    its string-free frames, where the recipe draws strings at all; held-out embryos of the training split.

    Args:
        implants: how many of the string frames are drawn.
        augmentation: draws them.
        normal: string-free frames of the training split.
        annotated: its frames with boxes.
        validation: all frames of the validation split.
        clarity: of the cavities of some frames, asked for where strings are drawn; a frame that cannot be
            read is NaN.
        notes: what a reader has to know of the choice is added here.
    """
    if implants.share == 1:
        annotated = ()
    strings_free = [f for f in validation if f.label == 0]
    known = [f for f in validation if f.label == 0 or f.yolo_boxes is not None]
    if len(known) > len(strings_free):
        val = known
    elif implants.share and strings_free:
        # Drawn strings keep their frame's brightness here; brightness jitter is for training frames only.
        drawn = drawn_strings(implants, Augmentation(augmentation.seed), strings_free, clarity)
        val = [*spread(strings_free, VALIDATED_ON), *drawn]
        notes.append("no boxes in val: the scorer is validated on strings drawn into its string-free frames")
    else:
        val = []
        parts = hold_out([*normal, *annotated], augmentation.seed)
        if parts is None:
            few = "one annotated embryo only" if annotated else "no embryo to hold out"
            notes.append(f"{few}: the scorer trains for a fixed number of epochs")
        else:
            rest, held = parts
            names = sorted({f.ref.sequence for f in held if f.label == 1})
            notes.append(f"no boxes in val: training embryos held out for the scorer: {', '.join(names)}")
            normal, annotated = ([f for f in rest if f.label == label] for label in (0, 1))
            val = list(held)
    count = _drawn(implants, len(annotated))
    clear = _clearest(normal, implants.clear, clarity) if count else []
    train = [
        *augmentation.plain(normal),
        *augmentation.with_strings(clear, count),
        *augmentation.plain(annotated),
    ]
    if count:
        notes.append(
            f"{count} of the {count + len(annotated)} string frames that the scorer learnt from are drawn"
        )
    return ScorerFrames(tuple(train), tuple(val))


def drawn_strings(
    implants: ImplantSettings, augmentation: Augmentation, frames: Sequence[LabelledFrame], clarity: Clarity
) -> list[LabelledFrame]:
    """Strings drawn into some string-free frames to validate on; see `scorer_frames`."""
    clear = _clearest(frames, implants.clear, clarity)
    return augmentation.with_strings(clear, min(len(frames), VALIDATED_ON))


def clarity_of(worker: Worker, unit: Unit) -> list[float]:
    """How clear the cavity of each frame is; NaN where a frame cannot be read.

    Its area, where the filter observes it: texture alone takes many frames of cells for blastocysts.
    """
    observer: object = worker.components.anomaly_filter

    def of(ref: FrameRef) -> float:
        try:
            frame = worker.read(ref)
            if isinstance(observer, Observer):
                context = worker.components.anomaly_filter.context if worker.components.anomaly_filter else 0
                seen = observer.observe([Window((frame,) * (2 * context + 1))])
                if CAVITY in seen:
                    return float(seen[CAVITY][0])
            return cavity(frame)
        except FrameError:
            return float("nan")

    barred = {item.frame for item in unit.barred}
    return [float("nan") if ref.id in barred else of(ref) for ref in unit.refs]


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of some items, evenly spaced."""
    step = max(1, -(-len(items) // count))
    return list(items[::step])


def _clearest(frames: Sequence[LabelledFrame], share: float, clarity: Clarity) -> list[LabelledFrame]:
    """That share of the frames that can be read, at least one, with the clearest cavities; in their order."""
    clear = np.array(clarity(frames), np.float64)
    order = np.argsort(-clear, kind="stable")[: np.isfinite(clear).sum()]  # NaN comes last
    return [frames[at] for at in sorted(order[: max(1, round(share * len(order)))])]


def _drawn(implants: ImplantSettings, annotated: int) -> int:
    """Frames with drawn strings to make, beside so many annotated ones."""
    if implants.share == 1:
        return implants.frames
    return min(implants.frames, round(annotated * implants.share / (1 - implants.share)))

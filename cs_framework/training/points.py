"""Frames that operating points are chosen on: validation frames, and strings drawn into string-free ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve, frozen

from cs_framework.data.labels import LabelledFrame
from cs_framework.pipeline.batch import Unit, make_units
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe.schema import ImplantSettings
from cs_framework.training.augment import Augmentation, amid_neighbours
from cs_framework.training.frames import VALIDATED_ON, Clarity, drawn_strings, spread
from cs_framework.training.regions import AugmentedFrames


@frozen(eq=False)
class PointFrames:
    """Frames with and without strings, as far as there are some, in units with their windows."""

    labels: dict[str, int]
    """By the frame's id: 1 it shows a string, 0 it does not."""
    units: tuple[Unit, ...]

    def for_boxes(self) -> list[Unit]:
        """At most `VALIDATED_ON` frames of each class, batch by batch: stage 2 takes its time."""
        kept: set[str] = set()
        for label in (0, 1):
            kept |= set(spread([frame for frame, one in self.labels.items() if one == label], VALIDATED_ON))
        some = []
        for unit in self.units:
            pairs = [pair for pair in zip(unit.refs, unit.windows, strict=True) if pair[0].id in kept]
            some += Unit(tuple(ref for ref, _ in pairs), tuple(window for _, window in pairs)).batches()
        return some


def point_frames(
    frames: Sequence[LabelledFrame],
    context: int,
    implants: ImplantSettings,
    augmentation: Augmentation,
    clarity: Clarity,
    notes: list[str],
) -> PointFrames:
    """Take frames as they are; where none shows a string, also with drawn ones if `implants` allows.

    Args:
        frames: held-out frames.
        context: neighbours that the filter wants on each side.
        implants: whether strings may be drawn, and into which frames.
        augmentation: draws them.
        clarity: of the cavities of some frames.
        notes: what a reader has to know of the choice is added here.
    """
    judged = list(frames)
    units = make_units([f.ref for f in judged], context)
    if implants.share and not any(f.label == 1 for f in judged):
        drawn = drawn_strings(implants, augmentation, judged, clarity)
        units.append(amid_neighbours([f.ref for f in drawn], units))
        judged += drawn
        notes.append(f"no abnormal validation frames: the gate goes by {len(drawn)} with drawn strings")
    return PointFrames({f.ref.id: f.label for f in judged}, tuple(units))


def confidences_of(worker: Worker, unit: Unit, augmentation: Augmentation) -> list[float]:
    """Of each frame, the highest confidence of a box; 0 where there is none or the gate stops the frame.

    NaN where a frame fails.
    """
    stages = evolve(worker.stages, read=AugmentedFrames(worker.read, augmentation))
    results = stages.analyse(unit, gated=True, keep_regions=False).results
    found = {r.frame: max((d.confidence for d in r.ranked if r.flagged), default=0.0) for r in results}
    return [found.get(ref.id, np.nan) for ref in unit.refs]

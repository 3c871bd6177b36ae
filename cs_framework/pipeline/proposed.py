"""Proposers alone, timed: no cache, no embedder, no scorer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from time import perf_counter

from attrs import define, field

from cs_framework.api.components import Skipped
from cs_framework.api.frames import Float32, Frame
from cs_framework.data.refs import FrameRef
from cs_framework.pipeline.batch import Batch, Unit
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.results import FrameResult


@define(eq=False)
class Proposed:
    """What the proposers found on a unit of frames."""

    results: list[FrameResult] = field(factory=list)
    """With boxes in the order of the proposers, and without any score."""
    seconds: list[float] = field(factory=list)
    """What each result took, from the decoded frame to its boxes."""
    skipped: list[Skipped] = field(factory=list)


def proposed(unit: Unit, maker: RegionMaker, read: Callable[[FrameRef], Frame]) -> Proposed:
    """Propose on every frame of a unit that does not fail, and take the time."""
    found = Proposed()

    def timed(batch: Batch, i: int) -> tuple[Float32, float]:
        frame, start = batch.frame(i), perf_counter()
        return maker.boxes_of(frame), perf_counter() - start

    for piece in unit.batches():
        batch = Batch(piece, read)
        for i, (boxes, seconds) in batch.each("proposer", batch.alive(), partial(timed, batch)).items():
            frame = batch.frame(i)
            result = FrameResult(
                frame.id, frame.sequence, frame.index, frame.size, math.nan, flagged=True, proposals=boxes
            )
            found.results.append(result)
            found.seconds.append(seconds)
        found.skipped += [batch.failed[i] for i in sorted(batch.failed)]
    return found

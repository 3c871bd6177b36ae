"""What is left of the boxes that all proposers found: the post-steps of ``[pipeline]``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs_framework import boxes as bx
from cs_framework.interfaces import Float32, Frame
from cs_framework.recipe.schema import PipelineSettings


def unite(found: Sequence[Float32]) -> Float32:
    """The boxes (N_i, 4) of several proposers in turn, rank by rank, each box once."""
    ranks = np.concatenate([np.arange(len(boxes)) for boxes in found])
    united = np.concatenate(found)[np.argsort(ranks, kind="stable")]
    first = np.sort(np.unique(united, axis=0, return_index=True)[1])
    return united[first]


def narrow(boxes: Float32, frame: Frame, settings: PipelineSettings) -> Float32:
    """The boxes (N, 4) that are worth scoring, in their order.

    Those off the embryo go first, then those of a wrong size, then those that overlap an earlier one, and of
    what is left the first `max_proposals` stay. So a limit counts only boxes that pass everything else.
    """
    if settings.search == "embryo":
        boxes = boxes[frame.embryo.holds(boxes)]
    smallest, largest = settings.min_proposal_size, settings.max_proposal_size
    if smallest is not None:
        boxes = boxes[_sizes(boxes, frame) >= smallest]
    if largest is not None:
        boxes = boxes[_sizes(boxes, frame) <= largest]
    if settings.proposal_overlap is not None:
        earlier_first = -np.arange(len(boxes), dtype=np.float32)
        boxes = boxes[bx.nms(boxes, earlier_first, settings.proposal_overlap, settings.max_proposals)]
    return boxes[: settings.max_proposals]


def _sizes(boxes: Float32, frame: Frame) -> Float32:
    """(N,) square root of the area, as a fraction of the embryo's diameter."""
    return np.asarray(np.sqrt(bx.area(boxes)) / frame.embryo.diameter, np.float32)

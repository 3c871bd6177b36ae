"""How the regions of a frame lie over its annotated boxes."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from attrs import frozen

from cs_framework.api import boxes as bx
from cs_framework.api.frames import Float32
from cs_framework.pipeline.results import JudgedFrame


@frozen(eq=False)
class Overlaps:
    """IoU of all regions, before suppression, with the annotated boxes of one frame."""

    iou: Float32
    """(N, M) of each region with each box, regions by falling confidence, or as proposed where nothing scored
    them; N is 0 where it is not known what they should lie over."""
    probability: Float32
    """(N,) in the same order; NaN where nothing scored them."""
    points: bool
    """Whether the centre of the first region lies in an annotated box."""

    @classmethod
    def of(cls, frame: JudgedFrame) -> Overlaps:
        """Measure a frame."""
        boxes, regions, scores = annotated(frame), frame.result.proposals, frame.result.scores
        if frame.boxes is None:
            regions, scores = boxes, None
        probability = np.full(len(regions), np.nan, np.float32)
        if scores is not None:
            ranking = np.argsort(-scores.confidence, kind="stable")
            regions, probability = regions[ranking], scores.probability[ranking]
        return cls(bx.iou(regions, boxes), probability, _points(regions, boxes))

    @cached_property
    def of_boxes(self) -> Float32:
        """(M,) the best IoU that any region has with each box."""
        return self.of_boxes_within(len(self.iou))

    @cached_property
    def of_regions(self) -> Float32:
        """(N,) the best IoU that each region has with any box."""
        return np.asarray(self.iou.max(axis=1, initial=0))

    def of_boxes_within(self, count: int) -> Float32:
        """(M,) the best IoU that any of the first `count` regions has with each box."""
        return np.asarray(self.iou[:count].max(axis=0, initial=0))


def _points(regions: Float32, boxes: Float32) -> bool:
    """Whether the centre of the first of (N, 4) regions lies in one of (M, 4) half-open boxes."""
    if not len(regions):
        return False
    x, y = (regions[0, :2] + regions[0, 2:]) / 2
    x1, y1, x2, y2 = boxes.T
    return bool(((x1 <= x) & (x < x2) & (y1 <= y) & (y < y2)).any())


def annotated_share(frame: JudgedFrame) -> float:
    """The share of the embryo that its annotated boxes cover: the chance that a random point of it hits one.

    Of the whole frame where no embryo is found, and where no annotated box lies on the one that was found.
    """
    if not len(boxes := annotated(frame)):
        return 0.0
    height, width = frame.result.size
    marked = np.zeros((height, width), bool)
    for x1, y1, x2, y2 in np.rint(boxes).astype(int):
        marked[y1:y2, x1:x2] = True
    if frame.result.embryo is not None:
        x, y, radius = frame.result.embryo
        rows, columns = np.ogrid[0.5:height, 0.5:width]
        inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
        if (marked & inside).any():
            return float(marked[inside].mean())
    return float(marked.mean())


def annotated(frame: JudgedFrame) -> Float32:
    """(M, 4) annotated boxes, (0, 4) also where nobody drew any."""
    return bx.as_boxes([]) if frame.boxes is None else frame.boxes

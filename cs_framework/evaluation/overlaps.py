"""How the regions of a frame lie over its annotated boxes."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from cs_framework import boxes as bx
from cs_framework.interfaces import Float32
from cs_framework.pipeline.results import JudgedFrame


@frozen(eq=False)
class Overlaps:
    """IoU of all scored regions, before suppression, with the annotated boxes of one frame."""

    of_boxes: Float32
    """(M,) the best IoU that any region has with each box."""
    of_regions: Float32
    """(N,) the best IoU that each region has with any box, regions in the order of falling confidence."""
    probability: Float32
    """(N,) in the same order."""

    @classmethod
    def of(cls, frame: JudgedFrame) -> Overlaps:
        """Measure a frame; there are no regions where it is not known what they should lie over."""
        boxes, scores = annotated(frame), frame.result.scores
        if scores is None or frame.boxes is None:
            none = np.zeros(0, np.float32)
            return cls(np.zeros(len(boxes), np.float32), none, none)
        ranking = np.argsort(-scores.confidence, kind="stable")
        iou = bx.iou(frame.result.proposals[ranking], boxes)
        return cls(iou.max(axis=0, initial=0), iou.max(axis=1, initial=0), scores.probability[ranking])


def annotated(frame: JudgedFrame) -> Float32:
    """(M, 4) annotated boxes, (0, 4) also where nobody drew any."""
    return bx.as_boxes([]) if frame.boxes is None else frame.boxes

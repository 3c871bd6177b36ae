"""Boxes beside the truth: how regions lie over annotated boxes, which detections match one (COCO)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float32
from cs_framework.api.components import Detection
from cs_framework.pipeline.results import JudgedFrame

MAX_DETECTIONS = 100
"""Detections of a frame that count, best first, as COCO has it."""
_CATEGORY = 1


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


def evaluator(boxes: Sequence[Float32], detections: Sequence[Sequence[Detection]], iou: float) -> Any:
    """The COCO evaluator after its run at one IoU threshold, objects of all sizes.

    Args:
        boxes: annotated boxes of each frame, (0, 4) where it is known to have none.
        detections: ranked boxes of the same frames, not empty altogether.
        iou: overlap from which a detection may match, each box once.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    truth = COCO(
        {
            "images": [{"id": image} for image in range(1, len(boxes) + 1)],
            "categories": [{"id": _CATEGORY, "name": "string"}],
            "annotations": [
                {"id": number, **entry, "area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}
                for number, entry in enumerate(_entries(boxes), start=1)
            ],
        }
    )
    ranked = [np.array([d.box for d in found]).reshape(-1, 4) for found in detections]
    scores = [d.confidence for found in detections for d in found]
    found = truth.loadRes(
        [{**entry, "score": score} for entry, score in zip(_entries(ranked), scores, strict=True)]
    )
    run = COCOeval_faster(truth, found, iouType="bbox", extra_calc=True)
    run.params.iouThrs = np.array([iou])
    run.params.maxDets = [MAX_DETECTIONS]
    run.params.areaRng, run.params.areaRngLbl = [[0, np.inf]], ["all"]
    run.evaluate()
    run.accumulate()
    return run


def matches(
    boxes: Sequence[Float32], detections: Sequence[Sequence[Detection]], iou: float
) -> NDArray[np.bool_]:
    """(N,) whether each detection, frame by frame and best first, matches an annotated box of its frame."""
    total = sum(len(found) for found in detections)
    if not total:
        return np.zeros(0, np.bool_)
    by_id = evaluator(boxes, detections, iou).cocoDt.anns
    return np.array([by_id[number].get("tp", False) for number in range(1, total + 1)])


def _entries(boxes: Sequence[Any]) -> list[dict[str, Any]]:
    """COCO's entries for the boxes of frames, images numbered from 1."""
    return [
        {"image_id": image, "category_id": _CATEGORY, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for image, rows in enumerate(boxes, start=1)
        for x1, y1, x2, y2 in np.asarray(rows, np.float64).tolist()
    ]

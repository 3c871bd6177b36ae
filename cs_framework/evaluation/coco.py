"""Which detections match an annotated box, as the COCO evaluator says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cs_framework.api.boxes import Float32
from cs_framework.api.components import Detection

MAX_DETECTIONS = 100
"""Detections of a frame that count, best first, as COCO has it."""
_CATEGORY = 1


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

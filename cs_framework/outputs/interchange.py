"""Boxes in the formats that annotation tools read: COCO and YOLO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cs_framework import boxes as bx
from cs_framework.interfaces import Float32
from cs_framework.outputs.files import write_text
from cs_framework.pipeline.results import FrameResult

CATEGORY = {"id": 1, "name": "cytoplasmic string", "supercategory": "embryo"}

Scored = Mapping[str, tuple[Float32, Float32]]
"""Frame id -> boxes (N, 4) and their confidences (N,)."""


def reported(results: Sequence[FrameResult]) -> dict[str, tuple[Float32, Float32]]:
    """The reported boxes of flagged frames."""
    return {
        r.frame: (
            bx.as_boxes([d.box for d in r.detections]),
            np.array([d.confidence for d in r.detections], np.float32),
        )
        for r in results
        if r.flagged and r.detections
    }


def proposed(results: Sequence[FrameResult]) -> dict[str, tuple[Float32, Float32]]:
    """All scored boxes."""
    return {r.frame: (r.proposals, r.scores.confidence) for r in results if r.scores is not None}


def coco(results: Sequence[FrameResult], boxes: Scored) -> dict[str, Any]:
    """A COCO data set: every frame as an image, each box as an annotation with a ``score``."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, result in enumerate(results, start=1):
        height, width = result.size
        images.append({"id": image_id, "file_name": result.frame, "width": width, "height": height})
        for box, score in zip(*boxes.get(result.frame, (bx.as_boxes([]), [])), strict=True):
            x, y, w, h = (float(v) for v in bx.to_xywh(bx.as_boxes(box))[0])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CATEGORY["id"],
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                    "score": float(score),
                }
            )
    return {"images": images, "categories": [CATEGORY], "annotations": annotations}


def yolo_lines(boxes: Float32, scores: Iterable[float], size: tuple[int, int]) -> str:
    """Lines ``class cx cy w h confidence``, in fractions of the frame."""
    height, width = size
    lines = []
    for (x1, y1, x2, y2), score in zip(boxes.astype(np.float64), scores, strict=True):
        cx, cy = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
        lines.append(
            f"0 {cx:.8f} {cy:.8f} {(x2 - x1) / width:.8f} {(y2 - y1) / height:.8f} {float(score):.6f}\n"
        )
    return "".join(lines)


def write_yolo(folder: Path, results: Sequence[FrameResult], boxes: Scored) -> None:
    """One text file per frame that has boxes, named as its image."""
    names = file_names([r.frame for r in results])
    for result in results:
        if result.frame in boxes:
            text = yolo_lines(*boxes[result.frame], result.size)
            write_text(folder / f"{names[result.frame]}.txt", text)


def file_names(frames: Sequence[str]) -> dict[str, str]:
    """A file name without extension for each frame: its own, with its folders where two would collide."""
    own = {frame: PurePosixPath(frame).with_suffix("") for frame in frames}
    own = {
        frame: PurePosixPath(f"{path}_{frame.split('#')[1]}") if "#" in frame else path
        for frame, path in own.items()
    }
    uses = Counter(path.name for path in own.values())
    names = {
        frame: path.name if uses[path.name] == 1 else "__".join(path.parts) for frame, path in own.items()
    }
    taken = Counter(names.values())
    # The same name with two extensions in one folder: keep the extension, which tells them apart.
    return {
        frame: name if taken[name] == 1 else "__".join(PurePosixPath(frame).parts).replace("#", "_")
        for frame, name in names.items()
    }

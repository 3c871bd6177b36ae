"""Boxes in the formats that annotation tools read: COCO and YOLO."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

import numpy as np

from cs_framework import boxes as bx
from cs_framework.interfaces import Float32
from cs_framework.outputs.files import whole_file
from cs_framework.pipeline.results import FrameResult

CATEGORY = {"id": 1, "name": "cytoplasmic string", "supercategory": "embryo"}

Scored = tuple[Float32, Float32]
"""Boxes (N, 4) and their confidences (N,)."""
Boxes = Callable[[FrameResult], Scored | None]
"""Those boxes of a frame that a file is to hold, or None."""


def reported(result: FrameResult) -> Scored | None:
    """The reported boxes of a flagged frame."""
    if not (result.flagged and result.detections):
        return None
    confidences = np.array([d.confidence for d in result.detections], np.float32)
    return bx.as_boxes([d.box for d in result.detections]), confidences


def proposed(result: FrameResult) -> Scored | None:
    """All scored boxes."""
    return None if result.scores is None else (result.proposals, result.scores.confidence)


def write_coco(path: Path, results: Iterable[FrameResult], boxes: Boxes) -> None:
    """A COCO data set: every frame as an image, each box as an annotation with a ``score``.

    Args:
        path: the JSON file.
        results: the frames; gone through twice, and never held at once.
        boxes: which boxes of each.
    """
    with whole_file(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.write('{"images": [')
        _write_items(file, _images(results))
        file.write(f'],\n"categories": [{json.dumps(CATEGORY)}],\n"annotations": [')
        _write_items(file, _annotations(results, boxes))
        file.write("]}\n")


def _write_items(file: TextIO, items: Iterable[dict[str, Any]]) -> None:
    for number, item in enumerate(items):
        text = json.dumps(item, ensure_ascii=False, allow_nan=False)
        file.write(f"{',' if number else ''}\n{text}")


def _images(results: Iterable[FrameResult]) -> Iterator[dict[str, Any]]:
    for image_id, result in enumerate(results, start=1):
        height, width = result.size
        yield {"id": image_id, "file_name": result.frame, "width": width, "height": height}


def _annotations(results: Iterable[FrameResult], boxes: Boxes) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    for image_id, result in enumerate(results, start=1):
        for box, score in zip(*(boxes(result) or (bx.as_boxes([]), [])), strict=True):
            x, y, w, h = (float(v) for v in bx.to_xywh(bx.as_boxes(box))[0])
            yield {
                "id": next(numbers),
                "image_id": image_id,
                "category_id": CATEGORY["id"],
                "bbox": [x, y, w, h],
                "area": w * h,
                "iscrowd": 0,
                "score": float(score),
            }


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


def write_yolo(folder: Path, results: Iterable[FrameResult], boxes: Boxes, names: Mapping[str, str]) -> None:
    """One text file per frame that has boxes, named as its image; `names` are those of `file_names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        found = boxes(result)
        if found is not None:
            path = folder / f"{names[result.frame]}.txt"
            path.write_text(yolo_lines(*found, result.size), encoding="utf-8")


def file_names(frames: Iterable[str]) -> dict[str, str]:
    """A file name without extension for each frame: its own, with its folders where two would collide."""
    own = {frame: _without_extension(frame) for frame in frames}
    uses = Counter(path.rpartition("/")[2] for path in own.values())
    names = {}
    for frame, path in own.items():
        name = path.rpartition("/")[2]
        names[frame] = name if uses[name] == 1 else path.replace("/", "__")
    taken = Counter(names.values())
    # The same name with two extensions in one folder: keep the extension, which tells them apart.
    return {
        frame: name if taken[name] == 1 else frame.replace("/", "__").replace("#", "_")
        for frame, name in names.items()
    }


def _without_extension(frame: str) -> str:
    """``a/stack.tif#3`` as ``a/stack_3``."""
    file, _, page = frame.partition("#")
    stem = str(PurePosixPath(file).with_suffix(""))
    return f"{stem}_{page}" if page else stem

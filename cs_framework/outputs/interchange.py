"""Boxes in the formats that annotation tools read: COCO and YOLO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path

import numpy as np
from attrs import frozen

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float32
from cs_framework.data.formats import coco, yolo
from cs_framework.data.formats.boxed import BoxedFrame, without_extension
from cs_framework.files import whole_file
from cs_framework.pipeline.results import FrameResult

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


@frozen(eq=False)
class _Boxed:
    """The frames of a run with those boxes that a file is to hold, made anew on each pass."""

    results: Iterable[FrameResult]
    boxes: Boxes

    def __iter__(self) -> Iterator[BoxedFrame]:
        for result in self.results:
            found, scores = self.boxes(result) or (bx.as_boxes([]), np.zeros(0, np.float32))
            boxes, confidences = found.astype(np.float64), scores.astype(np.float64)
            yield BoxedFrame(result.frame, result.size, boxes, confidences)


def write_coco(path: Path, results: Iterable[FrameResult], boxes: Boxes) -> None:
    """A COCO data set: every frame as an image, each box as an annotation with a ``score``.

    Args:
        path: the JSON file.
        results: the frames; gone through twice, and never held at once.
        boxes: which boxes of each.
    """
    with whole_file(path) as aside:
        coco.write(aside, _Boxed(results, boxes))


def write_yolo(folder: Path, results: Iterable[FrameResult], boxes: Boxes, names: Mapping[str, str]) -> None:
    """One text file per frame that has boxes, named as its image; `names` are those of `file_names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        found = boxes(result)
        if found is not None:
            path = folder / f"{names[result.frame]}.txt"
            path.write_text(yolo.lines(found[0], result.size, found[1].tolist()), encoding="utf-8")


def file_names(frames: Iterable[str]) -> dict[str, str]:
    """A file name without extension for each frame, that of no other, be it in capitals or not.

    Its own; with its folders where two would collide; with its extension, too; else numbered.
    """
    left, names, taken = list(frames), dict[str, str](), set[str]()
    for name_of in (_own, _with_folders, _with_extension):
        uses = Counter(name_of(frame).casefold() for frame in left)
        names |= {
            frame: name
            for frame in left
            if uses[(name := name_of(frame)).casefold()] == 1 and name.casefold() not in taken
        }
        taken = {name.casefold() for name in names.values()}
        left = [frame for frame in left if frame not in names]
    for frame in left:
        numbered = (f"{_with_extension(frame)}-{number}" for number in count(1))
        names[frame] = next(name for name in numbered if name.casefold() not in taken)
        taken.add(names[frame].casefold())
    return names


def _own(frame: str) -> str:
    return _with_folders(frame.rpartition("/")[2])


def _with_folders(frame: str) -> str:
    """``a/stack.tif#3`` as ``a__stack_3``."""
    return _flat(without_extension(frame))


def _with_extension(frame: str) -> str:
    return _flat(frame)


def _flat(frame: str) -> str:
    return frame.replace("/", "__").replace("#", "_")

"""YOLO's text files, one a frame, with lines ``class cx cy w h`` in fractions of the frame."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cs_framework.api.arrays import Float32, Float64
from cs_framework.api.boxes import from_yolo, to_yolo
from cs_framework.data.formats.boxed import BoxedFrame, Size, refuse, without_extension
from cs_framework.data.labels import read_yolo
from cs_framework.data.listing import CLASSES, SPLITS, walk
from cs_framework.errors import DataError

log = logging.getLogger(__name__)


def read(folder: Path, sizes: Mapping[str, Size]) -> list[BoxedFrame]:
    """Boxes of known frames; a frame without a file has none, as YOLO has it.

    Args:
        folder: of the label files, in folders like those of the frames (see `file_name`).
        sizes: the frames, by name.

    Raises:
        DataError: naming everything that is wrong.
    """
    frames, problems = [], []
    owners: dict[Path, str] = {}
    for name, size in sizes.items():
        path = folder / file_name(name)
        if not path.is_file():
            frames.append(BoxedFrame(name, size))
            continue
        if (owner := owners.setdefault(path, name)) != name:
            problems.append(f"{path}: {owner} and {name} share these boxes")
        labels = read_yolo(path)
        problems += [f"{path}:{problem}" for problem in labels.problems]
        frames.append(BoxedFrame(name, size, from_yolo(labels.yolo_boxes, size)))
    unused = sorted(
        path
        for path in walk(folder)
        if path.suffix == ".txt" and path.name != "classes.txt" and path not in owners
    )
    if unused and not owners:
        problems.append(f"{folder}: no file belongs to a frame, such as {unused[0].relative_to(folder)}")
    elif unused:
        log.warning("%d label files belong to no frame, such as %s", len(unused), unused[0])
    refuse(problems)
    return frames


def write(folder: Path, frames: Iterable[BoxedFrame]) -> None:
    """Write a file for each frame that has boxes.

    Raises:
        DataError: the size of a frame is not known, or two frames differ by their extension only.
    """
    for frame in frames:
        if not len(frame.boxes):
            continue
        path = folder / file_name(frame.name)
        if path.exists():
            raise DataError(f"{frame.name}: another frame has the same name but for its extension")
        path.parent.mkdir(parents=True, exist_ok=True)
        scores = None if frame.scores is None else frame.scores.tolist()
        path.write_text(lines(frame.boxes, frame.known_size, scores), encoding="utf-8")


def lines(boxes: Float32 | Float64, size: Size, scores: Sequence[float] | None = None) -> str:
    """Lines ``class cx cy w h``, with the confidence behind where there is one.

    Args:
        boxes: (M, 4) x1, y1, x2, y2 in pixels.
        size: of the frame.
        scores: (M,) confidences.
    """
    ends = [""] * len(boxes) if scores is None else [f" {score:.6f}" for score in scores]
    return "".join(
        f"0 {cx:.10f} {cy:.10f} {w:.10f} {h:.10f}{end}\n"
        for (cx, cy, w, h), end in zip(to_yolo(boxes, size).tolist(), ends, strict=True)
    )


def file_name(frame: str) -> str:
    """Where the boxes of a frame are, below the folder of labels.

    ``sub/a.png`` has ``sub/a.txt``, page 2 of ``a.tif`` has ``a#2.txt``; of a data root the class is left
    out, so ``train/abnormal/a.png`` has ``train/a.txt``.
    """
    parts = without_extension(frame).split("/")
    if len(parts) > 2 and parts[0] in SPLITS and parts[1] in CLASSES:
        del parts[1]
    return "/".join(parts) + ".txt"

"""Ground truth: whether a frame shows a string, and the YOLO boxes that say where."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from attrs import field, frozen

from cs_framework.api.arrays import Float32, Float64
from cs_framework.api.boxes import as_boxes, clip, from_yolo
from cs_framework.data.refs import FrameRef

_ROUNDING = 1e-5  # boxes at the border overhang by this much when written with six decimals


@frozen(eq=False)
class LabelledFrame:
    """A frame and what is known of it."""

    ref: FrameRef
    label: int
    """1 the frame shows a string, 0 it does not."""
    yolo_boxes: Float64 | None = None
    """(M, 4) centre x, centre y, width, height of each box as fractions of the frame; None without boxes."""

    def boxes(self, size: tuple[int, int]) -> Float32 | None:
        """Annotated boxes in pixels.

        Args:
            size: height and width of the frame.

        Returns:
            (M, 4) x1, y1, x2, y2; (0, 4) for a string-free frame; None where nobody drew boxes.
        """
        if self.label == 0:
            return as_boxes([])
        return (
            None
            if self.yolo_boxes is None
            else clip(from_yolo(self.yolo_boxes, size).astype(np.float32), size)
        )


@frozen(eq=False)
class YoloLabels:
    """What a label file holds."""

    yolo_boxes: Float64 = field(factory=lambda: np.zeros((0, 4)))
    """(M, 4) centre x, centre y, width and height of the boxes that are right."""
    overhanging: int = 0
    """How many of them reach over the border of the frame."""
    problems: tuple[str, ...] = ()
    """Lines that are wrong, each as ``line: what is wrong``."""


def read_yolo(path: Path) -> YoloLabels:
    """Read lines of ``class cx cy w h``; a sixth number, a confidence, is passed over.

    The class is 0, a string. A box may reach over the border, where it is cut later, but not lie outside.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return YoloLabels(problems=(f"1: not a readable text file: {error}",))
    rows: list[list[float]] = []
    problems: list[str] = []
    overhanging = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cx, cy, width, height = row = _parse(line.split())
        except ValueError as error:
            problems.append(f"{number}: {error}")
            continue
        rows.append(row)
        reach = max(abs(cx - 0.5) + width / 2, abs(cy - 0.5) + height / 2) - 0.5
        overhanging += reach > _ROUNDING
    return YoloLabels(np.array(rows, dtype=np.float64).reshape(-1, 4), overhanging, tuple(problems))


def _parse(words: list[str]) -> list[float]:
    if len(words) not in {5, 6}:
        raise ValueError(f"{len(words)} values where 'class cx cy w h' is wanted")
    try:
        kind, *row = [float(word) for word in words]
    except ValueError:
        raise ValueError(f"not all numbers: {' '.join(words)}") from None
    if not all(map(math.isfinite, row)):
        raise ValueError(f"not all finite: {' '.join(words)}")
    if kind != 0:
        raise ValueError(f"class {words[0]}: only class 0, a string, is known")
    cx, cy, width, height = row[:4]
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width} x {height} holds nothing")
    if not (-width / 2 < cx < 1 + width / 2 and -height / 2 < cy < 1 + height / 2):
        raise ValueError("the box lies outside the frame; YOLO values are fractions of it, from 0 to 1")
    return row[:4]

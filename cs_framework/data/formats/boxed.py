"""What every label format says: frames and their boxes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from attrs import field, frozen

from cs_framework.api.arrays import Float64
from cs_framework.errors import DataError

Size = tuple[int, int]
"""(height, width)"""

CLASS = "cytoplasmic string"


@frozen(eq=False)
class BoxedFrame:
    """A frame and its boxes."""

    name: str
    """Path relative to the root of the frames, with ``/``, then ``#page`` where the file holds several."""
    size: Size | None
    """None where the labels do not tell it."""
    boxes: Float64 = field(factory=lambda: np.zeros((0, 4)))
    """(M, 4) x1, y1, x2, y2 in pixels, half-open; they may reach over the border."""
    scores: Float64 | None = None
    """(M,) confidences, where the boxes were detected and not drawn."""

    @property
    def known_size(self) -> Size:
        """The size, for formats that need it.

        Raises:
            DataError: it is not known.
        """
        if self.size is None:
            raise DataError(
                f"the size of {self.name} is not in its labels: give the folder of its frames with --frames"
            )
        return self.size


@frozen
class Found:
    """What a reader collects: boxes by frame, and everything that is wrong."""

    where: str
    """Names the source in what is wrong."""
    sizes: dict[str, Size | None] = field(factory=dict)
    boxes: dict[str, list[tuple[str, float | None, list[float]]]] = field(factory=dict)
    """By frame: class, confidence and corners of each box."""
    problems: list[str] = field(factory=list)

    def frame(self, name: str, size: Size | None) -> None:
        """Add a frame; of one that is listed twice, the boxes are united."""
        if size is not None and not (0 < size[0] < 2**31 and 0 < size[1] < 2**31):
            self.problem(name, f"a size of {size[1]} x {size[0]} pixels is none")
            size = None
        self.sizes[name] = self.sizes.get(name) or size
        self.boxes.setdefault(name, [])

    def box(self, name: str, kind: str, corners: Sequence[float], score: float | None = None) -> None:
        """Add a box of a frame; what cannot be a box is a problem."""
        x1, y1, x2, y2 = corners = [float(value) for value in corners]
        size = self.sizes[name]
        if not all(map(math.isfinite, corners)):
            self.problem(name, f"a box that is not finite: {corners}")
        elif x2 <= x1 or y2 <= y1:
            self.problem(name, f"a box of {x2 - x1:g} x {y2 - y1:g} pixels holds nothing")
        elif size and (x2 <= 0 or y2 <= 0 or x1 >= size[1] or y1 >= size[0]):
            self.problem(name, f"a box outside the frame: {', '.join(f'{value:g}' for value in corners)}")
        else:
            self.boxes[name].append((kind, score, corners))

    def problem(self, what: object, text: str) -> None:
        """Note that something is wrong."""
        self.problems.append(f"{self.where}: {what}: {text}")

    def frames(self, wanted: str | None) -> list[BoxedFrame]:
        """All frames with the boxes of one class.

        Args:
            wanted: the class; None where there is only one.

        Raises:
            DataError: naming all problems, or the classes where there are several.
        """
        refuse(self.problems)
        kinds = sorted({kind for boxes in self.boxes.values() for kind, _, _ in boxes})
        if wanted is None and len(kinds) > 1:
            raise DataError(
                f"{self.where}: boxes of several classes ({', '.join(kinds)}): choose with --class"
            )
        if wanted is not None and kinds and wanted not in kinds:
            raise DataError(f"{self.where}: no box of the class {wanted!r}; there are: {', '.join(kinds)}")
        return [self._boxed(name, wanted) for name in self.sizes]

    def _boxed(self, name: str, wanted: str | None) -> BoxedFrame:
        kept = [box for box in self.boxes[name] if wanted in {None, box[0]}]
        scores = [score for _, score, _ in kept if score is not None]
        return BoxedFrame(
            name,
            self.sizes[name],
            np.array([corners for _, _, corners in kept], dtype=np.float64).reshape(-1, 4),
            np.array(scores) if scores and len(scores) == len(kept) else None,
        )


def without_extension(frame: str) -> str:
    """``sub/a.png`` as ``sub/a``, and ``a.tif#2`` as ``a#2``."""
    file, _, page = frame.rpartition("#")
    if page.isdigit() and PurePosixPath(file).suffix:
        return f"{PurePosixPath(file).with_suffix('')}#{page}"
    return str(PurePosixPath(frame).with_suffix(""))


def refuse(problems: Sequence[str]) -> None:
    """Stop where something is wrong.

    Raises:
        DataError: naming the first problems, and how many more there are.
    """
    if problems:
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise DataError(
            "nothing can be done with this:" + "".join(f"\n  {text}" for text in [*problems[:20], *more])
        )


def read_json(path: Path) -> Any:
    """Any JSON value.

    Raises:
        DataError: the file is no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON file: {error}") from error


def write_items(path: Path, before: str, items: Iterable[Mapping[str, Any]], after: str) -> None:
    """Write a JSON list item by item between two texts; NaN and infinity are refused."""
    with path.open("a", encoding="utf-8") as file:
        file.write(before)
        for number, item in enumerate(items):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(item, ensure_ascii=False, allow_nan=False))
        file.write(after)

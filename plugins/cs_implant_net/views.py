"""What the network sees of a frame: the embryo, enlarged or reduced to one size, as a grey plane."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import Frame

AROUND = 1.12
"""Half the side of a view, in radii of the embryo: its rim is seen, the well is not."""


@frozen(eq=False)
class View:
    """A square cut around the embryo of a frame."""

    plane: NDArray[np.uint8]
    """(S, S) grey; beyond the frame its border is continued."""
    inside: NDArray[np.bool_]
    """(S, S) what belongs to the embryo and to the frame."""
    corner: tuple[int, int]
    """x and y of the view's upper left corner in the frame, in pixels; may be negative."""
    side: int
    """Pixels of the frame that the view is wide and high."""
    frame_size: tuple[int, int]
    """(height, width) of the frame."""
    circle: tuple[float, float, float] | None
    """The embryo within the view as `cs_framework.Frame` takes it; None where none was found."""

    @classmethod
    def of(cls, frame: Frame, size: int) -> View:
        """The embryo of a frame in `size` x `size` pixels; all of the frame where no embryo is found."""
        (height, width), embryo = frame.size, frame.embryo
        half = AROUND * embryo.radius if embryo.found else max(height, width) / 2
        x, y = round(embryo.x - half), round(embryo.y - half)
        side = max(round(2 * half), 1)
        return cls(
            plane=_resized(_cut(frame.grey, x, y, side, cv2.BORDER_REPLICATE), size),
            inside=_resized(_cut(frame.embryo.mask.astype(np.uint8), x, y, side), size).astype(bool),
            corner=(x, y),
            side=side,
            frame_size=(height, width),
            circle=((embryo.x - x) / side, (embryo.y - y) / side, embryo.radius / side)
            if embryo.found
            else None,
        )

    def to_frame(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """A map of the view, float32 in a square of any size, at the frame's pixels; 0 outside the view."""
        height, width = self.frame_size
        (x, y), side = self.corner, self.side
        enlarged = cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR)
        placed = np.zeros(self.frame_size, np.float32)
        top, left, bottom, right = max(y, 0), max(x, 0), min(y + side, height), min(x + side, width)
        placed[top:bottom, left:right] = enlarged[top - y : bottom - y, left - x : right - x]
        return placed


def _cut(
    plane: NDArray[np.uint8], x: int, y: int, side: int, border: int = cv2.BORDER_CONSTANT
) -> NDArray[np.uint8]:
    """The square at x, y, with a border where it reaches over the frame's."""
    height, width = plane.shape
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + side, height), min(x + side, width)
    part = plane[top:bottom, left:right]
    beyond = (top - y, y + side - bottom, left - x, x + side - right)
    return np.asarray(cv2.copyMakeBorder(part, *beyond, borderType=border), np.uint8)


def _resized(plane: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    way = cv2.INTER_AREA if len(plane) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (size, size), interpolation=way), np.uint8)

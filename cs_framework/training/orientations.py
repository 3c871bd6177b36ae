"""Frames flipped and turned, with their boxes: the same string seen eight ways."""

from __future__ import annotations

import numpy as np
from attrs import evolve

from cs_framework.embryo import Circle
from cs_framework.interfaces import Float32, Frame, UInt8

# The eight symmetries of a square: quarter turns counter-clockwise, then mirrored left to right or not. The
# first two are as seen and mirrored, the next two upside down; only the others turn width into height.
_SYMMETRIES = ((0, False), (0, True), (2, True), (2, False), (1, False), (3, False), (1, True), (3, True))
ORIENTATIONS = len(_SYMMETRIES)


def orient(frame: Frame, orientation: int) -> Frame:
    """The frame in one of eight orientations; 0 is the frame itself."""
    if orientation == 0:
        return frame
    image = np.ascontiguousarray(_turned(frame.image, orientation))
    return evolve(frame, image=image, circle=_turned_circle(frame.circle, orientation))


def orient_boxes(boxes: Float32, size: tuple[int, int], orientation: int) -> Float32:
    """The boxes (N, 4) of a frame of `size` (height, width), where `orient` puts them."""
    quarters, mirrored = _SYMMETRIES[orientation]
    height, width = size
    x1, y1, x2, y2 = boxes.T
    for _ in range(quarters):
        x1, y1, x2, y2 = y1, width - x2, y2, width - x1
        height, width = width, height
    if mirrored:
        x1, x2 = width - x2, width - x1
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.float32)


def orient_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(height, width) of the oriented frame."""
    return size if _SYMMETRIES[orientation][0] % 2 == 0 else size[::-1]


def _turned_circle(circle: Circle | None, orientation: int) -> Circle | None:
    """As fractions of the frame, the centre turns as a box without extent does in a frame of 1 x 1."""
    if circle is None:
        return None
    x, y, radius = circle
    centre = orient_boxes(np.array([[x, y, x, y]], np.float32), (1, 1), orientation)[0]
    return float(centre[0]), float(centre[1]), radius


def _turned(image: UInt8, orientation: int) -> UInt8:
    quarters, mirrored = _SYMMETRIES[orientation]
    image = np.rot90(image, quarters)
    return image[:, ::-1] if mirrored else image

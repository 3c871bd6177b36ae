"""Means over many rectangles at once, through an integral image (Crow 1984)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

GRID = 3
RECTANGLES = 1 + GRID * GRID + 4
"""Rectangles for each box: the whole, its cells row by row, and strips left, right, above and below."""


def layout(boxes: Float32, size: tuple[int, int]) -> NDArray[np.intp]:
    """(N, RECTANGLES, 4) rectangles x1, y1, x2, y2 in whole pixels, in a frame of `size` (height, width).

    A box is widened to whole pixels; borders between cells are rounded, and a cell keeps one pixel at least,
    so that the cells of tiny boxes overlap. Strips are as thick as a cell, two pixels at least, and empty
    where the frame ends.
    """
    height, width = size
    x, strip_x = _edges(boxes[:, 0], boxes[:, 2], width)
    y, strip_y = _edges(boxes[:, 1], boxes[:, 3], height)
    whole_x, whole_y = (x[:, 0, 0], x[:, -1, 1]), (y[:, 0, 0], y[:, -1, 1])
    rectangles = [(whole_x, whole_y)]
    rectangles += [
        ((x[:, column, 0], x[:, column, 1]), (y[:, row, 0], y[:, row, 1]))
        for row in range(GRID)
        for column in range(GRID)
    ]
    before, after = strip_x
    above, below = strip_y
    rectangles += [
        ((before, whole_x[0]), whole_y),
        ((whole_x[1], after), whole_y),
        (whole_x, (above, whole_y[0])),
        (whole_x, (whole_y[1], below)),
    ]
    return np.stack([np.stack([x1, y1, x2, y2], axis=1) for (x1, x2), (y1, y2) in rectangles], axis=1)


def _edges(
    low: Float32, high: Float32, end: int
) -> tuple[NDArray[np.intp], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Along one axis: (N, GRID, 2) first and last edges of the cells, and the far edges of both strips."""
    first = np.clip(np.floor(low).astype(np.intp), 0, end - 1)
    last = np.clip(np.ceil(high).astype(np.intp), first + 1, end)
    borders = np.round(np.linspace(first, last, GRID + 1, axis=1)).astype(np.intp)
    start = np.minimum(borders[:, :-1], last[:, None] - 1)
    cells = np.stack([start, np.maximum(borders[:, 1:], start + 1)], axis=2)
    thickness = np.maximum((last - first) // GRID, 2)
    return cells, (np.maximum(first - thickness, 0), np.minimum(last + thickness, end))


def pool(maps: Float32, rectangles: NDArray[np.intp]) -> tuple[Float32, NDArray[np.bool_]]:
    """Means of maps over rectangles.

    Args:
        maps: (H, W, C).
        rectangles: (..., 4) x1, y1, x2, y2 in whole pixels, half-open, inside the maps.

    Returns:
        (..., C) the means, 0 over an empty rectangle; and (...) whether there is any pixel.
    """
    height, width, channels = maps.shape
    integral = cv2.integral(maps, sdepth=cv2.CV_64F).reshape(height + 1, width + 1, channels)
    x1, y1, x2, y2 = np.moveaxis(rectangles, -1, 0)
    area = (x2 - x1) * (y2 - y1)
    flat = integral.reshape(-1, channels)
    sums = flat[y2 * (width + 1) + x2] - flat[y1 * (width + 1) + x2]
    sums += flat[y1 * (width + 1) + x1] - flat[y2 * (width + 1) + x1]
    return (sums / np.maximum(area, 1)[..., None]).astype(np.float32), area > 0

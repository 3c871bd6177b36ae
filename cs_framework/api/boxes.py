"""Arithmetic of half-open boxes ``x1, y1, x2, y2`` in pixels: no ``+ 1`` anywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cs_framework.api.arrays import Float32, Float64


def as_boxes(boxes: ArrayLike) -> Float32:
    """Any sequence of four-tuples as float32 (N, 4), (0, 4) where empty."""
    return np.asarray(boxes, dtype=np.float32).reshape(-1, 4)


def are_boxes(boxes: NDArray[np.floating]) -> bool:
    """Whether these are boxes (N, 4): finite, and none turned inside out, as x2 < x1 would be."""
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        return False
    return bool((boxes[:, :2] <= boxes[:, 2:]).all())


def area(boxes: Float32) -> Float32:
    """(N,) areas in px^2."""
    areas: Float32 = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def iou(a: Float32, b: Float32) -> Float32:
    """(N, M) intersection over union of each box of `a` with each of `b`; 0 where the union is empty."""
    return _overlap(_corners(a)[:, :, None], _corners(b)[:, None, :])


def _corners(boxes: Float32) -> Float64:
    """(4, N), each coordinate in a row."""
    return np.ascontiguousarray(boxes.T, np.float64)


def _overlap(a: Float64, b: Float64) -> Float32:
    """IoU of boxes (4, ...) that broadcast; coordinates apart, since reducing an axis of two is slow."""
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    intersection = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    union = areas - intersection
    ratio: Float64 = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return ratio.astype(np.float32)


def clip(boxes: Float32, size: tuple[int, int]) -> Float32:
    """Boxes cut at the border of a frame of `size` (height, width)."""
    height, width = size
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float32)).astype(np.float32)


def from_xywh(boxes: ArrayLike) -> Float32:
    """Boxes from corner, width and height: ``x2 = x + w``."""
    xywh = as_boxes(boxes)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)


def to_xywh(boxes: Float32) -> Float32:
    """Corner, width and height of boxes."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def from_yolo(boxes: Float64, size: tuple[int, int]) -> Float64:
    """Boxes in pixels from YOLO's centre x, centre y, width and height (M, 4) in fractions of a frame.

    `size` is (height, width); what reaches over the border is not cut.
    """
    height, width = size
    half = boxes[:, 2:] / 2
    corners = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    pixels: Float64 = corners * [width, height, width, height]
    return pixels


def to_yolo(boxes: Float32 | Float64, size: tuple[int, int]) -> Float64:
    """YOLO's centre x, centre y, width, height (M, 4) in fractions of a frame of `size` (height, width)."""
    height, width = size
    corners = boxes.astype(np.float64) / [width, height, width, height]
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


def nms(boxes: Float32, scores: Float32, threshold: float, limit: int | None = None) -> NDArray[np.intp]:
    """Indices kept by greedy non-maximum suppression, best first, at most `limit` of them.

    A box goes when its IoU with a kept one is above `threshold`. Equal scores keep their order.
    """
    order = np.argsort(-scores, kind="stable")
    corners = _corners(boxes[order])
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for i in range(len(order)):
        if limit is not None and len(kept) >= limit:
            break
        if alive[i]:
            kept.append(i)
            alive[i + 1 :] &= _overlap(corners[:, i, None], corners[:, i + 1 :]) <= threshold
    return order[kept]

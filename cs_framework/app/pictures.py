"""Pictures of the app: boxes, residuals and crops as the overlays and the report have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from cs_framework.api.arrays import Float32, UInt8
from cs_framework.api.components import Detection
from cs_framework.api.frames import Frame
from cs_framework.outputs.overlays import DETECTED, crop, draw, heat
from cs_framework.outputs.write import DRAWN_PROPOSALS
from cs_framework.pipeline.results import FrameResult


def best_boxes(
    frame: Frame, detections: Sequence[Detection], truth: Float32 | None, chosen: int = 0
) -> UInt8:
    """The frame with one detection in orange, the others in green, and true boxes in blue.

    Args:
        frame: what to draw on.
        detections: best first.
        truth: (M, 4) or None.
        chosen: the rank of the one to stress.
    """
    others = np.array([d.box for d in detections if d.rank != chosen], np.float32).reshape(-1, 4)
    stressed = tuple(d for d in detections if d.rank == chosen)
    return draw(frame, stressed, annotated=truth, proposals=others)


def all_proposals(frame: Frame, result: FrameResult, truth: Float32 | None) -> UInt8:
    """The frame with its most confident proposals, or the first ones where there is no confidence."""
    boxes = result.proposals
    if result.scores is not None:
        boxes = boxes[np.argsort(-result.scores.confidence, kind="stable")]
    return draw(frame, annotated=truth, proposals=boxes[:DRAWN_PROPOSALS])


def close_up(frame: Frame, box: Sequence[float], side: int = 320) -> UInt8:
    """A box with half its size around it, enlarged to about `side` pixels."""
    x1, y1, x2, y2 = box
    margin = max(x2 - x1, y2 - y1) / 2
    height, width = frame.size
    around = max(x1 - margin, 0), max(y1 - margin, 0), min(x2 + margin, width), min(y2 + margin, height)
    pixels = crop(frame, around)
    scale = max(side / max(pixels.shape[:2]), 1)
    size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def embedding_grid(embedding: Float32, cell: int = 14) -> UInt8:
    """An embedding as a map of its figures, row by row: 24 x 32 for 768 of them, else nearly square.

    Args:
        embedding: (D,).
        cell: pixels on a side of the square that a figure gets.
    """
    rows, columns = grid_shape(len(embedding))
    values = np.full(rows * columns, np.nan, np.float32)
    values[: len(embedding)] = embedding
    inside = np.isfinite(values)
    filled = np.where(inside, values, embedding.min(initial=0)).reshape(rows, columns)
    coloured = heat(filled.astype(np.float32), None if inside.all() else inside.reshape(rows, columns))
    return np.repeat(np.repeat(coloured, cell, axis=0), cell, axis=1)


def grid_shape(count: int) -> tuple[int, int]:
    """Rows and columns for so many figures: a full grid near 3 : 4 if they divide so, else one with gaps."""
    ideal = math.sqrt(count * 3 / 4)
    divisors = [rows for rows in range(1, count + 1) if count % rows == 0] or [1]
    rows = min(divisors, key=lambda rows: abs(math.log(rows / max(ideal, 1))))
    if count > 3 and max(rows, count // rows) > 3 * min(rows, count // rows):  # a prime makes a long line
        rows = max(round(ideal), 1)
    return rows, max(-(-count // rows), 1)


def icon() -> UInt8:
    """A bright line in a dark circle, for the browser's tab."""
    canvas = np.full((64, 64, 3), 255, np.uint8)
    cv2.circle(canvas, (32, 32), 30, (60, 66, 74), -1, cv2.LINE_AA)
    cv2.line(canvas, (14, 42), (50, 22), DETECTED, 5, cv2.LINE_AA)
    return canvas


def png(picture: UInt8) -> bytes:
    """An RGB picture as the bytes of a PNG."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()

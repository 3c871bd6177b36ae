"""Boxes cut from a map: what stands out at several levels, in pieces and joined along a line."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import boxes as bx

Float32 = NDArray[np.float32]
Ends = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Two points, each (2,) x and y."""

_SHARES = (0.002, 0.005, 0.01, 0.02, 0.04)
"""Of the embryo's pixels, the strongest, that make the pieces of a level. Shares and not thresholds: how
sure the network is changes from instrument to instrument, how much of a frame a string covers does not."""
_SEED = 0.25
"""A piece counts if one of its pixels is among so many of the level's pixels, the strongest (hysteresis)."""
_MARGINS = (0.02, 0.05)
"""Around a piece, in diameters of the embryo: people draw boxes loosely."""
_LEAST = 0.04
"""Shortest diagonal of a piece, in diameters."""
_MOST_PIECES = 25
"""Of a level, the strongest, that are joined."""
_GAP, _BEND = 0.2, 0.35
"""Largest distance of pieces that are joined, in diameters, and largest angle at the joint, in radians."""
_SAME = 0.8
"""IoU from which on a box says the same as a better one."""


@frozen(eq=False)
class Piece:
    """A connected part of a level, or several that were joined."""

    xs: NDArray[np.intp]
    ys: NDArray[np.intp]
    mass: float
    """Sum of the map over its pixels."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Around its pixels."""
        return float(self.xs.min()), float(self.ys.min()), float(self.xs.max() + 1), float(self.ys.max() + 1)

    @property
    def ends(self) -> Ends:
        """The two outermost points along its main direction."""
        points = np.stack([self.xs, self.ys], axis=1).astype(np.float64)
        centred = points - points.mean(axis=0)
        direction = np.linalg.eigh(centred.T @ centred)[1][:, 1]
        along = centred @ direction
        middle = points.mean(axis=0)
        return middle + along.min() * direction, middle + along.max() * direction

    def joined(self, other: Piece) -> Piece:
        """Both together."""
        xs, ys = np.concatenate([self.xs, other.xs]), np.concatenate([self.ys, other.ys])
        return Piece(xs, ys, self.mass + other.mass)


def cut_boxes(chances: Float32, inside: NDArray[np.bool_], limit: int) -> tuple[Float32, Float32]:
    """Boxes of what stands out in a map.

    Args:
        chances: (H, W) at least 0, higher = more likely a string.
        inside: (H, W) the embryo; nothing is found elsewhere.
        limit: boxes, at most.

    Returns:
        boxes (N, 4) in pixels of the map, best first, and their strengths (N,): the sum of the map over the
        piece, by the root of its length.
    """
    ranked = np.sort(chances[inside])[::-1]
    if not len(ranked) or ranked[0] <= 0:
        return bx.as_boxes([]), np.zeros(0, np.float32)
    diameter = 2 * np.sqrt(inside.sum() / np.pi)
    found: list[tuple[tuple[float, ...], float]] = []
    for share in _SHARES:
        pieces = _level(chances, inside, ranked, share, _LEAST * diameter)
        pieces += _joins(pieces[:_MOST_PIECES], diameter)
        for piece in pieces:
            x1, y1, x2, y2 = piece.box
            length = max(float(np.hypot(x2 - x1, y2 - y1)), _LEAST * diameter)
            for margin in _MARGINS:
                by = margin * diameter
                found.append(((x1 - by, y1 - by, x2 + by, y2 + by), piece.mass / np.sqrt(length)))
    if not found:
        return bx.as_boxes([]), np.zeros(0, np.float32)
    boxes = bx.clip(bx.as_boxes([box for box, _ in found]), chances.shape)
    strengths = np.array([strength for _, strength in found], np.float32)
    kept = bx.nms(boxes, strengths, _SAME, limit=limit)
    return boxes[kept], strengths[kept]


def _level(
    chances: Float32, inside: NDArray[np.bool_], ranked: Float32, share: float, least: float
) -> list[Piece]:
    """The pieces among the strongest pixels, strongest first."""
    last = min(max(int(share * len(ranked)), 1), len(ranked)) - 1
    level, seed = ranked[last], ranked[int(_SEED * last)]
    strong = inside & (chances >= level) & (chances > 0)
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(strong.astype(np.uint8), connectivity=8)
    pieces = []
    for number, (x, y, width, height, _) in enumerate(stats[1:], 1):
        ys, xs = np.nonzero(numbers[y : y + height, x : x + width] == number)
        values = chances[ys + y, xs + x]
        if values.max() >= seed and np.hypot(width, height) >= least:
            pieces.append(Piece(xs + x, ys + y, float(values.sum())))
    return sorted(pieces, key=lambda piece: -piece.mass)


def _joins(pieces: list[Piece], diameter: float) -> list[Piece]:
    """Pairs of pieces that lie on one line, and triples of such pairs."""
    ends = [piece.ends for piece in pieces]
    pairs = {(i, j) for i, j in combinations(range(len(pieces)), 2) if _on_a_line(ends[i], ends[j], diameter)}
    joined = [pieces[i].joined(pieces[j]) for i, j in sorted(pairs)]
    joined += [
        pieces[i].joined(pieces[j]).joined(pieces[k])
        for i, j, k in combinations(range(len(pieces)), 3)
        if len(pairs & {(i, j), (j, k), (i, k)}) >= 2
    ]
    return joined


def _on_a_line(one: Ends, other: Ends, diameter: float) -> bool:
    """Whether two pieces, given their ends, go on from each other without a bend."""
    near, far = min(
        (((a, b), (one[1 - i], other[1 - j])) for i, a in enumerate(one) for j, b in enumerate(other)),
        key=lambda ends: float(np.hypot(*(ends[0][0] - ends[0][1]))),
    )
    gap = near[1] - near[0]
    if np.hypot(*gap) > _GAP * diameter:
        return False
    first, second = near[0] - far[0], far[1] - near[1]
    return all(_angle(a, b) < _BEND for a, b in ((first, second), (first, far[1] - far[0])))


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Between two directions, in [0, pi]; 0 where one has none."""
    lengths = float(np.hypot(*a) * np.hypot(*b))
    return float(np.arccos(np.clip(a @ b / lengths, -1, 1))) if lengths else 0.0

"""Means of dense features over boxes, exact to the fraction of a cell."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cs_framework.api.arrays import Float32, Float64

_LEAST = 1e-3  # of a cell: the width and height given to boxes that have none


def pool_boxes(features: Tensor, boxes: Float32, size: tuple[int, int]) -> Tensor:
    """Average dense features over each box, every cell weighted by the area that the box covers of it.

    The features divide the frame into ``h * w`` equal cells, whatever resolution they were computed at.
    Their integral image (Crow, 1984) is read between its nodes by bilinear interpolation, which is exact, as
    features are constant within a cell; so a box costs the same whatever its size.

    Args:
        features: (C, h, w) floating point, on any device.
        boxes: (N, 4) x1, y1, x2, y2 in pixels of the frame, cut at its border.
        size: (height, width) of the frame in pixels.

    Returns:
        (N, C) float32 on the features' device. A box without area takes the features at its place.
    """
    channels, rows, columns = features.shape
    # Differences of sums cancel, hence float64, which mps lacks.
    device = torch.device("cpu") if features.device.type == "mps" else features.device
    integral = torch.zeros((rows + 1, columns + 1, channels), dtype=torch.float64, device=device)
    cells = features.to(device).permute(1, 2, 0)
    torch.cumsum(cells.cumsum(0, dtype=torch.float64), 1, out=integral[1:, 1:])

    x, along_x = _nodes(boxes[:, 0], boxes[:, 2], size[1], columns)
    y, along_y = _nodes(boxes[:, 1], boxes[:, 3], size[0], rows)
    nodes = (y[:, :, None] * (columns + 1) + x[:, None, :]).reshape(-1, 16)
    weights = (along_y[:, :, None] * along_x[:, None, :]).reshape(-1, 16)
    # Each mean is a weighted sum of sixteen nodes, which is what an embedding bag computes.
    means = F.embedding_bag(
        torch.from_numpy(nodes).to(device),
        integral.reshape(-1, channels),
        per_sample_weights=torch.from_numpy(weights).to(device),
        mode="sum",
    )
    return means.float().to(features.device)


def _nodes(low: Float32, high: Float32, pixels: int, cells: int) -> tuple[NDArray[np.int64], Float64]:
    """Along one axis: the (N, 4) nodes at both ends of each box, and their weights in its mean."""
    start, end = (np.clip(np.float64(edge) / pixels * cells, 0, cells) for edge in (low, high))
    start = np.minimum(start, cells - _LEAST)
    end = np.maximum(end, start + _LEAST)
    first, last = (np.minimum(edge.astype(np.int64), cells - 1) for edge in (start, end))
    into_first, into_last = start - first, end - last
    nodes = np.stack([first, first + 1, last, last + 1], axis=1)
    weights = np.stack([into_first - 1, -into_first, 1 - into_last, into_last], axis=1)
    return nodes, weights / (end - start)[:, None]

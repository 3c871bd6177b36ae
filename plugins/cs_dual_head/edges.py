"""The four edges of a box as a network regresses them, and back (after R-CNN, Girshick et al., 2014)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_BEND = 0.1  # of the box's side: errors below it count by their square


def to_shifts(boxes: Tensor, targets: Tensor) -> Tensor:
    """How far each edge of (N, 4) boxes lies from that of its target, in the box's own widths and heights."""
    return (targets - boxes) / _extents(boxes)


def shifted(boxes: Tensor, shifts: Tensor) -> Tensor:
    """(N, 4) boxes with their edges moved: the inverse of `to_shifts`.

    Edges that would pass each other change places, so that every box stays one.
    """
    corners = (boxes + shifts * _extents(boxes)).reshape(-1, 2, 2)
    return torch.cat([corners.amin(1), corners.amax(1)], dim=1)


def edge_loss(shifts: Tensor, targets: Tensor) -> Tensor:
    """Smooth L1 over the rows of (N, 4) `targets` that are not NaN; 0 where there is none."""
    known = ~targets.isnan().any(dim=1)
    # Summed and divided, since the mean of nothing is NaN.
    loss = F.smooth_l1_loss(shifts[known], targets[known], beta=_BEND, reduction="sum")
    return loss / max(4 * int(known.sum()), 1)


def paired_iou(boxes: Tensor, targets: Tensor) -> Tensor:
    """(N,) IoU of each of (N, 4) boxes with the target in the same row; 0 where that is NaN."""
    common = torch.minimum(boxes[:, 2:], targets[:, 2:]) - torch.maximum(boxes[:, :2], targets[:, :2])
    intersection = common.clamp_min(0).prod(1)
    union = sum((b[:, 2:] - b[:, :2]).prod(1) for b in (boxes, targets)) - intersection
    return (intersection / union).nan_to_num(0.0)


def _extents(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)

"""The memory: a few patches that lie close to all others, and the way to the nearest of them."""

from __future__ import annotations

import torch
from torch import Tensor

_PROJECTED = 64  # dimensions in which patches are chosen, which the method's authors found to be enough


def choose(candidates: Tensor, size: int, seed: int) -> tuple[Tensor, float]:
    """Choose patches so that none of the candidates is far from all of them (greedy k-centre).

    Args:
        candidates: (N, D) patches.
        size: how many to choose at most.
        seed: of the first choice and of the random projection that the choice is made in.

    Returns:
        (min(size, N), D) patches, and the largest distance of a candidate to the nearest of them, measured
        in the projection.
    """
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(candidates.shape[1], _PROJECTED, generator=generator) / _PROJECTED**0.5
    points = candidates @ directions
    chosen = [int(torch.randint(len(points), (1,), generator=generator))]
    distance = torch.linalg.vector_norm(points - points[chosen[0]], dim=1)
    while len(chosen) < min(size, len(points)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, torch.linalg.vector_norm(points - points[chosen[-1]], dim=1))
    return candidates[chosen], float(distance.max())


def distance_to(memory: Tensor, patches: Tensor) -> Tensor:
    """(..., D) patches -> (...) Euclidean distance to the nearest of the (M, D) remembered ones."""
    rows = patches.reshape(-1, patches.shape[-1])
    # In float32 the distance of equal vectors would come out as a thousandth of their length.
    nearest = torch.cdist(rows.double(), memory.double()).amin(dim=1)
    return nearest.float().reshape(patches.shape[:-1])

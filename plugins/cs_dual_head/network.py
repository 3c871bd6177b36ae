"""The network and its losses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

_ROWS_AT_ONCE = 8192  # bounds the memory of a forward pass over a large table


class Answers(NamedTuple):
    """What the network says of N regions."""

    logits: Tensor
    """(N,) of 'holds a string'"""
    ious: Tensor
    """(N,) expected IoU, not clamped"""
    shifts: Tensor
    """(N, 4) how far each edge is to move, in the box's widths and heights; (N, 0) without that head"""


class DualHead(nn.Module):
    """A shared trunk with two linear heads, and a third one where boxes are refined.

    Args:
        dim: D, the length of an embedding.
        hidden: units of each hidden layer.
        dropout: share of hidden units dropped while training.
        refines: whether there is a head for the edges; it starts by leaving them where they are.
    """

    def __init__(self, dim: int, hidden: Sequence[int], dropout: float, refines: bool = False) -> None:
        super().__init__()
        self.dim = dim
        widths = [dim, *hidden]
        self.norm = nn.LayerNorm(dim)
        self.trunk = nn.Sequential()
        for wide, narrow in pairwise(widths):
            self.trunk.extend([nn.Linear(wide, narrow), nn.ReLU(), nn.Dropout(dropout)])
        self.string = nn.Linear(widths[-1], 1)
        self.iou = nn.Linear(widths[-1], 1)
        self.refines = refines
        if refines:
            self.edges = nn.Linear(widths[-1], 4)
            nn.init.zeros_(self.edges.weight)
            nn.init.zeros_(self.edges.bias)

    def forward(self, embeddings: Tensor) -> Answers:
        """What the heads say of (N, D) embeddings."""
        features = self.trunk(self.norm(embeddings.float()))
        shifts = self.edges(features) if self.refines else features[:, :0]
        return Answers(self.string(features).squeeze(1), self.iou(features).squeeze(1), shifts)


def predict(
    network: nn.Module, embeddings: NDArray[np.floating], rows: NDArray[np.intp] | None = None
) -> Answers:
    """What the network says of some rows of (N, D) embeddings, or of all: float32, on the CPU, no dropout."""
    if rows is None:
        rows = np.arange(len(embeddings))
    device = next(network.parameters()).device
    network.eval()
    answers = []
    with torch.inference_mode():
        for start in range(0, max(len(rows), 1), _ROWS_AT_ONCE):
            part = embeddings[rows[start : start + _ROWS_AT_ONCE]]
            answers.append([answer.cpu() for answer in network(torch.from_numpy(part).to(device))])
    return Answers(*(torch.cat(parts) for parts in zip(*answers, strict=True)))


def focal_loss(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> Tensor:
    """Mean focal binary cross-entropy (Lin et al., 2017).

    Args:
        logits: (N,)
        targets: (N,) in [0, 1]; values in between come from MixUp.
        alpha: weight of target 1; target 0 has ``1 - alpha``.
        gamma: exponent that plays down what is already answered well.
    """
    probability = torch.sigmoid(logits)
    # The chance of the wrong answer, written without 1 - p_t so that it keeps its precision near 0.
    wrong = probability * (1 - targets) + (1 - probability) * targets
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (weight * wrong**gamma * entropy).mean()

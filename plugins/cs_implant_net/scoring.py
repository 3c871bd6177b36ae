"""From the map of logits to the score of the frame."""

from __future__ import annotations

import torch
from torch import Tensor

_SHARE = 0.005
"""Of the map's pixels that count towards the score, chosen on drawn strings: about what one covers."""
_NOTHING = -20.0


def frame_logits(logits: Tensor, inside: Tensor) -> Tensor:
    """The mean of a frame's strongest logits on the embryo, about as many as make a string.

    Args:
        logits: (N, 1, H, W).
        inside: (N, 1, H, W) bool; pixels elsewhere count as certainly no string.

    Returns:
        (N,)
    """
    strongest = max(1, round(_SHARE * logits[0].numel())) if len(logits) else 1
    within = torch.where(inside, logits, _NOTHING).flatten(1)
    return within.topk(min(strongest, within.shape[1]), dim=1).values.mean(dim=1)

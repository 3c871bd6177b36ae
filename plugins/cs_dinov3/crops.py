"""From boxes to the pixels that the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

# Those of the weights pretrained on web images (lvd1689m), which are ImageNet's.
_MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def crop(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Every pixel that a box touches, and at least one: the (h, w, 3) view of an (H, W, 3) image.

    The upper left corner is rounded down and the lower right one up; boxes are half-open.
    """
    height, width = image.shape[:2]
    x1, y1 = np.clip(np.floor(box[:2]), 0, (width - 1, height - 1)).astype(int)
    x2, y2 = np.clip(np.ceil(box[2:]), (x1 + 1, y1 + 1), (width, height)).astype(int)
    return image[y1:y2, x1:x2]


def to_pixels(crops: Sequence[NDArray[np.uint8]], size: int, device: torch.device) -> Tensor:
    """Crops as (N, 3, size, size): scaled to [0, 1], resized without keeping the aspect, normalised.

    Neighbours of the same shape are resized in one call, so crops sorted by shape are faster.
    """
    resized = []
    for _, group in groupby(crops, key=np.shape):
        stack = torch.from_numpy(np.stack(list(group))).to(device).permute(0, 3, 1, 2)
        scaled = stack.contiguous() / 255  # resizing is slow on interleaved channels
        resized.append(F.interpolate(scaled, (size, size), mode="bilinear", antialias=True))
    return torch.cat(resized).sub_(_MEAN.to(device)).div_(_STD.to(device))

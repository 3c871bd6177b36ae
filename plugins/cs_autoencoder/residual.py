"""What a reconstruction got wrong, pixel by pixel: the loss before it is averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Summary = Literal["mean", "p95", "p99", "max-blob"]
_BLOB_SIGMA = 4.0  # px
_SUMMARIES: dict[Summary, Callable[[Any], Any]] = {
    "mean": np.mean,
    "p95": lambda pixels: np.percentile(pixels, 95),
    "p99": lambda pixels: np.percentile(pixels, 99),
    "max-blob": np.max,
}

_CHARBONNIER_EPS = 1e-3
_SSIM_WINDOW = 11
_SSIM_C1 = 0.01**2
_SSIM_C2 = 0.03**2
_SSIM_WEIGHT = 0.2
_SOBEL_WEIGHT = 0.1


def combined_residual(image: Tensor, reconstruction: Tensor) -> Tensor:
    """Charbonnier + 0.2 (1 - SSIM) + 0.1 Sobel difference.

    For an image x and its reconstruction y, at each pixel:

    - Charbonnier: sqrt((x - y)^2 + 1e-3^2);
    - 1 - SSIM, with means, variances and covariance over a uniform 11 x 11 window, C1 = 0.01^2 and
      C2 = 0.03^2, clamped to [0, 2] (Wang et al., 2004);
    - |Sx(x) - Sx(y)| + |Sy(x) - Sy(y)|, S being the 3 x 3 Sobel kernels with weights 1 and 2, not normalised.

    Beyond its border the image is 0 for both neighbourhoods, and windows always count 121 pixels.

    Args:
        image: (N, 1, H, W) in [0, 1].
        reconstruction: the same shape and type.

    Returns:
        (N, 1, H, W), at least 1e-3.
    """
    difference = image - reconstruction
    charbonnier = torch.sqrt(difference**2 + _CHARBONNIER_EPS**2)
    dissimilarity = (1 - _ssim(image, reconstruction)).clamp(0, 2)
    # The gradient is linear, so the difference of gradients is the gradient of the difference.
    sobel = _sobel(difference).abs().sum(dim=1, keepdim=True)
    return charbonnier + _SSIM_WEIGHT * dissimilarity + _SOBEL_WEIGHT * sobel


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    mean_x, mean_y, xx, yy, xy = _box_mean(torch.cat([x, y, x * x, y * y, x * y], dim=1)).split(1, dim=1)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    luminance = (2 * product + _SSIM_C1) / (square_x + square_y + _SSIM_C1)
    structure = (2 * (xy - product) + _SSIM_C2) / (xx - square_x + yy - square_y + _SSIM_C2)
    return luminance * structure


def _box_mean(maps: Tensor) -> Tensor:
    # One direction after the other: 22 additions per pixel instead of 121.
    n, reach = _SSIM_WINDOW, _SSIM_WINDOW // 2
    rows = F.avg_pool2d(maps, (n, 1), stride=1, padding=(reach, 0))
    return F.avg_pool2d(rows, (1, n), stride=1, padding=(0, reach))


def _sobel(maps: Tensor) -> Tensor:
    across = maps.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    return F.conv2d(maps, torch.stack([across, across.T])[:, None], padding=1)


def frame_losses(residual: Tensor, masks: Tensor | None) -> Tensor:
    """The loss of each frame: its mean residual, smooth pixels weighing half as much again as the others.

    Args:
        residual: (N, 1, H, W) from `combined_residual`.
        masks: (N, 1, H, W) bool, the smooth pixels; None weighs all alike.

    Returns:
        (N,)
    """
    if masks is None:
        return residual.mean(dim=(1, 2, 3))
    weights = 1 + 0.5 * masks
    weights = weights / weights.mean(dim=(1, 2, 3), keepdim=True)
    return (residual * weights).mean(dim=(1, 2, 3))


def frame_scores(residual: Tensor, masks: Tensor | None, summary: Summary) -> list[float]:
    """The anomaly score of each frame.

    Args:
        residual: (N, 1, H, W), such as `combined_residual` gives it, not weighted.
        masks: (N, 1, H, W) bool, the pixels that count, or None for all, as in a frame whose mask is empty.
        summary: how they are summed up.
    """
    maps = residual.numpy(force=True)
    if summary == "max-blob":
        maps = (
            np.stack([[cv2.GaussianBlur(pixels[0], (0, 0), _BLOB_SIGMA)] for pixels in maps])
            if len(maps)
            else maps
        )
    figure = _SUMMARIES[summary]
    if masks is None:
        return [float(figure(pixels)) for pixels in maps]
    inside = masks.numpy(force=True)
    return [
        float(figure(pixels[mask] if mask.any() else pixels))
        for pixels, mask in zip(maps, inside, strict=True)
    ]

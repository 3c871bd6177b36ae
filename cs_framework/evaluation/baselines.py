"""Trivial cues of a frame: an anomaly filter that does not beat them has learnt nothing of strings."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def frame_statistics(grey: NDArray[np.uint8]) -> dict[str, float]:
    """The cues that stage 1 is put beside.

    Args:
        grey: (H, W) the grey plane of a frame.

    Returns:
        ``mean_intensity`` and ``standard_deviation`` in grey levels, ``laplacian_variance`` (of OpenCV's
        3 x 3 Laplacian, a usual measure of focus) in squared grey levels, and ``frame_size``, the square
        root of the number of pixels.
    """
    return {
        "mean_intensity": float(grey.mean()),
        "standard_deviation": float(grey.std()),
        "laplacian_variance": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        "frame_size": float(np.sqrt(grey.size)),
    }

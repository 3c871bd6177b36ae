"""From frames to what the network and its loss see."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor

from cs_autoencoder.settings import Settings
from cs_autoencoder.texture import smooth_mask, texture_heat
from cs_framework import Frame


@frozen(eq=False)
class PreparedFrames:
    """Frames at the size of the network, in a quarter of the memory of its floats."""

    images: Tensor
    """(N, 1, S, S) uint8; the network sees them divided by 255."""
    masks: Tensor | None
    """(N, 1, S, S) bool, where each frame is smooth; None for the variant that does not ask."""

    def __len__(self) -> int:
        return len(self.images)


def prepare(frames: Iterable[Frame], count: int, settings: Settings) -> PreparedFrames:
    """Preprocess frames, each gone through once.

    Args:
        frames: frames of any size.
        count: how many they are.
        settings: variant, size and heat alignment.
    """
    shape = (count, 1, settings.image_size, settings.image_size)
    images = np.empty(shape, np.uint8)
    masks = np.empty(shape, np.bool_) if settings.variant == "weighted" else None
    for row, frame in enumerate(frames):
        image = preprocess(frame.grey, settings.image_size)
        images[row, 0] = image
        if masks is not None:
            masks[row, 0] = smooth_mask(texture_heat(image, settings.heat_alignment))
    return PreparedFrames(torch.from_numpy(images), None if masks is None else torch.from_numpy(masks))


def preprocess(grey: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize a grey frame to a square, even out its contrast and smooth its noise.

    Args:
        grey: (H, W) uint8; the aspect ratio is not kept.
        size: side of the result in pixels.

    Returns:
        (size, size) uint8.
    """
    resized = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    evened = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(resized)
    return cv2.bilateralFilter(evened, d=5, sigmaColor=12, sigmaSpace=7)

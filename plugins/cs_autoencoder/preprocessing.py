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
from cs_framework import Frame, Window


@frozen(eq=False)
class PreparedWindows:
    """Windows at the size of the network; each frame is kept once, in a quarter of its floats' memory."""

    images: list[Tensor]
    """(1, S, S) uint8 for each frame; the network sees them divided by 255."""
    masks: list[Tensor] | None
    """(1, S, S) bool for each frame, the pixels that count: the smooth ones, those of the embryo, or both, as
    the settings have it; None where all do."""
    rows: Tensor
    """(N, 2 * context + 1) int64, the frames that each window shows, the one in question in the middle."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def middle(self) -> Tensor:
        """(N,) the frames in question."""
        return self.rows[:, self.rows.shape[1] // 2]


def prepare(windows: Iterable[Window], settings: Settings) -> PreparedWindows:
    """Preprocess the frames of windows, each gone through once.

    Args:
        windows: as many neighbours as the settings want on each side.
        settings: variant, region, size and heat alignment.
    """
    known: dict[str, int] = {}  # neighbours are met again as neighbours of others
    images: list[torch.Tensor] = []
    masks: list[torch.Tensor] = []
    rows: list[list[int]] = []
    every = settings.variant == "unweighted" and settings.region == "frame"
    for window in windows:
        names = [frame.id if settings.context else str(len(rows)) for frame in window.frames]
        for name, frame in zip(names, window.frames, strict=True):
            if name not in known:
                known[name] = len(known)
                image = preprocess(frame.grey, settings.image_size)
                images.append(torch.from_numpy(image)[None])
                if not every:
                    masks.append(torch.from_numpy(counting_pixels(frame, image, settings))[None])
        rows.append([known[name] for name in names])
    shown = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2 * settings.context + 1)
    return PreparedWindows(images, None if every else masks, shown)


def counting_pixels(frame: Frame, image: NDArray[np.uint8], settings: Settings) -> NDArray[np.bool_]:
    """The pixels of a frame that count towards its score.

    Args:
        frame: the frame.
        image: (S, S) the same, preprocessed.
        settings: variant, region and heat alignment.

    Returns:
        (S, S); where no smooth area is wide enough, nothing in the variant ``weighted``.
    """
    inside = None
    if settings.region == "embryo" and frame.embryo.found:
        mask = frame.embryo.mask.astype(np.uint8)
        inside = cv2.resize(mask, image.shape, interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
    if settings.variant == "weighted":
        return smooth_mask(texture_heat(image, settings.heat_alignment), inside)
    return np.ones(image.shape, bool) if inside is None else inside


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
    return np.asarray(cv2.bilateralFilter(evened, d=5, sigmaColor=12, sigmaSpace=7), np.uint8)

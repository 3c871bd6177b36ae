"""Crops that show every embryo at one scale, and the way back to the frame's pixels."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32
from cs_framework.api.boxes import clip
from cs_framework.api.embryo import Circle, EmbryoRegion

SIDE = 320
"""Pixels of a crop's sides."""
CIRCLE: Circle = (0.5, 0.5, 0.4)
"""Where a crop has its embryo: in the middle, with a margin for the zona and some medium."""


@frozen
class Crop:
    """A square of a frame around its embryo, scaled to `SIDE` pixels."""

    x: float
    """Left edge in pixels of the frame; negative where the square reaches over the border."""
    y: float
    """Top edge."""
    scale: float
    """Pixels of the crop for each of the frame."""
    size: tuple[int, int]
    """(height, width) of the frame."""

    @property
    def embryo(self) -> tuple[float, float, float]:
        """x, y and radius of the embryo in pixels of the frame."""
        x, y, radius = (SIDE * part / self.scale for part in CIRCLE)
        return self.x + x, self.y + y, radius

    @classmethod
    def around(cls, embryo: EmbryoRegion) -> Crop:
        """The crop that shows an embryo as `CIRCLE` says."""
        scale = CIRCLE[2] * SIDE / embryo.radius
        half = SIDE / 2 / scale
        return cls(embryo.x - half, embryo.y - half, scale, embryo.size)

    def cut(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(SIDE, SIDE, 3) of a frame (H, W, 3); beyond the border its last pixels are repeated."""
        if self.scale < 1:  # or detail would turn into noise
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / self.scale), np.uint8)
        flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
        return np.asarray(
            cv2.warpAffine(image, self._into(), (SIDE, SIDE), flags=flags, borderMode=border), np.uint8
        )

    def map_in_frame(self, values: Float32) -> Float32:
        """A map (SIDE, SIDE) of the crop in pixels of the frame (H, W), 0 outside of the crop."""
        height, width = self.size
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(values, self._into(), (width, height), flags=flags), np.float32)

    def boxes_in_crop(self, boxes: Float32) -> Float32:
        """Boxes (N, 4) of the frame in pixels of the crop; they may reach over its border."""
        offset = np.array([self.x, self.y, self.x, self.y], np.float32)
        return np.asarray((boxes - offset) * np.float32(self.scale), np.float32)

    def boxes_in_frame(self, boxes: Float32) -> Float32:
        """Boxes (N, 4) of the crop in pixels of the frame, cut at its border."""
        offset = np.array([self.x, self.y, self.x, self.y], np.float32)
        return clip(boxes / np.float32(self.scale) + offset, self.size)

    def _into(self) -> NDArray[np.float64]:
        """(2, 3) the affine map from the frame to the crop, of pixel centres, which OpenCV counts from 0."""
        shift = (self.scale - 1) / 2
        return np.array(
            [
                [self.scale, 0, shift - self.scale * self.x],
                [0, self.scale, shift - self.scale * self.y],
            ]
        )

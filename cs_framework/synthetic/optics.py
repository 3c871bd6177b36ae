"""What a Hoffman microscope makes of optical thickness: relief, uneven light, defocus and noise."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen

from cs_framework.api.arrays import Float32


def blur(image: Float32, sigma: float) -> Float32:
    """Gaussian blur with `sigma` in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101))


def relief(thickness: Float32, light: float) -> Float32:
    """Slope of `thickness` along `light` (radians, x to y), shown as grey by Hoffman modulation contrast."""
    slope_x = cv2.Scharr(thickness, cv2.CV_32F, 1, 0, scale=np.cos(light) / 32)
    slope_y = cv2.Scharr(thickness, cv2.CV_32F, 0, 1, scale=np.sin(light) / 32)
    return np.asarray(slope_x + slope_y)


def smooth_step(values: Float32, edge: float, softness: float) -> Float32:
    """0 well below `edge`, 1 well above it."""
    return np.asarray(np.clip((values - edge) / softness + 0.5, 0, 1))


@frozen(eq=False)
class Texture:
    """Grain that moves with what carries it and slowly changes; mean 0, standard deviation about 1."""

    first: Float32
    second: Float32

    @classmethod
    def draw(cls, rng: np.random.Generator, side: int, sigma: float) -> Texture:
        """Two fields (side, side) of grains about `sigma` pixels large."""
        fields = [blur(rng.standard_normal((side, side), dtype=np.float32), sigma) for _ in range(2)]
        return cls(*[grain / grain.std() for grain in fields])

    def at(self, phase: float, scale: float, size: int) -> Float32:
        """The texture (size, size), enlarged by `scale`, after a `phase` in radians of change."""
        middle = len(self.first) / 2
        affine = np.array([[scale, 0, size / 2 - scale * middle], [0, scale, size / 2 - scale * middle]])
        mixed = np.float32(np.cos(phase)) * self.first + np.float32(np.sin(phase)) * self.second
        return np.asarray(cv2.warpAffine(mixed, affine, (size, size), borderMode=cv2.BORDER_REFLECT_101))

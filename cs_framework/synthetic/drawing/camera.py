"""Light, optics and camera: what makes the same embryo look different in every laboratory."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.synthetic.drawing.grid import Float32, Grid, blur

UInt8 = NDArray[np.uint8]


@frozen(eq=False)
class Camera:
    """One instrument and its settings, drawn at random."""

    light: float
    """Direction of oblique light in radians, x to y."""
    relief: float
    """Strength of Hoffman relief; 0 is bright field."""
    shading: float
    phase: float
    level: float
    """Grey level of the medium, before gamma."""
    contrast: float
    """Of the embryo; 1 is that of the first version's frames."""
    softness: float
    """Standard deviation of the optics in pixels at an embryo of 230 px."""
    sharpening: float
    gamma: float
    offset: float
    noise: float
    """Grey levels at the medium, of single pixels; `lumps` of groups of them."""
    lumps: float
    lump: float
    streaks: float
    halving: float
    """Enlargement that the frame was once seen at; 1 where it was never resampled."""
    quality: int
    """Of JPEG; 0 where the frame was never compressed."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Camera:
        """Dark and bright, soft and sharp, noisy and clean."""
        kind = rng.random()
        relief, phase = (
            (rng.uniform(0.7, 1.5), rng.normal(0, 0.3))
            if kind < 0.6
            else (rng.uniform(0.25, 0.8), rng.normal(0, 0.6))
            if kind < 0.85
            else (rng.uniform(0, 0.2), rng.choice((-1, 1)) * rng.uniform(0.5, 1.6))
        )
        level = rng.choice(
            (rng.uniform(9, 42), rng.uniform(45, 130), rng.uniform(110, 190)), p=(0.1, 0.74, 0.16)
        )
        return cls(
            light=rng.choice((-0.5, 0.5)) * np.pi + rng.normal(0, 0.5)
            if rng.random() < 0.5
            else rng.uniform(0, 2 * np.pi),
            relief=relief,
            shading=rng.uniform(0.5, 1.5),
            phase=phase,
            level=level,
            contrast=np.exp(rng.uniform(np.log(0.7), np.log(2.0))),
            softness=rng.choice((rng.uniform(0.3, 0.8), rng.uniform(0.7, 1.8)), p=(0.75, 0.25)),
            sharpening=rng.choice((0.0, rng.uniform(0.2, 1.5)), p=(0.6, 0.4)),
            gamma=np.exp(rng.uniform(-0.4, 0.4)) if level > 40 else np.exp(rng.uniform(-0.4, 0.1)),
            offset=rng.choice((0.0, rng.uniform(-0.12 * level, 20))),
            noise=rng.choice((rng.uniform(0.2, 1.2), rng.uniform(1, 5)), p=(0.7, 0.3)) * (0.4 + level / 150),
            lumps=rng.choice((0.0, rng.uniform(0.3, 2.5)), p=(0.5, 0.5)),
            lump=rng.uniform(0.6, 1.6),
            streaks=rng.choice((0.0, rng.uniform(0.1, 0.8)), p=(0.88, 0.12)),
            halving=rng.choice((1.0, rng.uniform(0.45, 0.7)), p=(0.85, 0.15)),
            quality=int(rng.choice((0.0, rng.uniform(45, 75), rng.uniform(75, 97)), p=(0.45, 0.1, 0.45))),
        )

    @property
    def gain(self) -> float:
        """Grey levels that one of a drawing becomes, around the level of the medium."""
        return self.level / 95 * self.contrast

    def shoot(
        self, medium: Float32, greys: list[Float32], grid: Grid, rng: np.random.Generator
    ) -> list[UInt8]:
        """Photograph drawings of one embryo: the same light and the same noise for all of them.

        Args:
            medium: (S, S) light around the embryo, 1 in the medium.
            greys: drawings (S, S), grey levels around 0.
            grid: of the frame.
            rng: draws the noise.
        """
        size = grid.size
        noise = self.noise * rng.standard_normal((size, size), dtype=np.float32)
        if self.lumps:
            noise += self.lumps * grid.noise(rng, self.lump / grid.radius)
        if self.streaks:
            noise += self.streaks * rng.standard_normal((size, 1), dtype=np.float32)
        lit = np.sqrt(np.clip(medium, 0.05, 1))
        return [self._develop(medium, grey, lit, noise, grid) for grey in greys]

    def _develop(self, medium: Float32, grey: Float32, lit: Float32, noise: Float32, grid: Grid) -> UInt8:
        size = grid.size
        light = np.float32(self.level) * medium + np.float32(self.gain) * grey * lit
        light = blur(light, self.softness * grid.scale)
        if self.halving < 1:
            side = max(int(self.halving * size), 8)
            small = cv2.resize(light, (side, side), interpolation=cv2.INTER_AREA)
            light = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
        if self.sharpening:
            light = light + np.float32(self.sharpening) * (light - blur(light, 1.4 * grid.scale))
        light = np.clip((light + np.float32(self.offset)) / 255, 0, 1)
        light = 255 * np.asarray(cv2.pow(light, self.gamma)) * np.float32((95 / 255) ** (1 - self.gamma))
        image = np.clip(np.rint(light + noise), 0, 255).astype(np.uint8)
        if self.quality:
            packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            image = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        return np.asarray(image, np.uint8)

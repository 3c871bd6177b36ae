"""Light, optics and camera: what makes the same embryo look different in every laboratory."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from cs_framework.synthetic.drawing.grid import Bool, Float32, Grid, blur

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
    """Standard deviation of the embryo's grey levels as a share of `level`."""
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
    gain: float = 1.0
    """Grey levels that one of a drawing becomes; see `exposed`."""

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
            (rng.uniform(14, 45), rng.uniform(45, 125), rng.uniform(110, 175)), p=(0.1, 0.74, 0.16)
        )
        return cls(
            light=rng.choice((-0.5, 0.5)) * np.pi + rng.normal(0, 0.5)
            if rng.random() < 0.5
            else rng.uniform(0, 2 * np.pi),
            relief=relief,
            shading=rng.uniform(0.5, 1.5),
            phase=phase,
            level=level,
            contrast=min(np.exp(rng.uniform(np.log(0.2), np.log(0.65))), (250 / level - 1) / 1.7),
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

    def exposed(self, grey: Float32, inside: Bool) -> Camera:
        """The camera set to the contrast of a drawing: it comes out neither flat nor burnt out."""
        spread = float(grey[inside].std()) if inside.any() else 0.0
        return evolve(self, gain=self.level * self.contrast / max(spread, 5.0))

    def shoot(self, medium: Float32, grid: Grid, rng: np.random.Generator) -> Shot:
        """Choose the noise of one picture; `medium` (S, S) is the light around the embryo."""
        size = grid.size
        noise = self.noise * rng.standard_normal((size, size), dtype=np.float32)
        if self.lumps:
            noise += self.lumps * grid.noise(rng, self.lump / grid.radius)
        if self.streaks:
            noise += self.streaks * rng.standard_normal((size, 1), dtype=np.float32)
        return Shot(self, grid, medium, np.asarray(np.sqrt(np.clip(medium, 0.05, 1))), noise)


@frozen(eq=False)
class Shot:
    """One picture with its light and its noise: all drawings that are developed from it share them."""

    camera: Camera
    grid: Grid
    medium: Float32
    lit: Float32
    noise: Float32

    def develop(self, grey: Float32) -> UInt8:
        """The picture (S, S) of a drawing (S, S) of grey levels around 0."""
        camera, size, scale = self.camera, self.grid.size, self.grid.scale
        light = np.float32(camera.level) * self.medium + np.float32(camera.gain) * grey * self.lit
        light = blur(light, camera.softness * scale)
        if camera.halving < 1:
            side = max(int(camera.halving * size), 8)
            small = cv2.resize(light, (side, side), interpolation=cv2.INTER_AREA)
            light = np.asarray(cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
        if camera.sharpening:
            light = light + np.float32(camera.sharpening) * (light - blur(light, 1.4 * scale))
        light = np.clip((light + np.float32(camera.offset)) / 255, 0, 1)
        light = 255 * np.asarray(cv2.pow(light, camera.gamma)) * np.float32((95 / 255) ** (1 - camera.gamma))
        image = np.clip(np.rint(light + self.noise), 0, 255).astype(np.uint8)
        if camera.quality:
            packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])[1]
            image = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
        return np.asarray(image, np.uint8)

"""Dense maps of a frame: what is pooled over boxes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cs_framework import Frame, ridge_maps

Float32 = NDArray[np.float32]

MAPS_PER_SCALE = 8
MAPS = 3
"""Maps that do not belong to a scale."""


def dense_maps(frame: Frame, sigmas: Sequence[float]) -> Float32:
    """Maps of a frame, (H, W, MAPS_PER_SCALE * len(sigmas) + MAPS), float32.

    For each scale: energy of bright lines and of dark lines, the squares of both, and the energy of lines of
    either kind in four directions (0, 45, 90 and 135 degrees, each shared out by the doubled angle). Last the
    gradient's magnitude at the finest scale, and grey level and local contrast. Energies are divided by their
    mean over the embryo, so gain and sharpness of the optics cancel out.
    """
    ridges = ridge_maps(frame.grey, sigmas)
    inside = frame.embryo.mask
    maps = []
    for across, along, cos2, sin2 in zip(ridges.across, ridges.along, ridges.cos2, ridges.sin2, strict=True):
        # What a blob answers in both directions is no line.
        line = np.maximum(np.abs(across) - np.abs(along), 0)
        line = _relative(line, inside)
        bright, dark = np.where(across < 0, line, 0), np.where(across > 0, line, 0)
        maps += [bright, dark, bright**2, dark**2]
        maps += [line * np.maximum(part, 0) for part in (cos2, sin2, -cos2, -sin2)]
    grey = frame.grey.astype(np.float32)
    level, spread = float(grey[inside].mean()), float(grey[inside].std())
    grey = (grey - level) / max(spread, 1.0)
    maps += [_relative(np.hypot(ridges.gradient_x[0], ridges.gradient_y[0]), inside), grey, grey**2]
    return np.dstack(maps).astype(np.float32)


def _relative(energy: Float32, inside: NDArray[np.bool_]) -> Float32:
    """An energy in units of its mean inside the embryo, clipped at 20; a flat frame stays 0."""
    return np.minimum(energy / max(float(energy[inside].mean()), 0.05), 20)

"""Dense maps of a frame: what is pooled over boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cs_framework import Frame, line_maps, ridge_maps
from cs_ridge_texture.settings import Settings

Float32 = NDArray[np.float32]

MAPS_PER_SCALE = 8
DIRECTIONS = slice(4, 8)
"""Of the maps of a scale, the line energies at 0, 45, 90 and 135 degrees."""
MAPS_PER_LENGTH = 6
MAPS = 3
"""Maps that belong to no scale and no length."""

_STRONGEST = 20.0
_FAINTEST = 0.05


def dense_maps(frame: Frame, settings: Settings) -> Float32:
    """Maps of a frame, float32 (H, W, MAPS_PER_SCALE * S + MAPS_PER_LENGTH * L + MAPS), S scales, L lengths.

    For each scale: energy of bright lines and of dark ones, the squares of both (their means tell one strong
    line from many faint ones), and the energy of lines of either kind in four directions. For each length:
    energy of bright and of dark lines that run straight that far, with squares and fourth powers. Then the
    gradient's magnitude at the finest scale; last the grey level and its square. Energies are in units of
    their mean over the embryo and grey levels in units of its deviation, so gain and sharpness of the optics
    cancel out.
    """
    ridges = ridge_maps(frame.grey, settings.sigmas)
    inside = frame.embryo.mask
    maps = []
    for across, along, cos2, sin2 in zip(ridges.across, ridges.along, ridges.cos2, ridges.sin2, strict=True):
        # A blob curves alike in both directions and is no line.
        line = _relative(np.maximum(np.abs(across) - np.abs(along), 0), inside)
        bright, dark = np.where(across < 0, line, 0), np.where(across > 0, line, 0)
        maps += [bright, dark, bright**2, dark**2]
        maps += [line * np.maximum(share, 0) for share in (cos2, sin2, -cos2, -sin2)]
    for length in settings.line_lengths:
        lines = line_maps(frame.grey, settings.line_sigma, length)
        bright, dark = _relative(lines.bright, inside), _relative(lines.dark, inside)
        maps += [bright, dark, bright**2, dark**2, (bright / 4) ** 4, (dark / 4) ** 4]
    maps.append(_relative(np.hypot(ridges.gradient_x[0], ridges.gradient_y[0]), inside))
    grey = frame.grey.astype(np.float32)
    grey = (grey - grey[inside].mean()) / max(float(grey[inside].std()), 1.0)
    return np.dstack([*maps, grey, grey**2]).astype(np.float32)


def _relative(energy: Float32, inside: NDArray[np.bool_]) -> Float32:
    """An energy in units of its mean inside the embryo, cut at `_STRONGEST`; a flat frame stays 0."""
    scaled = energy / max(float(energy[inside].mean()), _FAINTEST)
    return np.asarray(np.minimum(scaled, _STRONGEST), np.float32)

"""Boxes around thin lines: connected pieces of line strength at several widths and levels."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame, boxes, embryo_region, line_maps, ridge_maps
from cs_proposers.settings import RidgeSettings

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_DIAMETER = 192  # pixels of the embryo in the plane that is searched; larger frames are made smaller
_STRAIGHT = 3.0  # standard deviation along a line, in those across it
_FINEST = 0.7  # pixels of standard deviation; below it a sampled line has no second derivative to speak of
_MARGIN = 1.0  # of a box around its line, in standard deviations


class Ridge:
    """Proposes the bounding boxes of what lies together above a level of line strength.

    A low level joins a line with its surroundings, a high one breaks it up, so several are tried. A line that
    touches others is cut out of them by its direction: pieces are also formed of pixels of one sector of
    directions at a time, and sectors overlap by half so that every line lies well within one.
    """

    def __init__(self, settings: RidgeSettings, env: Env) -> None:
        self._settings = settings

    def propose(self, frame: Frame) -> Float32:
        """(N, 4) boxes on the embryo, by falling strength times the square root of the length."""
        embryo = embryo_region(frame)
        shrink = min(1.0, _DIAMETER / embryo.diameter)
        size = tuple(max(1, round(side * shrink)) for side in frame.size[::-1])
        grey = cv2.resize(frame.grey, size, interpolation=cv2.INTER_AREA)
        inside = cv2.resize(embryo.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        unit = embryo.diameter * shrink
        found = [boxes.as_boxes([])]
        merits = [np.zeros(0, np.float32)]
        for sigma in (max(width * unit, _FINEST) for width in self._settings.widths):
            for box, merit in self._pieces(np.asarray(grey, np.uint8), inside, sigma, unit):
                found.append(box)
                merits.append(merit)
        order = np.argsort(-np.concatenate(merits), kind="stable")
        scale = np.array([frame.size[1] / size[0], frame.size[0] / size[1]] * 2, np.float32)
        return boxes.clip(np.concatenate(found)[order] * scale, frame.size)

    def _pieces(
        self, grey: NDArray[np.uint8], inside: Bool, sigma: float, unit: float
    ) -> Iterator[tuple[Float32, Float32]]:
        """Boxes (N, 4) and merits (N,) at one width, for each level and sector."""
        margin = _MARGIN * sigma * np.array([-1, -1, 1, 1], np.float32)
        lines = line_maps(grey, sigma, _STRAIGHT * sigma)
        sectors = [inside, *(inside & sector for sector in self._sectors(grey, sigma))]
        for strength in (lines.bright, lines.dark):
            for level in np.quantile(strength[inside], self._settings.levels) if inside.any() else ():
                for sector in sectors:
                    strong = ((strength > level) & sector).astype(np.uint8)
                    pieces = cv2.connectedComponentsWithStats(strong, connectivity=8)[2][1:, :4]
                    lengths = pieces[:, 2:].max(axis=1)
                    long = lengths >= self._settings.min_length * unit
                    yield (
                        boxes.from_xywh(pieces[long]) + margin,
                        np.float32(level) * np.sqrt(lengths[long], dtype=np.float32),
                    )

    def _sectors(self, grey: NDArray[np.uint8], sigma: float) -> Iterator[Bool]:
        """Where lines run in each of some directions, give or take the distance to the next."""
        ridges = ridge_maps(grey, [sigma])
        turn = np.arctan2(ridges.sin2[0], ridges.cos2[0]) / (2 * np.pi)  # 1 is half a turn of the line
        count = self._settings.directions
        for number in range(count):
            yield (turn - number / count) % 1 < 2 / count

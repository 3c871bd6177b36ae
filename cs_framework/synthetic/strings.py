"""Draws one string: the only place where strings become pixels, in synthetic and in real frames."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from attrs import field, frozen, validators
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from cs_framework.api.arrays import Float32, Float64
from cs_framework.api.boxes import as_boxes

STEP = 0.25
"""Spacing in pixels at which a curve is sampled before distances to it are taken."""
FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian, in standard deviations."""
REACH = 4
"""Standard deviations from its middle beyond which a string changes nothing."""
EDGE = 0.6
"""Standard deviation in pixels of each edge of a hollow string, in perfect focus."""
SEEN = 0.4
"""Share of its strength below which a stretch of a string cannot be seen and is not marked."""


@frozen
class StringStyle:
    """How a string looks.

    Attributes:
        contrast: grey levels between the crest of the string and what lies under it, where its strength is 1.
        width: full width at half maximum in pixels, in perfect focus.
        blur: standard deviation of the optics in pixels.
        polarity: +1 for a string brighter than its surroundings, -1 for a darker one.
        relief: bright and dark flank of oblique illumination, as a share of `contrast`; 0 for bright field.
        light: direction in radians, x to y, in which the flank facing it is the bright one.
        hollow: share of the contrast that lies in two parallel edges, half a width to either side of the
            middle, instead of in a single crest: 0 for a solid line, 1 for a tube seen by its walls alone.
    """

    contrast: float = field(validator=validators.ge(0))
    width: float = field(validator=validators.gt(0))
    blur: float = field(default=1.0, validator=validators.ge(0))
    polarity: Literal[-1, 1] = field(default=-1, validator=validators.in_((-1, 1)))
    relief: float = field(default=0.0, validator=validators.ge(0))
    light: float = np.pi / 2
    hollow: float = field(default=0.0, validator=[validators.ge(0), validators.le(1)])

    @property
    def sigma(self) -> float:
        """Standard deviation in pixels of the blurred cross-section, a Gaussian."""
        return float(np.hypot(self.width / FWHM, self.blur))

    @property
    def reach(self) -> float:
        """Pixels from the middle beyond which the string changes nothing."""
        return REACH * self.sigma if not self.hollow else self.width / 2 + REACH * self._edge

    @property
    def _edge(self) -> float:
        """Standard deviation in pixels of each of the two edges."""
        return float(np.hypot(EDGE, self.blur))

    def profile(self, distance: Float64, facing: Float64) -> tuple[Float64, Float64]:
        """Change per contrast, and how much of the string is seen, across the string.

        Args:
            distance: (N,) pixels from its middle.
            facing: (N,) cosine between the light and the way to the pixel.
        """
        if not self.hollow:
            offset = distance / self.sigma
            crest = np.exp(-(offset**2) / 2)
            flank = offset * np.exp((1 - offset**2) / 2)  # the slope of the crest, 1 where steepest
            return self.polarity * crest + self.relief * facing * flank, crest
        half, edge = self.width / 2, self._edge
        edges = np.exp(-(((distance - half) / edge) ** 2) / 2)
        within = 1 / (1 + np.exp(np.clip((distance - half) / (0.6 * edge), -30, 30)))
        crest = self.hollow * edges + (1 - self.hollow) * within
        seen = np.where(distance < half, 1, edges)
        return self.polarity * crest + self.relief * facing * edges, seen


@frozen(eq=False)
class DrawnString:
    """A string in a frame.

    Attributes:
        image: float32 (H, W), a new array.
        mask: bool (H, W), true where the string can be seen: within half of its crest's height, along those
            parts of the curve that have at least `SEEN` of its strength; of a hollow
            string all between its edges.
        box: float32 (4,), the half-open pixel box around `mask`; zeros where the string misses the frame.
    """

    image: Float32
    mask: NDArray[np.bool_]
    box: Float32


def arc(start: ArrayLike, end: ArrayLike, sag: float, points: int = 33) -> NDArray[np.float64]:
    """A curve (points, 2) between two anchors whose middle lies `sag` chord lengths beside the chord.

    A parabola; positive `sag` bends it towards the right of the direction of travel, with y pointing down.
    """
    first, last = np.asarray(start, float), np.asarray(end, float)
    chord = last - first
    along = np.linspace(0, 1, points)[:, None]
    return np.asarray(first + along * chord + 4 * along * (1 - along) * sag * np.array([-chord[1], chord[0]]))


def draw_string(
    image: NDArray[np.floating], curve: ArrayLike, style: StringStyle, strength: ArrayLike | None = None
) -> DrawnString:
    """Add a string to an image.

    Args:
        image: (H, W) grey levels of any range; left as it is.
        curve: (K, 2) points x, y in pixels, K >= 2; (0.5, 0.5) is the centre of the first pixel.
        style: how it looks.
        strength: (K,) factors of the contrast along the curve; 1 where left out.

    Returns:
        The new image, clipped to no range, with the string's mask and box. Pixels further than `style.reach`
        from the curve are untouched.

    Raises:
        ValueError: The curve has fewer than two points or `strength` another length.
    """
    points, factors = _resample(curve, strength)
    height, width = image.shape
    drawn = image.astype(np.float32)
    mask = np.zeros(image.shape, bool)
    reach = style.reach
    x1, y1 = np.maximum(np.floor(points.min(axis=0) - reach), 0).astype(int)
    x2, y2 = np.minimum(np.ceil(points.max(axis=0) + reach), (width, height)).astype(int)
    if x1 < x2 and y1 < y2:
        rows, columns = _near(points - (x1, y1), (y2 - y1, x2 - x1), reach)
        pixels = np.stack([columns + x1, rows + y1], axis=1) + 0.5
        distance, nearest = cKDTree(points).query(pixels, distance_upper_bound=reach)
        near = np.isfinite(distance)
        pixels, distance, nearest = pixels[near], distance[near], nearest[near]
        towards_light = (pixels - points[nearest]) @ np.array([np.cos(style.light), np.sin(style.light)])
        change, seen = style.profile(distance, towards_light / np.maximum(distance, 1e-6))
        rows, columns = (pixels - 0.5).astype(int).T[::-1]
        drawn[rows, columns] += (style.contrast * factors[nearest] * change).astype(np.float32)
        mask[rows, columns] = (seen >= 0.5) & (factors[nearest] >= SEEN)
    return DrawnString(drawn, mask, mask_box(mask))


def _near(
    points: NDArray[np.float64], size: tuple[int, int], reach: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels that may lie within `reach` of a curve: spares measuring all others."""
    band = np.zeros(size, np.uint8)
    middles = np.rint(points - 0.5).astype(np.int32)
    # A pixel more on each side makes up for rounding the points, another for how thick lines are drawn.
    cv2.polylines(band, [middles], isClosed=False, color=1, thickness=2 * math.ceil(reach) + 5)
    rows, columns = np.nonzero(band)
    return rows, columns


def mask_box(mask: NDArray[np.bool_]) -> Float32:
    """The half-open pixel box (4,) that bounds a mask, zeros where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return as_boxes([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).reshape(4)


def _resample(
    curve: ArrayLike, strength: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The curve and its strength at even steps."""
    points = np.asarray(curve, float).reshape(-1, 2)
    factors = np.ones(len(points)) if strength is None else np.asarray(strength, float)
    if len(points) < 2 or len(factors) != len(points):
        raise ValueError(f"a curve needs two points and as many strengths, got {len(points)}, {len(factors)}")
    travelled = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    steps = np.linspace(0, travelled[-1], max(int(travelled[-1] / STEP), 1) + 1)
    even = np.stack([np.interp(steps, travelled, points[:, axis]) for axis in (0, 1)], axis=1)
    return even, np.interp(steps, travelled, factors)

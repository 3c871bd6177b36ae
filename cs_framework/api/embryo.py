"""The circle that holds the embryo in a bright-field or Hoffman frame."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

_GRID = 64  # pixels of the longer side of the grid that is searched
_MIN_SIDE = 16  # pixels; smaller frames show no embryo
_MAX_ASPECT = 8  # of the sides; nor do narrower strips
_RADII = (0.18, 0.62, 24)  # smallest and largest radius in parts of the shorter side, and how many between
_MIN_VISIBLE = 0.6  # of a disc's area must lie within the frame
_MIN_EXPLAINED = 0.3  # real embryos reach 0.35 to 0.75; road surface stays below 0.25
_NOISE = 0.5  # grey levels of contrast that sensor noise alone makes
_NO_VARIANCE = 1e-6  # of the logarithm of the contrast: a constant frame

Circle = tuple[float, float, float]
"""An embryo as a user gives it: x and y of the centre and the radius, as fractions of the frame's width, its
height and its shorter side."""


@frozen
class EmbryoRegion:
    """Where the embryo is: a circle in pixels of the frame, or the whole frame."""

    x: float
    """Centre, pixels from the left edge; a pixel's own centre lies at its index + 0.5."""
    y: float
    """Centre, pixels from the top edge."""
    radius: float
    """Pixels. Where no embryo was found: half the diagonal, so that the circle covers the frame."""
    found: bool
    """False where no circle is convincing; the region is then the whole frame."""
    size: tuple[int, int]
    """(height, width) of the frame."""

    @classmethod
    def given(cls, circle: Circle, size: tuple[int, int]) -> EmbryoRegion:
        """The region that a user gives for a frame of `size` (height, width)."""
        x, y, radius = circle
        height, width = size
        return cls(x * width, y * height, radius * min(size), True, size)

    @property
    def diameter(self) -> float:
        """Pixels: what sizes within the frame are compared with. Where none was found, the shorter side."""
        return 2 * self.radius if self.found else float(min(self.size))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) True inside the embryo, read-only; True everywhere where none was found."""
        height, width = self.size
        y, x = np.ogrid[0.5:height, 0.5:width]
        mask = (
            (x - self.x) ** 2 + (y - self.y) ** 2 <= self.radius**2
            if self.found
            else np.ones(self.size, bool)
        )
        mask.flags.writeable = False
        return mask

    def holds(self, boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(N,) whether the centre of each box (N, 4) lies on the embryo; True where none was found."""
        x, y = (boxes[:, :2] + boxes[:, 2:]).T / 2 - np.array([[self.x], [self.y]])
        return np.asarray(x**2 + y**2 <= self.radius**2) | (not self.found)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 of the region, cut at the frame's border."""
        height, width = self.size
        return (
            max(self.x - self.radius, 0.0),
            max(self.y - self.radius, 0.0),
            min(self.x + self.radius, float(width)),
            min(self.y + self.radius, float(height)),
        )


def grey_plane(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey levels of an RGB image.

    Args:
        image: uint8 (H, W, 3), RGB.

    Returns:
        uint8 (H, W): the channel itself where all three are equal, else the ITU-R 601 luma.
    """
    red = image[..., 0]
    if np.array_equal(red, image[..., 1]) and np.array_equal(red, image[..., 2]):
        return np.ascontiguousarray(red)
    return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def find_embryo(grey: NDArray[np.uint8]) -> EmbryoRegion:
    """Find the circle that best separates the textured embryo from the smooth medium around it.

    Of discs of many centres and sizes, the one is taken that explains most of the variance of the local
    contrast: Otsu's between-class variance, with classes inside and outside instead of dark and bright.
    Grey levels themselves would mislead, since the rim of the well is brighter than the embryo and as round.

    Args:
        grey: uint8 (H, W).

    Returns:
        The circle, or the whole frame where no disc explains 0.3 of the variance.
    """
    height, width = grey.shape
    nothing = EmbryoRegion(width / 2, height / 2, float(np.hypot(height, width)) / 2, False, (height, width))
    if min(height, width) < max(_MIN_SIDE, max(height, width) / _MAX_ASPECT):
        return nothing
    texture = _texture(grey)
    variance = float(np.mean(texture**2))
    if variance < _NO_VARIANCE:
        return nothing

    # The second channel counts the pixels of a disc, fewer where it reaches over the border.
    planes = np.dstack([texture, np.ones_like(texture)])
    best, circle = _MIN_EXPLAINED, None
    for radius in np.geomspace(*_RADII) * min(texture.shape):
        sums, inside = cv2.split(cv2.filter2D(planes, -1, _disc(radius), borderType=cv2.BORDER_CONSTANT))
        outside = texture.size - inside
        # With the mean of all at 0: between-class variance = sum^2 / (inside * outside).
        explained = np.maximum(sums, 0) ** 2 / (np.maximum(inside, 1) * np.maximum(outside, 1) * variance)
        explained[inside < _MIN_VISIBLE * np.pi * radius**2] = 0
        row, column = np.unravel_index(explained.argmax(), explained.shape)
        if explained[row, column] > best:
            best, circle = explained[row, column], (column + 0.5, row + 0.5, radius)
    if circle is None:
        return nothing
    x, y, radius = (float(value) * max(height, width) / max(texture.shape) for value in circle)
    return EmbryoRegion(x, y, radius, True, (height, width))


def _texture(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logarithm of the local contrast on a grid of `_GRID` px at most, mean 0."""
    scale = min(1.0, 2 * _GRID / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), 1.0)
    contrast = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), 2.0))
    texture = np.log(cv2.resize(contrast, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) + _NOISE)
    return np.asarray(texture - texture.mean(), np.float32)


def _disc(radius: float) -> NDArray[np.float32]:
    """A disc of ones in a square of zeros."""
    reach = np.arange(-np.ceil(radius), np.ceil(radius) + 1)
    return np.asarray(reach[:, None] ** 2 + reach**2 <= radius**2, np.float32)

"""The circle that holds the embryo in a bright-field or Hoffman frame."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

_MIN_SIDE = 16  # pixels; smaller frames show no embryo
_MAX_ASPECT = 8  # of the sides; nor do narrower strips
_EXTREME = 8  # grey levels from black or from white that the border of an export may have, for its JPEG
_BORDER = 0.8  # of a line of pixels that is black or white: the line belongs to a border
_MIN_CONTENT = 0.25  # of either side within borders; less is text on a page
_INSET = 0.012  # of the shorter side: how far a border's edge blurs into the frame
_FINE = 384  # pixels of the longer side at which contrast is measured: the well's rim is smooth there
_GRID = 48  # of the longer side of the grid that is searched
_NOISE = 0.5  # grey levels of contrast that sensor noise alone makes
_TYPICAL = 0.7, 90  # times this percentile of contrast: what is far below, zona and medium, counts as alike
_SMALLEST, _STEP, _SIZES = 0.14, 1.07, 23  # radii: in parts of the shorter side, up to 0.62 of it
_RING = 4  # steps from a disc's radius to that of its ring: 1.31 radii
_USUAL = 0.25  # of the shorter side; smaller discs must be better: an inner cell mass is one of texture, too
_MIN_VISIBLE, _MIN_VISIBLE_RING = 0.6, 0.3  # of their areas must lie within the frame
_LEAK = 0.7  # of a pixel of the grid: how far the contrast of the embryo's edge reaches out
_NO_VARIANCE = 1e-6  # of the logarithm of contrast: nothing to explain
_MIN_SURPLUS = 0.4  # of the logarithm of contrast; embryos reach 0.6 and more, road surface 0.2

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
    """Find the disc of texture in a smooth ring of medium, whatever surrounds both.

    Discs of many centres and sizes are each judged by the ring around them alone: by the share of the
    variance of local contrast over both that the two explain (Otsu's between-class variance, with classes
    inside and outside instead of dark and bright). So the well's rim, a brighter and larger circle, does not
    count, since most of what it encloses is smooth. The best disc is an embryo if it has clearly more
    contrast than its ring.

    Args:
        grey: uint8 (H, W).

    Returns:
        The circle, or the whole frame where no disc stands out.
    """
    height, width = grey.shape
    nothing = EmbryoRegion(width / 2, height / 2, float(np.hypot(height, width)) / 2, False, (height, width))
    if min(height, width) < max(_MIN_SIDE, max(height, width) / _MAX_ASPECT):
        return nothing
    within = _within_borders(grey)
    if within is None:
        return nothing
    rows, columns = within
    content = grey[rows, columns]
    contrast = _local_contrast(content)
    x, y, radius = _best_disc(contrast)
    if not radius or not _stands_out(contrast, x, y, radius):
        return nothing
    pixels = max(content.shape) / max(contrast.shape)
    x, y = columns.start + x * pixels, rows.start + y * pixels
    return EmbryoRegion(x, y, (radius - _LEAK) * pixels, True, (height, width))


def _within_borders(grey: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The rows and columns inside the black or white borders of an export; None where that is too little."""
    spans = [slice(0, length) for length in grey.shape]
    for axis in (0, 1, 0, 1):  # twice, for borders on both axes hide each other
        part = grey[spans[0], spans[1]]
        dark, bright = part <= _EXTREME, part >= 255 - _EXTREME
        content = np.flatnonzero(np.maximum(dark.mean(1 - axis), bright.mean(1 - axis)) < _BORDER)
        if len(content) < _MIN_CONTENT * grey.shape[axis]:
            return None
        start = spans[axis].start
        spans[axis] = slice(start + int(content[0]), start + int(content[-1]) + 1)
    inset = round(_INSET * min(grey.shape))
    rows, columns = (
        slice(
            span.start + inset * (span.start > 0),
            span.stop - inset * (span.stop < length),
        )
        for span, length in zip(spans, grey.shape, strict=True)
    )
    return rows, columns


def _local_contrast(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Standard deviation of the fine detail in grey levels, on a grid of `_GRID` px at most."""
    scale = min(1.0, _FINE / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = small - cv2.GaussianBlur(small, (0, 0), 1.0)
    scale = _GRID / max(small.shape)
    variance = cv2.resize(detail**2, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(np.sqrt(variance), (0, 0), 0.8), np.float32)


def _best_disc(contrast: NDArray[np.float32]) -> tuple[float, float, float]:
    """x, y and radius on the grid; a radius of 0 where there is nothing to choose."""
    part, percentile = _TYPICAL
    texture = np.log(contrast + _NOISE + part * np.percentile(contrast, percentile))
    texture -= texture.mean()
    # The last plane counts the pixels of a disc, fewer where it reaches over the border.
    planes = np.dstack([texture, texture**2, np.ones_like(texture)]).astype(np.float32)
    radii = min(contrast.shape) * _SMALLEST * _STEP ** np.arange(_SIZES + _RING)
    sums = [_sums(planes, radius) for radius in radii]
    best, circle = 0.0, (0.0, 0.0, 0.0)
    for radius, reach, disc, both in zip(radii, radii[_RING:], sums, sums[_RING:], strict=False):
        ring = both - disc
        score = _explained(disc, ring) * min(1, (radius / min(contrast.shape) / _USUAL) ** 2)
        score[disc[..., 2] < _MIN_VISIBLE * np.pi * radius**2] = 0
        score[ring[..., 2] < _MIN_VISIBLE_RING * np.pi * (reach**2 - radius**2)] = 0
        row, column = np.unravel_index(score.argmax(), score.shape)
        if score[row, column] > best:
            best = float(score[row, column])
            circle = float(column) + 0.5, float(row) + 0.5, float(radius)
    return circle


def _stands_out(contrast: NDArray[np.float32], x: float, y: float, radius: float) -> bool:
    """Whether a disc has clearly more contrast than its ring, in most of its area, unlike text or a rim."""
    rows, columns = np.ogrid[0.5 : contrast.shape[0], 0.5 : contrast.shape[1]]
    distance = np.hypot(columns - x, rows - y) / radius
    level = np.log(contrast + _NOISE)
    disc, ring = level[distance <= 1], level[(distance > 1) & (distance <= _STEP**_RING)]
    mean, median = (float(of(disc) - of(ring)) for of in (np.mean, np.median))
    return mean >= _MIN_SURPLUS and median >= _MIN_SURPLUS / 2


def _sums(planes: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """(h, w, planes) the sum of each plane over the disc around each pixel, as far as it lies on the grid."""
    return np.asarray(cv2.filter2D(planes, -1, _disc(radius), borderType=cv2.BORDER_CONSTANT), np.float32)


def _explained(disc: NDArray[np.float32], ring: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) share of the variance that disc and ring explain, 0 where the ring has more texture.

    Both (h, w, 3): the sums of the texture and of its squares, and the number of pixels.
    """
    inside, around = np.maximum(disc[..., 2], 1), np.maximum(ring[..., 2], 1)
    count = inside + around
    mean = (disc[..., 0] + ring[..., 0]) / count
    variance = np.maximum((disc[..., 1] + ring[..., 1]) / count - mean**2, _NO_VARIANCE)
    surplus = np.maximum(disc[..., 0] / inside - ring[..., 0] / around, 0)
    return np.asarray(inside * around / count**2 * surplus**2 / variance, np.float32)


def _disc(radius: float) -> NDArray[np.float32]:
    """A disc of ones in a square of zeros."""
    reach = np.arange(-np.ceil(radius), np.ceil(radius) + 1)
    return np.asarray(reach[:, None] ** 2 + reach**2 <= radius**2, np.float32)

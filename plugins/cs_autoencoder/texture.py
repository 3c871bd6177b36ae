"""Where is a frame smooth? Texture heat from grey-level co-occurrence, and its split in two."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 32
WINDOW = 31
STEP = 8
# (rows, columns) at distances 1 and 2 and angles 0, 45, 90 and 135 degrees. Rounded as scikit-image does it,
# so on the diagonals distance 2 is the nearest neighbour once more.
OFFSETS = tuple(
    (round(distance * math.sin(angle)), round(distance * math.cos(angle)))
    for distance in (1, 2)
    for angle in (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)
)


def glcm_contrast(levels: NDArray[np.uint8], window: int = WINDOW, step: int = STEP) -> NDArray[np.float64]:
    """Contrast of the co-occurrence matrix of every window, averaged over `OFFSETS`.

    The contrast of a normalised co-occurrence matrix (Haralick, Shanmugam and Dinstein, 1973), symmetric or
    not, is the mean squared difference over the pairs of pixels that lie inside the window. So integral
    images of squared differences give it without the matrix; their sums are of whole numbers, hence exact.

    Args:
        levels: (H, W) quantised grey levels, uint8.
        window: side of the windows in pixels, more than 2 and at most the smaller side of `levels`.
        step: pixels from one window to the next; the first starts at the upper left corner.

    Returns:
        (rows, columns), one figure per window that lies inside the image.
    """
    height, width = levels.shape
    y0 = np.arange(0, height - window + 1, step)
    x0 = np.arange(0, width - window + 1, step)
    total = np.zeros((len(y0), len(x0)))
    for down, right in OFFSETS:
        # A step to the left is a step to the right in the mirrored image, and the pairs are the same.
        aside = abs(right)
        here, there = levels[: height - down], levels[down:]
        first, second = (here, there) if right >= 0 else (there, here)
        difference = cv2.absdiff(first[:, : width - aside], second[:, aside:])
        _, squares = cv2.integral2(difference, sqdepth=cv2.CV_64F)
        y1, x1 = y0 + window - down, x0 + window - aside
        sums = (
            squares[np.ix_(y1, x1)]
            - squares[np.ix_(y0, x1)]
            - squares[np.ix_(y1, x0)]
            + squares[np.ix_(y0, x0)]
        )
        total += sums / ((window - down) * (window - aside))
    return total / len(OFFSETS)


def texture_heat(
    image: NDArray[np.uint8], alignment: Literal["published", "centred"] = "published"
) -> NDArray[np.float32]:
    """How textured the surroundings of each pixel are.

    The contrast of each window (see `glcm_contrast`), clipped to its 1st..99th percentile and scaled to
    [0, 1], is enlarged to the image by bicubic interpolation and blurred (sigma 1.5).

    Args:
        image: (S, S) preprocessed frame, uint8. Where it is smaller than a window, the window is the image.
        alignment: ``published`` stretches the coarse map over the image, although the centres of its windows
            span only a part of it; ``centred`` lays each figure on the centre of its window.

    Returns:
        (S, S); bicubic interpolation may leave [0, 1] slightly.
    """
    size = len(image)
    window = min(WINDOW, size)
    contrast = glcm_contrast(image // (256 // LEVELS), window)
    low, high = np.percentile(contrast, (1, 99))
    scaled = (np.clip(contrast, low, high) - low) / ((high - low) or 1.0)
    coarse = scaled.astype(np.float32)
    if alignment == "published":
        heat = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    else:
        first_centre = (window - 1) / 2
        to_coarse = np.array([[1, 0, -first_centre], [0, 1, -first_centre]]) / STEP
        heat = cv2.warpAffine(
            coarse,
            to_coarse,
            (size, size),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return cv2.GaussianBlur(heat, (0, 0), 1.5)


def two_means(values: NDArray[np.floating]) -> float:
    """Split numbers into the two clusters of least within-cluster sum of squares.

    In one dimension the best clusters are the lower and the upper part of the sorted numbers, so trying
    every place to cut finds the optimum that k-means only approaches. Equal numbers are never parted, and of
    equally good cuts the lowest is taken.

    Args:
        values: numbers, in any shape; at least one.

    Returns:
        The largest member of the lower cluster; of numbers that are all equal, that number.
    """
    ordered = np.sort(values, axis=None).astype(np.float64)
    cuts = np.flatnonzero(ordered[1:] > ordered[:-1])
    if not len(cuts):
        return float(ordered[-1])
    # With the mean at 0 the sums of both clusters are opposite, and the sum of squares is least where
    # sum^2 / n_lower + sum^2 / n_upper is largest.
    sums = np.cumsum(ordered - ordered.mean())[cuts]
    n_lower = cuts + 1
    between = sums**2 * (1 / n_lower + 1 / (len(ordered) - n_lower))
    return float(ordered[cuts[np.argmax(between)]])


def smooth_mask(heat: NDArray[np.float32], inside: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The smooth part of a frame: the cooler of two clusters of its heat, eroded once with 5 x 5 ones.

    Args:
        heat: (S, S) from `texture_heat`.
        inside: (S, S) where to look; None for everywhere. The clusters are those of the heat in there.

    Returns:
        (S, S) bool; all of it where the heat is the same everywhere, and empty where no smooth area is wide
        enough to survive the erosion.
    """
    if inside is None or not inside.any():
        inside = np.ones(heat.shape, bool)
    cool = ((heat <= two_means(heat[inside])) & inside).astype(np.uint8)
    return cv2.erode(cool, np.ones((5, 5), np.uint8)).astype(bool)

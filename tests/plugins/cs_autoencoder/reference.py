"""Stage 1 as it was published, written out plainly and slowly: no torch, no integral images."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import correlate, uniform_filter
from skimage.feature import graycomatrix, graycoprops


def preprocessed(grey, size):
    grey = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    grey = cv2.createCLAHE(2.0, (8, 8)).apply(grey)
    return cv2.bilateralFilter(grey, 5, 12, 7)


def contrast(image, window=31, step=8):
    levels = np.floor(image / 8).astype(np.uint8)
    angles = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)

    def of_window(y, x):
        patch = levels[y : y + window, x : x + window]
        matrix = graycomatrix(patch, (1, 2), angles, levels=32, symmetric=True, normed=True)
        return graycoprops(matrix, "contrast").mean()

    ys, xs = (range(0, side - window + 1, step) for side in image.shape)
    return np.array([[of_window(y, x) for x in xs] for y in ys])


def heat(image):
    coarse = contrast(image)
    low, high = np.percentile(coarse, 1), np.percentile(coarse, 99)
    coarse = (np.clip(coarse, low, high) - low) / (high - low)
    enlarged = cv2.resize(coarse.astype(np.float32), image.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.GaussianBlur(enlarged, (0, 0), 1.5)


def least_split(values):
    """The lower cluster's largest member where the two sums of squares are least; built up value by value."""
    ordered = np.sort(np.asarray(values, np.float64), axis=None)

    def sums_of_squares(values):
        mean = total = 0.0
        for n, value in enumerate(values, 1):
            step = value - mean
            mean += step / n
            total += step * (value - mean)
            yield total

    lower = np.fromiter(sums_of_squares(ordered), np.float64)
    upper = np.fromiter(sums_of_squares(ordered[::-1]), np.float64)[::-1]
    cuts = [n for n in range(1, len(ordered)) if ordered[n] > ordered[n - 1]]
    best = min(cuts, key=lambda n: lower[n - 1] + upper[n], default=len(ordered))
    return ordered[best - 1]


def mask(heat):
    """Where a heat is cool; a pixel survives erosion if all of its 5 x 5 neighbours inside the image are."""
    cool = np.pad(heat <= least_split(heat), 2, constant_values=True)
    return sliding_window_view(cool, (5, 5)).all(axis=(2, 3))


def reconstruction(image, weights):
    """The network's layers one by one, from its weights in the order of the published table."""
    tensors = iter(weights)
    maps = image[None].astype(np.float64) / 255

    def conv(maps):
        kernel, bias = next(tensors), next(tensors)
        reach = kernel.shape[-1] // 2
        padded = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)))
        windows = sliding_window_view(padded, kernel.shape[2:], axis=(1, 2))
        return np.tensordot(kernel, windows, ((1, 2, 3), (0, 3, 4))) + bias[:, None, None]

    def relu(maps):
        return np.maximum(maps, 0)

    def pool(maps):
        channels, height, width = maps.shape
        return maps.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))

    def enlarge(maps):
        kernel, bias = next(tensors), next(tensors)
        _, height, width = maps.shape
        blocks = np.einsum("chw,cdab->dhawb", maps, kernel, optimize=True)
        return blocks.reshape(-1, 2 * height, 2 * width) + bias[:, None, None]

    for _ in range(3):
        maps = pool(relu(conv(relu(conv(maps)))))
    maps = relu(conv(relu(conv(maps))))
    for _ in range(3):
        maps = relu(conv(relu(enlarge(maps))))
    maps = 1 / (1 + np.exp(-conv(maps)))
    assert next(tensors, None) is None
    return maps[0]


def residual(image, reconstruction):
    """From an image in [0, 1] and its reconstruction."""
    x, y = image, reconstruction
    charbonnier = np.sqrt((x - y) ** 2 + 1e-3**2)

    def mean(maps):
        return uniform_filter(maps, 11, mode="constant")

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))

    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gradients = [
        np.abs(correlate(x, kernel, mode="constant") - correlate(y, kernel, mode="constant"))
        for kernel in (sobel, sobel.T)
    ]
    return charbonnier + 0.2 * np.clip(1 - ssim, 0, 2) + 0.1 * sum(gradients)

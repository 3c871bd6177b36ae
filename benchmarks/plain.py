"""Stage 1 as its description reads, frame by frame, with the library function for each step."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from skimage.feature import graycomatrix, graycoprops
from sklearn.cluster import KMeans

WINDOW, STEP, LEVELS = 31, 8, 32
ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


def prepared(grey: np.ndarray, size: int = 256) -> np.ndarray:
    """Resized, evened out and smoothed, uint8."""
    small = cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.bilateralFilter(cv2.createCLAHE(2.0, (8, 8)).apply(small), 5, 12, 7)


def contrast(image: np.ndarray) -> np.ndarray:
    """Contrast of one co-occurrence matrix for each window."""
    levels = image // (256 // LEVELS)
    starts = range(0, len(image) - WINDOW + 1, STEP)
    rows = []
    for y in starts:
        for x in starts:
            window = levels[y : y + WINDOW, x : x + WINDOW]
            matrix = graycomatrix(window, (1, 2), ANGLES, LEVELS, symmetric=True, normed=True)
            rows.append(graycoprops(matrix, "contrast").mean())
    return np.array(rows).reshape(len(starts), -1)


def mask(image: np.ndarray) -> np.ndarray:
    """The smooth interior."""
    heat = contrast(image)
    low, high = np.percentile(heat, (1, 99))
    heat = ((np.clip(heat, low, high) - low) / (high - low)).astype(np.float32)
    heat = cv2.GaussianBlur(cv2.resize(heat, image.shape, interpolation=cv2.INTER_CUBIC), (0, 0), 1.5)
    clusters = KMeans(2, n_init=10, random_state=0).fit(heat.reshape(-1, 1))
    smooth = (clusters.labels_ == clusters.cluster_centers_.argmin()).reshape(heat.shape)
    return cv2.erode(smooth.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)


def residual(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Charbonnier, SSIM over 11 x 11 and Sobel differences of images (1, 1, S, S)."""
    ones = torch.full((1, 1, 11, 11), 1 / 121)

    def mean(image: torch.Tensor) -> torch.Tensor:
        return F.conv2d(image, ones, padding=5)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    sobel = torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
    edges = sum(
        (F.conv2d(x, kernel, padding=1) - F.conv2d(y, kernel, padding=1)).abs()
        for kernel in (sobel, sobel.transpose(2, 3))
    )
    return torch.sqrt((x - y) ** 2 + 1e-6) + 0.2 * (1 - ssim).clamp(0, 2) + 0.1 * edges


def score(grey: np.ndarray, network: torch.nn.Module) -> float:
    """Anomaly score of one frame, variant ``weighted``."""
    image = prepared(grey)
    x = torch.from_numpy(image)[None, None].float() / 255
    with torch.no_grad():
        found = residual(x, network(x))[0, 0].numpy()
    smooth = mask(image)
    return float(np.percentile(found[smooth] if smooth.any() else found, 95))

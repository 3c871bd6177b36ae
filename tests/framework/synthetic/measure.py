"""Measures strings in boxes, real or synthetic, in the same way: the figures of docs/synthetic.md.

`python -m tests.framework.synthetic.measure ROOT` prints percentiles over all boxes of a data root.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates
from skimage.feature import hessian_matrix, hessian_matrix_eigvals
from skimage.graph import MCP_Geometric

from cs_framework.api.boxes import from_xywh

ACROSS = np.arange(-12, 12.5, 0.5)
"""Distances from the path in pixels at which its profile is read."""
CREST = np.abs(ACROSS) <= 1
FLANKS = (np.abs(ACROSS) >= 3.5) & (np.abs(ACROSS) <= 6)


def trace(image, box):
    """Points (K, 2) y, x of the best line through a box along its longer side, and its polarity."""
    x1, y1, x2, y2 = np.rint(box).astype(int)
    hessian = hessian_matrix(image.astype(float), sigma=1.5, use_gaussian_derivatives=False)
    high, low = hessian_matrix_eigvals(hessian)
    best = None
    for polarity, response in ((1, -low), (-1, high)):
        window = 1.5**2 * np.maximum(response[max(y1, 0) : y2, max(x1, 0) : x2], 0)
        height, width = window.shape
        ways = []
        if width * 1.8 >= height:
            ways.append([[(row, column) for row in range(height)] for column in (0, width - 1)])
        if height * 1.8 >= width:
            ways.append([[(row, column) for column in range(width)] for row in (0, height - 1)])
        for starts, ends in ways:
            search = MCP_Geometric(1 / (0.5 + window))
            costs, _ = search.find_costs(starts, ends)
            end = min(ends, key=lambda place, costs=costs: costs[place])
            path = np.array(search.traceback(end), float)
            effort = costs[end] / (len(path) + 1)
            if best is None or effort < best[0]:
                best = effort, np.add(path, (max(y1, 0), max(x1, 0))), polarity
    return best[1:]


def profile(image, path):
    """Grey levels (K, len(ACROSS)) across a path (K, 2) y, x, one row for each pixel of its length."""
    steps = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    even = np.linspace(0, steps[-1], max(int(steps[-1]), 2))
    points = np.stack([np.interp(even, steps, path[:, axis]) for axis in (0, 1)], axis=1)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    rows, columns = points[:, :1] + along[:, 1:] * ACROSS, points[:, 1:] - along[:, :1] * ACROSS
    return map_coordinates(image.astype(float), (rows, columns), order=1, mode="nearest")


def contrast(image, path, polarity):
    """Mean crest above (below) the mean of the flanks, in grey levels, of a path (K, 2) y, x."""
    mean = profile(image, path).mean(axis=0)
    return polarity * (mean[CREST].mean() - mean[FLANKS].mean())


def string_figures(image, box):
    """Of the line in a box: contrast, full width at half maximum, length, margin to the box's long sides."""
    path, polarity = trace(image, box)
    path = gaussian_filter1d(path, 2, axis=0, mode="nearest")
    mean = profile(image, path).mean(axis=0)
    flank, height = mean[FLANKS].mean(), contrast(image, path, polarity)
    above = polarity * (mean - flank) > height / 2
    middle = len(ACROSS) // 2
    left = middle - np.argmin(np.r_[above[middle::-1], False])
    right = middle + np.argmin(np.r_[above[middle:], False])
    width, tall = box[2] - box[0], box[3] - box[1]
    spread = np.ptp(path[:, 0] if width >= tall else path[:, 1])
    return {
        "contrast": height,
        "relative contrast": height / flank,
        "width": (right - left - 1) * 0.5,
        "length": np.hypot(*np.diff(path, axis=0).T).sum(),
        "margin": (min(width, tall) - spread) / 2,
        "box diagonal": np.hypot(width, tall) / len(image),
        "box short side": min(width, tall) / len(image),
        "box aspect": max(width, tall) / min(width, tall),
    }


def boxed_frames(root):
    """Grey frames (H, W) of a data root with their boxes (M, 4)."""
    with (root / "index.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            path = root / row["path"]
            label = root / "labels" / path.relative_to(root).parts[0] / f"{path.stem}.txt"
            if label.exists():
                image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
                height, width = image.shape
                lines = np.loadtxt(label, ndmin=2)[:, 1:] * (width, height, width, height)
                lines[:, :2] -= lines[:, 2:] / 2
                yield image, from_xywh(lines)


if __name__ == "__main__":
    found = [string_figures(image, box) for image, boxes in boxed_frames(Path(sys.argv[1])) for box in boxes]
    print(f"{len(found)} boxes; percentiles 5, 25, 50, 75, 95")
    for name in found[0]:
        print(
            f"{name:18}", *[f"{v:8.2f}" for v in np.percentile([f[name] for f in found], (5, 25, 50, 75, 95))]
        )

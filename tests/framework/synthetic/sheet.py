"""Makes the picture of docs/synthetic.md: drawn frames, and the same with strings and their boxes.

`python -m tests.framework.synthetic.sheet docs/images/synthetic-2.jpg`
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from cs_framework.synthetic import draw_scene

STAGES = ("cleavage", "morula", "early", "full", "full", "expanded", "hatching")
SIZE = 200


def sheet(seed: int = 12) -> np.ndarray:
    """Columns of stages; three rows: without strings, with them, with their boxes."""
    columns = []
    for number, stage in enumerate(STAGES):
        scene = draw_scene(np.random.default_rng([seed, number]), SIZE, view="embryo", stage=stage)
        boxed = cv2.cvtColor(scene.image, cv2.COLOR_GRAY2BGR)
        for x1, y1, x2, y2 in np.rint(scene.boxes).astype(int).tolist():
            cv2.rectangle(boxed, (x1, y1), (x2 - 1, y2 - 1), (80, 220, 80), 1)
        plain, image = (cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) for one in (scene.plain, scene.image))
        columns.append(np.vstack([plain, image, boxed]))
    return np.hstack(columns)


if __name__ == "__main__":
    cv2.imwrite(sys.argv[1], sheet(), [cv2.IMWRITE_JPEG_QUALITY, 80])

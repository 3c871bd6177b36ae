from __future__ import annotations

import numpy as np
import pytest

from cs_framework import Regions, RegionTable


@pytest.fixture
def make_table():
    """Regions whose first feature tells strings apart, and whose second one gives their IoU."""

    def make(count=400, dim=12, seed=0, gap=3.0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        labels = rng.choice(np.array([1, 0, -1], np.int8), count, p=[0.2, 0.6, 0.2])
        iou = np.select([labels == 1, labels == 0], [rng.uniform(0.3, 0.9, count), 0], 0.15)
        embeddings = rng.normal(size=(count, dim))
        embeddings[:, 0] += gap * (labels == 1)
        embeddings[:, 1] = 4 * iou
        boxes = np.tile(np.float32([0, 0, 10, 10]), (count, 1))
        return RegionTable(
            embeddings=embeddings.astype(dtype),
            boxes=boxes,
            frame_sizes=np.full((count, 2), 64, np.int32),
            iou=iou.astype(np.float32),
            labels=labels,
            targets=boxes,
            frames=np.zeros(count, np.int32),
            sequences=np.full(count, "embryo"),
        )

    return make


@pytest.fixture
def as_regions():
    def make(table):
        return Regions(table.embeddings.astype(np.float32), table.boxes, table.frame_sizes)

    return make

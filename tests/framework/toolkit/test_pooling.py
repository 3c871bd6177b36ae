from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import pool_boxes

SIZE = (90, 140)


def brute_force(features, boxes, size):
    """Every cell's overlap with every box, cell by cell."""
    channels, rows, columns = features.shape
    high, wide = size[0] / rows, size[1] / columns
    means = np.zeros((len(boxes), channels))
    for n, (x1, y1, x2, y2) in enumerate(boxes.astype(float)):
        covered = 0.0
        for row in range(rows):
            for column in range(columns):
                width = min(x2, (column + 1) * wide) - max(x1, column * wide)
                height = min(y2, (row + 1) * high) - max(y1, row * high)
                if width > 0 and height > 0:
                    means[n] += width * height * features[:, row, column]
                    covered += width * height
        means[n] /= covered
    return means


def random_boxes(count, size, rng, smallest=0.01):
    corners = rng.uniform(0, 0.8, (count, 2))
    extents = rng.uniform(smallest, 1, (count, 2)) * (1 - corners)
    scale = np.array([size[1], size[0]])
    return np.concatenate([corners * scale, (corners + extents) * scale], axis=1).astype(np.float32)


@given(
    st.integers(1, 7), st.integers(1, 7), st.integers(1, 120), st.integers(1, 120), st.integers(0, 2**32 - 1)
)
def test_equals_the_mean_weighted_by_area(rows, columns, height, width, seed):
    rng = np.random.default_rng(seed)
    features = rng.normal(3, 5, (4, rows, columns)).astype(np.float32)
    boxes = random_boxes(5, (height, width), rng)
    ours = pool_boxes(torch.from_numpy(features), boxes, (height, width)).numpy()
    np.testing.assert_allclose(ours, brute_force(features, boxes, (height, width)), atol=1e-5)


def test_many_boxes_on_a_fine_grid():
    rng = np.random.default_rng(0)
    features = rng.normal(3, 1, (6, 32, 50)).astype(np.float32)
    boxes = random_boxes(40, SIZE, rng)
    ours = pool_boxes(torch.from_numpy(features), boxes, SIZE).numpy()
    np.testing.assert_allclose(ours, brute_force(features, boxes, SIZE), atol=1e-5)


def test_a_ramp_is_read_at_the_box_s_centre():
    """The mean of a linear ramp over a box of whole cells is its value in the middle."""
    ramp = torch.arange(14.0).expand(1, 9, 14)
    boxes = np.float32([[20, 10, 60, 90], [0, 0, 140, 90], [130, 80, 140, 90]])
    np.testing.assert_allclose(pool_boxes(ramp, boxes, SIZE)[:, 0], [3.5, 6.5, 13], atol=1e-6)


def test_boxes_without_area_or_off_the_frame_take_what_is_nearest():
    features = torch.arange(126.0).reshape(1, 9, 14)
    boxes = np.float32(
        [[5, 5, 5, 5], [135, 85, 135, 85], [140, 90, 140, 90], [-30, -30, -10, -5], [200, 45, 300, 46]]
    )
    expected = [0, 125, 125, 0, 4 * 14 + 13]
    np.testing.assert_allclose(pool_boxes(features, boxes, SIZE)[:, 0], expected, atol=1e-3)
    over = np.float32([[-20, -20, 160, 110]])
    np.testing.assert_allclose(pool_boxes(features, over, SIZE)[:, 0], [62.5], atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_any_precision_comes_back_as_float32(dtype):
    features = torch.ones((2, 3, 3), dtype=dtype)
    pooled = pool_boxes(features, np.float32([[0, 0, 1, 1]]), (2, 2))
    assert pooled.dtype == torch.float32
    assert torch.equal(pooled, torch.ones(1, 2))


def test_no_boxes():
    assert pool_boxes(torch.ones(5, 2, 2), np.zeros((0, 4), np.float32), SIZE).shape == (0, 5)

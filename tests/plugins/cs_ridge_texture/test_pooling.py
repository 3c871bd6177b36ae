from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework import boxes
from cs_ridge_texture.pooling import GRID, RECTANGLES, layout, pool

HEIGHT, WIDTH = 40, 50
box_lists = st.lists(
    st.tuples(st.floats(0, 49), st.floats(0, 39), st.floats(0, 50), st.floats(0, 40)), min_size=1, max_size=8
).map(lambda items: boxes.clip(boxes.from_xywh(items), (HEIGHT, WIDTH)))


@settings(deadline=None)
@given(box_lists, st.integers(0, 9))
def test_pooled_means_equal_the_means_of_slices(found: np.ndarray, seed: int) -> None:
    maps = np.random.default_rng(seed).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
    rectangles = layout(found, (HEIGHT, WIDTH))
    means, present = pool(maps, rectangles)
    assert means.shape == (len(found), RECTANGLES, 3)
    for n, r in np.ndindex(rectangles.shape[:2]):
        x1, y1, x2, y2 = rectangles[n, r]
        pixels = maps[y1:y2, x1:x2]
        assert present[n, r] == (pixels.size > 0)
        expected = pixels.mean(axis=(0, 1), dtype=np.float64) if pixels.size else 0
        assert np.allclose(means[n, r], expected, atol=1e-6)


@settings(deadline=None)
@given(box_lists)
def test_rectangles_lie_inside_the_frame_and_only_strips_are_empty(found: np.ndarray) -> None:
    rectangles = layout(found, (HEIGHT, WIDTH))
    x1, y1, x2, y2 = np.moveaxis(rectangles, -1, 0)
    assert (x1 >= 0).all()
    assert (y1 >= 0).all()
    assert (x2 <= WIDTH).all()
    assert (y2 <= HEIGHT).all()
    assert (x2 >= x1).all()
    assert (y2 >= y1).all()
    inner = np.s_[:, : 1 + GRID * GRID]
    assert ((x2 - x1)[inner] > 0).all()
    assert ((y2 - y1)[inner] > 0).all()


@given(st.integers(0, 40), st.integers(0, 30), st.integers(1, 3), st.integers(1, 3))
def test_cells_tile_a_box_whose_sides_they_divide(x: int, y: int, columns: int, rows: int) -> None:
    box = boxes.as_boxes([(x, y, x + 3 * columns, y + 3 * rows)])
    rectangles = layout(box, (HEIGHT, WIDTH))[0]
    assert np.array_equal(rectangles[0], box[0])
    covered = np.zeros((HEIGHT, WIDTH), int)
    for x1, y1, x2, y2 in rectangles[1:10]:
        assert (x2 - x1, y2 - y1) == (columns, rows)
        covered[y1:y2, x1:x2] += 1
    assert covered[y : y + 3 * rows, x : x + 3 * columns].all()
    assert covered.sum() == 9 * rows * columns


def test_strips_lie_beside_the_box() -> None:
    rectangles = layout(boxes.as_boxes([(10, 20, 22, 29)]), (HEIGHT, WIDTH))[0]
    assert rectangles[10:].tolist() == [
        [6, 20, 10, 29],
        [22, 20, 26, 29],
        [10, 17, 22, 20],
        [10, 29, 22, 32],
    ]


def test_one_pixel_and_fractions_of_one() -> None:
    rectangles = layout(boxes.as_boxes([(4, 5, 5, 6), (4.2, 5.2, 4.4, 5.9)]), (HEIGHT, WIDTH))
    assert np.array_equal(rectangles[0], rectangles[1])
    assert (rectangles[0, :10] == (4, 5, 5, 6)).all()

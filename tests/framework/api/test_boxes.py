from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cs_framework import boxes


@st.composite
def box_arrays(draw: st.DrawFn, most: int = 8) -> np.ndarray:
    """(N, 4) boxes of whole pixels, some of them empty."""
    xywh = draw(arrays(np.int64, (draw(st.integers(0, most)), 4), elements=st.integers(0, 20)))
    return boxes.from_xywh(xywh)


def covered(box: np.ndarray) -> np.ndarray:
    """The pixels of a box, drawn on (40, 40)."""
    x1, y1, x2, y2 = box.astype(int)
    canvas = np.zeros((40, 40), bool)
    canvas[y1:y2, x1:x2] = True
    return canvas


@given(box_arrays(4), box_arrays(4))
def test_area_and_iou_count_pixels(a: np.ndarray, b: np.ndarray) -> None:
    assert np.array_equal(boxes.area(a), [covered(box).sum() for box in a])
    expected = [
        [(covered(p) & covered(q)).sum() / max((covered(p) | covered(q)).sum(), 1) for q in b] for p in a
    ]
    assert np.allclose(boxes.iou(a, b), np.reshape(expected, (len(a), len(b))), atol=1e-6)


@given(box_arrays(), box_arrays())
def test_iou_is_symmetric_and_between_0_and_1(a: np.ndarray, b: np.ndarray) -> None:
    overlap = boxes.iou(a, b)
    assert overlap.dtype == np.float32
    assert overlap.shape == (len(a), len(b))
    assert np.array_equal(overlap, boxes.iou(b, a).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()


@given(box_arrays())
def test_iou_with_itself_is_1_unless_empty(a: np.ndarray) -> None:
    assert np.array_equal(np.diag(boxes.iou(a, a)), boxes.area(a) > 0)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(0, 1.0), (5, 5 / 15), (10, 0.0), (-4, 6 / 14)],
)
def test_iou_of_a_shifted_square(shift: float, expected: float) -> None:
    a = boxes.as_boxes([(20, 20, 30, 30)])
    assert boxes.iou(a, a + np.float32([shift, 0, shift, 0]))[0, 0] == pytest.approx(expected)


@given(box_arrays(), st.integers(1, 30), st.integers(1, 30))
def test_clip_keeps_the_pixels_within_the_frame(a: np.ndarray, height: int, width: int) -> None:
    cut = boxes.clip(a, (height, width))
    frame = covered(np.array([0, 0, width, height]))
    assert [covered(box).tolist() for box in cut] == [(covered(box) & frame).tolist() for box in a]


@given(box_arrays())
def test_corner_and_size_there_and_back(a: np.ndarray) -> None:
    assert np.array_equal(boxes.from_xywh(boxes.to_xywh(a)), a)


def test_no_boxes_keep_their_shape() -> None:
    none = boxes.as_boxes([])
    assert none.shape == (0, 4)
    assert boxes.iou(none, boxes.as_boxes([(0, 0, 1, 1)])).shape == (0, 1)
    assert (
        boxes.clip(none, (5, 5)).shape == boxes.from_xywh(none).shape == boxes.to_xywh(none).shape == (0, 4)
    )
    assert boxes.nms(none, np.zeros(0, np.float32), 0.5).shape == (0,)


@given(box_arrays(12), st.data(), st.sampled_from([0.0, 0.3, 0.7]))
def test_suppression_keeps_a_box_exactly_if_no_better_kept_one_overlaps(
    a: np.ndarray, data: st.DataObject, threshold: float
) -> None:
    scores = data.draw(arrays(np.float32, len(a), elements=st.sampled_from([0.1, 0.5, 0.9])))
    kept = boxes.nms(a, scores, threshold).tolist()
    order = sorted(range(len(a)), key=lambda i: -scores[i])
    overlap = boxes.iou(a, a)
    expected: list[int] = []
    for i in order:
        if all(overlap[i, j] <= threshold for j in expected):
            expected.append(i)
    assert kept == expected
    assert boxes.nms(a, scores, threshold, limit=2).tolist() == expected[:2]


def test_suppression_of_equal_scores_keeps_the_first() -> None:
    twins = boxes.as_boxes([(0, 0, 10, 10), (0, 0, 10, 10), (30, 0, 40, 10)])
    assert boxes.nms(twins, np.ones(3, np.float32), 0.5).tolist() == [0, 2]

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cs_framework import boxes as bx
from cs_implant_net.pieces import cut_boxes

INSIDE = np.ones((120, 120), bool)


def chart(*lines, weak=0.0):
    """A map of lines, each with its strength, on weak noise."""
    values = weak * np.random.default_rng(0).random((120, 120)).astype(np.float32)
    for start, end, strength in lines:
        drawn = np.zeros_like(values)
        cv2.line(drawn, start, end, strength, 2)
        values = np.maximum(values, drawn)
    return values


def best_iou(boxes, box, first=None):
    return bx.iou(boxes[:first], bx.as_boxes([box])).max()


@pytest.mark.parametrize(
    ("start", "end"), [((20, 60), (70, 60)), ((30, 20), (60, 90)), ((80, 30), (50, 60))], ids=str
)
@pytest.mark.parametrize("weak", [0.0, 0.3])
def test_a_line_gets_a_box_at_once(start, end, weak):
    boxes, strengths = cut_boxes(chart((start, end, 0.9), weak=weak), INSIDE, 50)
    truth = [
        min(start[0], end[0]) - 3,
        min(start[1], end[1]) - 3,
        max(start[0], end[0]) + 3,
        max(start[1], end[1]) + 3,
    ]
    assert best_iou(boxes, truth, first=2) > 0.5
    assert (np.diff(strengths) <= 0).all()
    assert (boxes >= 0).all()
    assert (boxes <= 120).all()


def test_pieces_of_one_line_are_joined_and_others_are_not():
    one, other = ((20, 30), (45, 42), 0.9), ((58, 48), (85, 61), 0.8)
    whole = (17, 27, 88, 64)
    assert best_iou(cut_boxes(chart(one, other), INSIDE, 100)[0], whole) > 0.8
    across = ((58, 48), (70, 22), 0.8)
    assert best_iou(cut_boxes(chart(one, across), INSIDE, 100)[0], (17, 19, 73, 51)) < 0.7


def test_the_scale_of_the_map_does_not_matter():
    values = chart(((20, 30), (60, 50), 0.9), ((90, 80), (100, 100), 0.5), weak=0.2)
    np.testing.assert_array_equal(cut_boxes(values, INSIDE, 50)[0], cut_boxes(values / 8, INSIDE, 50)[0])


def test_only_the_embryo_counts_and_at_most_so_many():
    values = chart(((10, 10), (40, 10), 0.9), ((60, 90), (100, 90), 0.5), weak=0.4)
    inside = np.zeros((120, 120), bool)
    inside[60:] = True
    boxes, _ = cut_boxes(values, inside, 50)
    assert (boxes[:, 3] > 60).all()
    np.testing.assert_array_equal(cut_boxes(values, inside, 1)[0], boxes[:1])
    assert best_iou(boxes, (57, 86, 103, 94)) > 0.4


@pytest.mark.parametrize("shape", [(1, 1), (2, 9)])
def test_nothing_in_nothing(shape):
    for inside in (np.zeros(shape, bool), np.ones(shape, bool)):
        boxes, strengths = cut_boxes(np.zeros(shape, np.float32), inside, 9)
        assert boxes.shape == (0, 4)
        assert len(strengths) == 0

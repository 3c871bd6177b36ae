from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import boxes
from cs_framework.recipe.schema import TrainingSettings
from cs_framework.training.regions import FrameRegions, make_table, weak_labels

SETTINGS = TrainingSettings()


def test_labels_are_strict_at_both_bounds():
    annotated = boxes.as_boxes([(0, 0, 10, 10)])
    # IoU of these with the annotated box is exactly 0.2, 0.1, 0.3 and 0.05.
    found = boxes.as_boxes([(0, 0, 10, 2), (0, 0, 10, 1), (0, 0, 10, 3), (0, 0, 5, 1)])
    iou, labels, _ = weak_labels(found, annotated, SETTINGS)
    assert iou == pytest.approx([0.2, 0.1, 0.3, 0.05])
    assert labels.tolist() == [-1, -1, 1, 0]


def test_a_box_counts_by_its_best_annotated_box():
    annotated = boxes.as_boxes([(0, 0, 10, 10), (50, 50, 60, 60)])
    iou, labels, targets = weak_labels(boxes.as_boxes([(50, 50, 60, 60), (0, 0, 10, 9)]), annotated, SETTINGS)
    assert labels.tolist() == [1, 1]
    assert targets.tolist() == [[50, 50, 60, 60], [0, 0, 10, 10]]
    assert iou == pytest.approx([1, 0.9])


def test_frames_without_strings_give_background_only():
    iou, labels, targets = weak_labels(boxes.as_boxes([(0, 0, 9, 9)]), boxes.as_boxes([]), SETTINGS)
    assert (iou.tolist(), labels.tolist()) == ([0], [0])
    assert np.isnan(targets).all()


coordinate = st.integers(0, 40)


@given(st.lists(st.tuples(coordinate, coordinate, st.integers(1, 20), st.integers(1, 20)), max_size=6))
def test_targets_are_known_exactly_where_boxes_overlap(corners):
    found = boxes.from_xywh(corners)
    iou, labels, targets = weak_labels(found, boxes.as_boxes([(5, 5, 25, 15), (20, 20, 22, 40)]), SETTINGS)
    assert (np.isnan(targets).all(axis=1) == (iou == 0)).all()
    assert ((labels == 1) == (iou > np.float32(0.2))).all()


def test_rows_of_the_table_follow_the_frames():
    def regions(frame, sequence, *corners):
        found = boxes.as_boxes(corners)
        return FrameRegions(
            frame,
            sequence,
            (40, 60),
            found,
            np.ones((len(found), 2), np.float16),
            boxes.as_boxes([(0, 0, 9, 9)]),
        )

    parts = [
        regions("a", "e1", (0, 0, 9, 9)),
        regions("b", "e2"),
        regions("c", "e2", (1, 1, 2, 2), (20, 20, 30, 30)),
    ]
    table = make_table(parts, SETTINGS, 2)
    assert table.frames.tolist() == [0, 2, 2]
    assert table.sequences.tolist() == ["e1", "e2", "e2"]
    assert table.frame_sizes.tolist() == [[40, 60]] * 3
    assert table.labels.tolist() == [1, 0, 0]


def test_a_table_of_nothing_keeps_its_shape():
    table = make_table([], SETTINGS, 5)
    assert table.embeddings.shape == (0, 5)
    assert table.boxes.shape == table.targets.shape == (0, 4)

from __future__ import annotations

import numpy as np
import pytest
from attrs.exceptions import FrozenInstanceError

from cs_framework import Env, Frame, RegionTable, Window
from cs_framework import boxes as box_arithmetic


def frame(name: str = "a", size: tuple[int, int] = (20, 30)) -> Frame:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    return Frame(image, name)


def test_a_slip_that_changes_a_frame_shows_at_once() -> None:
    one = frame()
    for array in (one.image, one.grey, one.embryo.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(FrozenInstanceError):
        one.id = "b"


def test_the_array_given_stays_writable() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    Frame(image, "a")
    image[0] = 1


def test_a_frame_computes_its_grey_plane_and_embryo_once() -> None:
    one = frame()
    assert one.size == (20, 30)
    assert one.grey.shape == (20, 30)
    assert one.grey is one.grey
    assert one.embryo is one.embryo


def test_the_frame_of_a_window_is_in_its_middle() -> None:
    frames = tuple(frame(name) for name in "abcde")
    assert Window(frames).frame is frames[2]
    assert Window(frames[:1]).frame is frames[0]


def test_tracking_passes_items_through() -> None:
    assert list(Env().track([1, 2, 3], "frames", total=3)) == [1, 2, 3]
    assert list(Env().track(iter("ab"), "letters")) == ["a", "b"]


def test_environments_with_other_trackers_are_equal() -> None:
    assert Env(track=lambda items, description, total=None: items) == Env()


def test_a_region_table_counts_its_rows() -> None:
    table = RegionTable(
        embeddings=np.zeros((3, 2), np.float32),
        boxes=box_arithmetic.as_boxes(np.zeros((3, 4))),
        frame_sizes=np.ones((3, 2), np.int32),
        iou=np.zeros(3, np.float32),
        labels=np.zeros(3, np.int8),
        targets=np.full((3, 4), np.nan, np.float32),
        frames=np.zeros(3, np.int32),
        sequences=np.array(["a"] * 3),
    )
    assert len(table) == 3

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Frame, boxes
from cs_framework.training.augment import ORIENTATIONS, orient, orient_boxes, orient_size

SIZE = (30, 50)


@given(
    st.tuples(st.integers(0, 40), st.integers(0, 20), st.integers(1, 10), st.integers(1, 10)),
    st.integers(0, ORIENTATIONS - 1),
)
def test_a_box_holds_the_same_pixels_in_every_orientation(xywh, orientation):
    image = np.arange(30 * 50 * 3, dtype=np.uint32).reshape(30, 50, 3).astype(np.uint8)
    frame, (box,) = Frame(image, "f", "e", 4), boxes.from_xywh([xywh])
    turned = orient(frame, orientation)
    (moved,) = orient_boxes(box[None], SIZE, orientation)
    assert turned.size == orient_size(SIZE, orientation)
    assert (turned.id, turned.sequence, turned.index) == ("f", "e", 4)
    assert sorted(pixels(frame, box)) == sorted(pixels(turned, moved))


def pixels(frame, box):
    x1, y1, x2, y2 = box.astype(int)
    return frame.image[y1:y2, x1:x2].reshape(-1, 3).tolist()


def test_the_eight_orientations_differ_and_the_first_is_the_frame():
    frame = Frame(np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8), "f")
    assert orient(frame, 0) is frame
    assert len({orient(frame, k).image.tobytes() for k in range(ORIENTATIONS)}) == ORIENTATIONS


@pytest.mark.parametrize("orientation", range(4))
def test_the_first_four_keep_width_and_height(orientation):
    assert orient_size(SIZE, orientation) == SIZE


@pytest.mark.parametrize("orientation", range(ORIENTATIONS))
def test_a_given_embryo_turns_with_its_frame(orientation):
    image = np.zeros((*SIZE, 3), np.uint8)
    image[12, 40] = 255
    turned = orient(Frame(image, "f", circle=(40.5 / 50, 12.5 / 30, 0.1)), orientation)
    (y,), (x,) = np.nonzero(turned.grey)
    assert (turned.embryo.x, turned.embryo.y) == (pytest.approx(x + 0.5), pytest.approx(y + 0.5))
    assert turned.embryo.radius == 3

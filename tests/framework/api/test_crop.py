"""Crops around the embryo, and the way back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Frame
from cs_framework.api.components import Explanation
from cs_framework.api.crop import SIDE, Crop
from cs_framework.pipeline.results import FrameResult

circles = st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(0.1, 0.6))
boxes = st.tuples(st.floats(0, 90), st.floats(0, 70), st.floats(1, 60), st.floats(1, 60))


def spot(x: float, y: float, size: tuple[int, int] = (300, 400)) -> np.ndarray:
    """A soft spot around a point, grey as RGB."""
    rows, columns = np.ogrid[0.5 : size[0], 0.5 : size[1]]
    grey = 30 + 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 6.0**2))
    return np.dstack([grey.astype(np.uint8)] * 3)


def centre(values: np.ndarray) -> tuple[float, float]:
    weights = values.astype(float) - values.min()
    rows, columns = np.mgrid[0.5 : values.shape[0], 0.5 : values.shape[1]]
    return (weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()


@given(circles, boxes)
def test_boxes_go_into_the_crop_and_back(circle, box) -> None:
    frame = Frame(np.zeros((100, 130, 3), np.uint8), "a", circle=circle)
    crop = frame.cropped().crop
    x, y, width, height = box
    whole = np.float32([[x, y, x + width, y + height]])
    there = crop.boxes_in_crop(whole)
    back = np.clip(whole, 0, [130, 100, 130, 100])
    np.testing.assert_allclose(crop.boxes_in_frame(there), back, atol=1e-2)


@pytest.mark.parametrize("radius", [0.1, 0.2, 0.5])
def test_pixels_lie_where_boxes_do(radius: float) -> None:
    cropped = Frame(spot(170, 120), "a", circle=(0.4, 0.45, radius)).cropped()
    x, y = centre(cropped.grey)
    there = cropped.crop.boxes_in_crop(np.float32([[170, 120, 170, 120]]))[0]
    np.testing.assert_allclose((x, y), there[:2], atol=0.5 * max(cropped.crop.scale, 1))
    heat = cropped.crop.map_in_frame(cropped.grey.astype(np.float32) - cropped.grey.min())
    assert heat.shape == (300, 400)
    np.testing.assert_allclose(centre(heat), (170, 120), atol=1)


def test_every_embryo_has_the_same_size_in_a_crop() -> None:
    one, other = (Frame(spot(200, 150), "a", circle=(0.5, 0.5, r)).cropped() for r in (0.2, 0.4))
    assert one.size == other.size == (SIDE, SIDE)
    assert one.embryo == other.embryo
    assert one.embryo.found
    np.testing.assert_allclose(one.crop.embryo, (200, 150, 60))


def test_a_frame_without_an_embryo_is_seen_whole() -> None:
    frame = Frame(np.full((100, 100, 3), 90, np.uint8), "a")
    assert frame.cropped() is frame
    result = FrameResult("a", "e", 0, (100, 100), 0.5, True)
    assert result.in_frame(frame.crop) is result
    explanation = Explanation(np.zeros((100, 100), np.float32))
    assert explanation.in_frame(frame.crop) is explanation


def test_an_explanation_counts_only_where_the_crop_is() -> None:
    crop = Crop(50.0, 20.0, 4.0, (120, 200))
    explained = Explanation(np.ones((SIDE, SIDE), np.float32)).in_frame(crop)
    inside = np.zeros((120, 200), bool)
    inside[20:100, 50:130] = True
    assert explained.residual.shape == explained.mask.shape == (120, 200)
    disagreeing = explained.mask != inside
    assert not disagreeing[cv2.erode(inside.astype(np.uint8), np.ones((3, 3))) > 0].any()
    assert disagreeing.sum() < 4 * 80 + 4

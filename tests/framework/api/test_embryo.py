from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework import EmbryoRegion, Frame, embryo_region
from cs_framework.api.embryo import find_embryo, grey_plane


def embryo_frame(
    x: float, y: float, radius: float, size: tuple[int, int] = (300, 340), seed: int = 0
) -> np.ndarray:
    """A textured disc in smooth medium, inside the brighter, rounder rim of a well."""
    height, width = size
    rows, columns = np.ogrid[0.5:height, 0.5:width]
    rng = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(rng.normal(0, 40, size).astype(np.float32), (0, 0), 2)
    grey = 110 + 0.05 * columns + rng.normal(0, 0.5, size)
    rim = np.hypot(columns - width / 2, rows - height / 2) - 0.48 * width
    grey = grey + 120 * np.exp(-(rim**2) / (2 * 8**2))
    inside = np.hypot(columns - x, rows - y) <= radius
    return np.clip(np.where(inside, grey + 3 * texture, grey), 0, 255).astype(np.uint8)


@settings(max_examples=15, deadline=None)
@given(x=st.floats(140, 200), y=st.floats(130, 170), radius=st.floats(70, 100), seed=st.integers(0, 99))
def test_finds_a_textured_disc_and_not_the_rim_of_the_well(
    x: float, y: float, radius: float, seed: int
) -> None:
    region = find_embryo(embryo_frame(x, y, radius, seed=seed))
    assert region.found
    assert abs(region.x - x) < 0.1 * radius
    assert abs(region.y - y) < 0.1 * radius
    assert abs(region.radius / radius - 1) < 0.12


def test_follows_the_scale_of_the_frame() -> None:
    grey = embryo_frame(170, 150, 100)
    once, twice = find_embryo(grey), find_embryo(cv2.resize(grey, None, fx=2, fy=2))
    assert twice.size == (600, 680)
    assert np.allclose(
        [twice.x, twice.y, twice.radius], np.multiply([once.x, once.y, once.radius], 2), rtol=0.07
    )


@pytest.mark.parametrize(
    "grey",
    [
        np.zeros((1, 1), np.uint8),
        np.zeros((1, 500), np.uint8),
        np.random.default_rng(0).integers(0, 256, (16, 5000)).astype(np.uint8),
        np.full((200, 200), 90, np.uint8),
        np.random.default_rng(0).integers(0, 256, (10, 12)).astype(np.uint8),
        np.random.default_rng(0).integers(0, 256, (200, 240)).astype(np.uint8),
        np.linspace(0, 255, 200 * 300).reshape(200, 300).astype(np.uint8),
    ],
    ids=["one pixel", "one row", "strip", "constant", "too small", "noise", "gradient"],
)
def test_the_whole_frame_where_there_is_no_embryo(grey: np.ndarray) -> None:
    region = find_embryo(grey)
    height, width = grey.shape
    assert not region.found
    assert region.mask.shape == grey.shape
    assert region.mask.all()
    assert region.box == (0, 0, width, height)
    assert np.isclose(region.radius, np.hypot(height, width) / 2)


def test_mask_and_box_of_a_circle() -> None:
    region = EmbryoRegion(x=20, y=12, radius=10, found=True, size=(18, 50))
    whole = EmbryoRegion(x=25, y=25, radius=20, found=True, size=(50, 50))
    assert region.box == (10, 2, 30, 18)
    assert region.mask[12, 9:12].tolist() == [False, True, True]
    assert not region.mask[:2].any()
    assert abs(whole.mask.sum() / (np.pi * 20**2) - 1) < 0.01
    assert region.mask is region.mask
    assert not region.mask.flags.writeable


def test_grey_of_three_equal_channels_is_the_channel() -> None:
    plane = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(grey_plane(np.dstack([plane] * 3)), plane)


def test_grey_of_colours_is_their_luma() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    luma = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey_plane(image) - luma).max() <= 1


def test_a_frame_keeps_its_embryo() -> None:
    frame = Frame(np.dstack([embryo_frame(170, 150, 100)] * 3), "a")
    assert embryo_region(frame) is frame.embryo
    assert frame.embryo == find_embryo(frame.grey)


def test_a_given_circle_stands_in_for_the_found_one() -> None:
    image = np.dstack([embryo_frame(170, 150, 100)] * 3)
    region = Frame(image, "a", circle=(0.25, 0.5, 0.2)).embryo
    assert region == EmbryoRegion(85, 150, 60, True, (300, 340))
    assert region.diameter == 120
    assert Frame(image[:60, :15], "a").embryo.diameter == 15  # too small to hold an embryo


@given(st.integers(0, 330), st.integers(0, 290))
def test_a_region_holds_the_boxes_around_the_pixels_of_its_mask(x: int, y: int) -> None:
    region = EmbryoRegion(170, 150, 100, True, (300, 340))
    around = np.float32([[x - 3, y - 1, x + 4, y + 2]])
    assert region.holds(around).tolist() == [region.mask[y, x]]
    assert EmbryoRegion(170, 150, 227, False, (300, 340)).holds(around).all()
    assert region.holds(around[:0]).shape == (0,)

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework import EmbryoRegion, Frame, embryo_region
from cs_framework.api.embryo import find_embryo, grey_plane
from cs_framework.synthetic import draw_scene

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data, real frames")


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


def raw_view(x: float, y: float, radius: float, seed: int = 0, size: int = 500) -> np.ndarray:
    """An incubator's frame: a well with a bright rim, unlit below, and a small embryo off its centre."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[0.5:size, 0.5:size]
    well = np.hypot(columns - 0.5 * size, rows - 0.48 * size) / (0.4 * size)
    grey = np.where(well < 1, 75.0, 35.0) + 140 * np.exp(-(((well - 1) / 0.04) ** 2) / 2)
    grey = grey * np.clip((1.02 - rows / size) / 0.25, 0, 1)
    shape, distance = (size, size), np.hypot(columns - x, rows - y) / radius
    texture = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 1.5)
    grey = grey + texture * np.where(distance < 1, 35, np.where(distance < 1.25, 3, 0))
    grey = grey - 40 * np.exp(-(((distance - 1) / 0.02) ** 2) / 2) + rng.normal(0, 1, shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


raw_places = {"x": st.floats(210, 300), "y": st.floats(200, 280), "radius": st.floats(90, 115)}


def is_right(region: EmbryoRegion, x: float, y: float, radius: float) -> bool:
    """Within 30 px, and between the cells and the outside of the zona, of a frame of 500 px."""
    near = np.hypot(region.x - x, region.y - y) <= 30
    return bool(region.found and near and 0.85 * radius <= region.radius <= 1.3 * radius)


@settings(max_examples=8, deadline=None)
@given(**raw_places, seed=st.integers(0, 99))
def test_finds_a_small_embryo_in_a_well(x: float, y: float, radius: float, seed: int) -> None:
    assert is_right(find_embryo(raw_view(x, y, radius, seed)), x, y, radius)


@settings(max_examples=8, deadline=None)
@given(**raw_places, border=st.tuples(*[st.integers(0, 60)] * 4), white=st.booleans())
def test_finds_it_within_the_border_of_an_export(
    x: float, y: float, radius: float, border: tuple[int, int, int, int], white: bool
) -> None:
    top, bottom, left, right = border
    grey = raw_view(x, y, radius)
    framed = np.full_like(grey, 255 * white)
    framed[top : 500 - bottom, left : 500 - right] = grey[top : 500 - bottom, left : 500 - right]
    encoded = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    assert is_right(find_embryo(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)), x, y, radius)


@settings(max_examples=6, deadline=None)
@given(**raw_places, at=st.sampled_from([(5, 30), (330, 30), (5, 480), (330, 480)]))
def test_finds_it_beside_burnt_in_text(x: float, y: float, radius: float, at: tuple[int, int]) -> None:
    written = cv2.putText(raw_view(x, y, radius), "W7  24.5 h", at, 0, 0.9, (255,), 2, cv2.LINE_AA)
    assert is_right(find_embryo(written), x, y, radius)


def test_finds_it_in_wells_that_are_cut() -> None:
    rng, right = np.random.default_rng(0), 0
    for seed in range(20):
        x, y, radius = rng.uniform(200, 300), rng.uniform(190, 290), rng.uniform(85, 115)
        dx, dy = rng.integers(-60, 61, 2)
        moved = cv2.warpAffine(raw_view(x, y, radius, seed), np.float32([[1, 0, dx], [0, 1, dy]]), (500, 500))
        right += is_right(find_embryo(moved), x + dx, y + dy, radius)
    assert right >= 19


@pytest.mark.parametrize(("view", "least"), [("embryo", 7), ("frame", 9), ("raw", 11)])
def test_finds_most_embryos_of_scenes_drawn_at_their_worst(
    view: Literal["embryo", "frame", "raw"], least: int
) -> None:
    right = 0
    for seed in range(20):
        drawn = draw_scene(np.random.default_rng([7, seed]), 300, view=view)
        x, y, radius = drawn.embryo
        region = find_embryo(drawn.image)
        near = np.hypot(region.x - x, region.y - y) < 0.2 * radius
        right += bool(region.found and near and 0.85 * radius < region.radius < 1.45 * radius)
    assert right >= least


def test_no_well_is_taken_for_an_embryo() -> None:
    assert find_embryo(raw_view(250, 250, 95)).radius < 125
    empty = raw_view(-900, -900, 1)
    assert not find_embryo(empty).found


@settings(max_examples=8, deadline=None)
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
        cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8), (0, 0), 2),
        cv2.putText(np.zeros((500, 500), np.uint8), "embryo 7, 24.5 h", (20, 250), 0, 1.5, (255,), 3),
        cv2.putText(np.full((300, 400), 255, np.uint8), "Fig. 1", (100, 150), 0, 2.0, (0,), 4),
        np.vstack([np.zeros((250, 500), np.uint8), np.full((250, 500), 255, np.uint8)]),
    ],
    ids=[
        *("one pixel", "one row", "strip", "constant", "too small", "noise", "gradient"),
        *("road", "white text", "black text", "black and white"),
    ],
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


@needs_shared
def test_real_raw_frames() -> None:
    with (SHARED / "raw_courses" / "circles.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = []
    for row in rows:
        region = find_embryo(cv2.imread(str(SHARED / "raw_courses" / row["path"]), cv2.IMREAD_GRAYSCALE))
        near = np.hypot(region.x - float(row["x"]), region.y - float(row["y"])) <= 30
        right.append(region.found and near and 85 <= region.radius <= 145)
    assert np.mean(right) >= 0.98


@needs_shared
def test_road_surface_is_mostly_no_embryo() -> None:
    paths = sorted((SHARED / "cracks" / "test").rglob("*.jpg"))
    found = [find_embryo(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).found for path in paths]
    assert np.mean(found) <= 0.02

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Env, Frame, boxes
from cs_proposers.anchor_grid import AnchorGrid
from cs_proposers.settings import AnchorGridSettings


def flat(height: int, width: int) -> Frame:
    """A frame without an embryo."""
    return Frame(np.full((height, width, 3), 90, np.uint8), "flat")


def textured_disc(size: int = 240, centre: tuple[int, int] = (100, 130), radius: int = 80) -> Frame:
    """Noise in a circle on a smooth ground."""
    y, x = np.mgrid[:size, :size]
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius**2
    noise = np.random.default_rng(0).normal(scale=25, size=(size, size)) * inside
    return Frame(np.dstack([(120 + noise).clip(0, 255).astype(np.uint8)] * 3), "disc")


def propose(frame: Frame, **settings: object) -> np.ndarray:
    return AnchorGrid(AnchorGridSettings(**settings), Env()).propose(frame)


def sides(found: np.ndarray) -> np.ndarray:
    return found[:, 2:] - found[:, :2]


@given(height=st.integers(1, 400), width=st.integers(1, 400), stride=st.floats(0.2, 1))
def test_boxes_are_inside_and_at_least_a_pixel(height: int, width: int, stride: float) -> None:
    found = propose(flat(height, width), stride=stride, scales=(0.3, 2.0))
    assert found.dtype == np.float32
    assert len(found)
    assert np.array_equal(boxes.clip(found, (height, width)), found)
    assert (sides(found) > 0.999).all()


@given(height=st.integers(60, 300), width=st.integers(60, 300), stride=st.floats(0.2, 1))
def test_one_shape_reaches_every_border_in_even_steps(height: int, width: int, stride: float) -> None:
    found = propose(flat(height, width), stride=stride, scales=(0.4,), ratios=(0.25,))
    side = 0.4 * min(height, width)
    np.testing.assert_allclose(sides(found), [[side / 2, side * 2]] * len(found), atol=1e-3)
    for axis, (length, extent) in enumerate(((side / 2, width), (side * 2, height))):
        starts = np.unique(found[:, axis].round(3))
        assert starts[0] == 0
        assert found[:, 2 + axis].max() == pytest.approx(extent)
        assert np.diff(starts, append=starts[-1]).max() <= stride * length + 2e-3


def test_shapes_longer_than_the_frame_are_cut() -> None:
    found = propose(flat(100, 100), scales=(0.5,), ratios=(8.0,))
    np.testing.assert_allclose(sides(found), [[100, 50 / 8**0.5]] * len(found), rtol=1e-5)


def test_boxes_lie_on_the_embryo_and_grow_with_it() -> None:
    frame = textured_disc()
    assert frame.embryo.found
    found = propose(frame, scales=(0.2,), ratios=(1.0,))
    np.testing.assert_allclose(sides(found), 0.4 * frame.embryo.radius, rtol=1e-5)
    x, y = (found[:, :2] + found[:, 2:]).T / 2
    assert (np.hypot(x - frame.embryo.x, y - frame.embryo.y) <= frame.embryo.radius + 1e-3).all()
    left, top, right, bottom = frame.embryo.box
    assert (found >= np.float32([left, top, left, top]) - 1e-3).all()
    assert (found <= np.float32([right, bottom, right, bottom]) + 1e-3).all()


def test_any_string_of_the_supported_sizes_is_well_covered() -> None:
    # Random boxes with the sizes and shapes of the defaults, anywhere.
    rng = np.random.default_rng(3)
    scale, ratio = np.exp(rng.uniform(np.log(0.12), np.log(0.9), 500)), np.exp2(rng.uniform(-3, 3, 500))
    extent = np.minimum(300 * scale[:, None] * np.stack([ratio, 1 / ratio], axis=1) ** 0.5, 300)
    corner = rng.uniform(0, 300 - extent)
    best = boxes.iou(propose(flat(300, 300)), np.hstack([corner, corner + extent]).astype(np.float32)).max(0)
    assert np.mean(best >= 0.5) > 0.97
    assert best.min() > 0.35


@pytest.mark.parametrize("size", [(288, 288), (480, 480), (300, 400)])
def test_the_defaults_stay_below_3000_boxes(size: tuple[int, int]) -> None:
    assert 1000 < len(propose(flat(*size))) <= 3000 * max(size) / min(size)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_every_beginning_is_spread_over_places_and_sizes(share: float) -> None:
    found = propose(flat(300, 300))
    first = found[: int(share * len(found))]

    def spread(some: np.ndarray) -> np.ndarray:
        x, y = np.minimum((some[:, :2] + some[:, 2:]).T / 2 // 100, 2).astype(int)
        places = np.bincount(3 * y + x, minlength=9)
        areas = np.histogram(boxes.area(some), np.geomspace(100, 300**2 + 1, 8))[0]
        shapes = np.histogram(np.log2(sides(some)[:, 0] / sides(some)[:, 1]), np.arange(-3.5, 4))[0]
        return np.concatenate([places, areas, shapes]) / len(some)

    np.testing.assert_allclose(spread(first), spread(found), atol=0.03)


@pytest.mark.parametrize(
    ("key", "value"),
    [("scales", ()), ("scales", (0.0,)), ("ratios", ()), ("ratios", (-1.0,)), ("stride", 0.0)],
)
def test_settings_are_bounded(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        AnchorGridSettings(**{key: value})

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework import Env, Frame, boxes
from cs_ridge_texture.embedder import RidgeTexture
from cs_ridge_texture.settings import Settings


def noise(size: tuple[int, int] = (60, 80), seed: int = 0) -> Frame:
    grey = np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)
    return Frame(np.dstack([cv2.GaussianBlur(grey, (0, 0), 1.5)] * 3), f"noise{seed}")


def line(angle: float) -> Frame:
    """A dark line through the middle of (100, 100) at `angle` degrees from x towards y."""
    grey = np.full((100, 100), 150, np.uint8)
    reach = 60 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    start, end = (50 - reach).round().astype(int), (50 + reach).round().astype(int)
    cv2.line(grey, start.tolist(), end.tolist(), 60, 3)
    return Frame(np.dstack([grey] * 3), "line")


def embed(frame: Frame, found: object, **options: object) -> np.ndarray:
    return RidgeTexture(Settings(**options), Env()).embed([(frame, boxes.as_boxes(found))])[0]


random_boxes = st.lists(
    st.tuples(st.floats(0, 70), st.floats(0, 50), st.floats(0.5, 80), st.floats(0.5, 60)), max_size=6
).map(lambda items: boxes.clip(boxes.from_xywh(items), (60, 80)))


@pytest.mark.parametrize(("scales", "dim"), [((2.0,), 337), ((1.5, 3.0, 6.0), 571)])
def test_dimension_is_the_documented_one(scales: tuple[float, ...], dim: int) -> None:
    assert RidgeTexture(Settings(sigmas=scales), Env()).dim == dim
    assert embed(noise(), [(3, 4, 30, 20)], sigmas=scales).shape == (1, dim)


@settings(max_examples=20, deadline=None)
@given(random_boxes)
def test_figures_are_finite_and_of_order_one(found: np.ndarray) -> None:
    vectors = embed(noise(), found)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(found), 571)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors).max(initial=0) < 12


def test_a_batch_gives_what_its_frames_give_alone() -> None:
    embedder = RidgeTexture(Settings(), Env())
    batch = [
        (noise(), boxes.as_boxes([(3, 4, 30, 20), (0, 0, 80, 60)])),
        (noise((30, 20), seed=1), boxes.as_boxes([])),
        (noise((30, 20), seed=2), boxes.as_boxes([(1, 2, 3, 4)])),
    ]
    together = embedder.embed(batch)
    assert embedder.embed([]) == []
    for item, vectors in zip(batch, together, strict=True):
        assert np.array_equal(embedder.embed([item])[0], vectors)
    first, second = batch[0][1]
    assert np.array_equal(np.concatenate([embed(noise(), first), embed(noise(), second)]), together[0])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (200, 300)])
def test_flat_and_tiny_frames(size: tuple[int, int]) -> None:
    flat = Frame(np.full((*size, 3), 77, np.uint8), "flat")
    vectors = embed(flat, [(0, 0, 1, 1), (0, 0, size[1], size[0])])
    assert np.isfinite(vectors).all()
    # Nothing lies in a flat frame, so boxes differ in their geometry alone, the last ten figures.
    assert np.array_equal(vectors[0, :-10], vectors[1, :-10])


def test_boxes_at_the_border_have_nothing_new_beyond_it() -> None:
    figures = embed(noise(), [(0, 10, 30, 40), (10, 10, 40, 40)])[:, : 14 * 39].reshape(2, 14, 39)
    assert not figures[0, 10].any()  # the strip on the left
    assert figures[1, 10].all()


@settings(max_examples=10, deadline=None)
@given(gain=st.floats(0.5, 1.4), level=st.integers(-5, 30))
def test_gain_and_level_of_the_light_hardly_matter(gain: float, level: int) -> None:
    grey = cv2.GaussianBlur(np.random.default_rng(0).normal(100, 120, (60, 80)), (0, 0), 2)
    frames = [
        Frame(np.dstack([np.clip(plane, 0, 255).round().astype(np.uint8)] * 3), "light")
        for plane in (grey, 100 + level + gain * (grey - 100))
    ]
    found = [(3, 4, 30, 20), (20, 10, 60, 50), (0, 0, 80, 60)]
    assert np.abs(embed(frames[0], found) - embed(frames[1], found)).max() < 0.25


@pytest.mark.parametrize(
    ("angle", "cos2", "sin2"), [(0, 1, 0), (45, 0, 1), (90, -1, 0), (135, 0, -1), (22.5, 0.707, 0.707)]
)
def test_direction_of_a_line(angle: float, cos2: float, sin2: float) -> None:
    direction = embed(line(angle), [(20, 20, 80, 80)], sigmas=(2.0,))[0, -15:-10]
    length = np.hypot(direction[0], direction[1])
    assert np.allclose(direction[:2] / length, (cos2, sin2), atol=0.12)
    assert direction[2] == pytest.approx(length, abs=1e-5)
    assert length > 0.6
    # A square's diagonals lie at 45 and 135 degrees.
    assert direction[3] == pytest.approx(direction[1], abs=1e-5)
    assert direction[4] == pytest.approx(-direction[1], abs=1e-5)


def test_a_long_box_lies_along_its_line() -> None:
    found = [(20, 45, 80, 55), (45, 20, 55, 80)]
    along, across = embed(line(0), found, sigmas=(2.0,))[:, -15:-10][:, 3]
    assert along > 0.5 > -0.5 > across


def test_a_string_that_goes_on_shows_in_the_strips() -> None:
    grey = np.full((100, 160), 150, np.uint8)
    cv2.line(grey, (40, 50), (120, 50), 60, 3)
    dark = 1  # of the maps of the first scale
    figures = embed(
        Frame(np.dstack([grey] * 3), "line"),
        [(34, 44, 126, 56), (60, 44, 100, 56)],
        sigmas=(2.0,),
        line_lengths=(),
    )
    figures = figures[:, : 14 * 11].reshape(2, 14, 11)[..., dark]
    whole, piece = figures
    left, right, above, below = piece[10:]
    assert min(left, right) > -0.2
    assert max(above, below) < -1
    assert whole[10:].max() < -1


def test_inputs_are_left_alone() -> None:
    frame, found = noise(), boxes.as_boxes([(3, 4, 30, 20)])
    image, before = frame.image.copy(), found.copy()
    embed(frame, found)
    assert np.array_equal(frame.image, image)
    assert np.array_equal(found, before)


@pytest.mark.parametrize("sigmas", [(), (0.0,), (1.0,) * 9])
def test_settings_are_bounded(sigmas: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="sigmas"):
        Settings(sigmas=sigmas)

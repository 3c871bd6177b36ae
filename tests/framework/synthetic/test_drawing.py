"""Drawn scenes: pairs that nothing but strings tells apart, with masks that hold together."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cs_framework.synthetic import Scene, draw_scene
from cs_framework.synthetic.drawing.anatomy import STAGES, WITH_CAVITY

seeds = st.integers(0, 2**32)


def scene(seed: int, *more: int, **choices: object) -> Scene:
    return draw_scene(np.random.default_rng([seed, *more]), **{"size": 128, **choices})


def grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1,) * 2)
    return cv2.dilate(mask.astype(np.uint8), disc) > 0


@settings(max_examples=10)
@given(seeds)
def test_the_same_generator_draws_the_same_bytes(seed: int) -> None:
    one, other = scene(seed), scene(seed)
    for name in ("plain", "image", "inside", "zona", "cavity", "mass", "strings", "boxes"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert (one.embryo, one.stage) == (other.embryo, other.stage)


@settings(max_examples=40)
@given(seeds)
def test_masks_and_boxes_hold_together(seed: int) -> None:
    drawn = scene(seed)
    assert drawn.plain.shape == drawn.image.shape == drawn.strings.shape == (128, 128)
    assert drawn.plain.dtype == drawn.image.dtype == np.uint8
    assert not (drawn.cavity & drawn.mass).any()
    assert not (drawn.zona & drawn.inside).any()
    assert not (drawn.cavity & ~drawn.inside).any()
    assert drawn.strings.max() <= len(drawn.boxes)
    for number, (x1, y1, x2, y2) in enumerate(drawn.boxes, start=1):
        rows, columns = np.nonzero(drawn.strings == number)  # crossed all along, it may have no pixel left
        assert 0 <= x1 < x2 <= 128
        assert 0 <= y1 < y2 <= 128
        assert ((x1 <= columns) & (columns < x2) & (y1 <= rows) & (rows < y2)).all()


@settings(max_examples=40)
@given(seeds, st.sampled_from(WITH_CAVITY))
def test_strings_lie_in_the_cavity_and_nothing_else_differs(seed: int, stage: str) -> None:
    drawn = scene(seed, stage=stage)
    seen = drawn.strings > 0
    assert not (seen & ~grown(drawn.cavity, 10)).any()
    # Blur, sharpening, resampling and the blocks of JPEG carry a string's change that far.
    assert not ((drawn.plain != drawn.image) & ~grown(seen, 60)).any()
    if not len(drawn.boxes):
        assert drawn.plain is drawn.image


@pytest.mark.parametrize("stage", sorted(set(STAGES) - set(WITH_CAVITY)))
def test_without_a_cavity_there_are_no_strings(stage: str) -> None:
    for seed in range(5):
        drawn = scene(seed, stage=stage)
        assert drawn.stage == stage
        assert not drawn.cavity.any()
        assert not drawn.strings.any()
        assert drawn.plain is drawn.image


def test_strings_may_be_left_out() -> None:
    drawn = scene(3, stage="full", with_strings=False)
    assert drawn.plain is drawn.image
    assert len(drawn.boxes) == 0


def test_most_blastocysts_hold_strings_that_show() -> None:
    drawn = [scene(1, number, stage="full", view="embryo") for number in range(30)]
    with_strings = [one for one in drawn if len(one.boxes)]
    assert len(with_strings) >= 22
    for one in with_strings:
        change = np.abs(one.image.astype(float) - one.plain)
        masks = [one.strings == number for number in range(1, len(one.boxes) + 1)]
        assert max(change[mask].mean() for mask in masks if mask.any()) > 3


def test_strings_cross_the_open_cavity() -> None:
    drawn = [scene(2, number, stage="full", view="embryo") for number in range(30)]
    away = [
        np.median(cv2.distanceTransform(one.cavity.astype(np.uint8), cv2.DIST_L2, 3)[one.strings == number])
        / one.embryo[2]
        for one in drawn
        for number in range(1, len(one.boxes) + 1)
        if (one.strings == number).any()
    ]
    assert np.median(away) > 0.08


@pytest.mark.parametrize(
    ("view", "share"), [("embryo", (0.3, 0.46)), ("frame", (0.28, 0.45)), ("raw", (0.17, 0.28))]
)
def test_views_show_the_embryo_at_their_scale(view: str, share: tuple[float, float]) -> None:
    for seed in range(5):
        x, y, radius = scene(seed, view=view).embryo
        assert share[0] * 128 <= radius <= share[1] * 128
        assert abs(x - 64) <= 0.16 * 128
        assert abs(y - 64) <= 0.16 * 128


def test_exposure_reaches_from_nearly_black_to_bright() -> None:
    means = [
        float(drawn.plain[drawn.inside].mean()) for drawn in (scene(5, n, view="embryo") for n in range(80))
    ]
    assert min(means) < 25
    assert max(means) > 140
    assert 50 < np.median(means) < 120

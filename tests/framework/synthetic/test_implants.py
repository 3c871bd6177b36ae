"""Strings drawn into string-free frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework import Frame, cavity, implant
from cs_framework.synthetic import render_embryo


def _frame(size: int = 200, seed: int = 3) -> Frame:
    """A frame of the one embryo of five that never has a string."""
    image = next(iter(render_embryo(seed, 3, 4, size))).image
    return Frame(np.dstack([image] * 3), "embryo3_000.png", "embryo3", 0)


FRAME = _frame()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_a_string_changes_the_frame_where_its_box_is(seed: int) -> None:
    done = implant(FRAME, np.random.default_rng(seed))
    assert 1 <= len(done.boxes) <= 3
    assert done.frame.id == FRAME.id
    assert done.mask.any()
    height, width = FRAME.size
    rows, columns = np.nonzero(done.mask)
    inside = np.zeros(FRAME.size, bool)
    for x1, y1, x2, y2 in done.boxes:
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        inside[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))] = True
    assert inside[rows, columns].all()
    changed = np.abs(done.frame.image.astype(int) - FRAME.image).max(axis=2)
    assert changed[done.mask].mean() > 3


def test_strings_lie_in_the_embryo() -> None:
    embryo = FRAME.embryo
    assert embryo.found
    for seed in range(20):
        done = implant(FRAME, np.random.default_rng(seed))
        rows, columns = np.nonzero(done.mask)
        assert np.hypot(columns - embryo.x, rows - embryo.y).max() <= embryo.radius


def test_the_same_seed_gives_the_same_frame_and_another_another() -> None:
    first, again, other = (implant(FRAME, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first.frame.image, again.frame.image)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.frame.image, other.frame.image)


def test_look_alikes_alone_are_not_marked() -> None:
    done = implant(FRAME, np.random.default_rng(1), strings=0)
    assert not np.array_equal(done.frame.image, FRAME.image)
    assert done.boxes.shape == (0, 4)
    assert not done.mask.any()


def test_strings_are_brighter_or_darker_than_what_lies_beside_them() -> None:
    changes = []
    for seed in range(40):
        done = implant(FRAME, np.random.default_rng(seed), strings=1)
        changes.append((done.frame.image.astype(int) - FRAME.image)[done.mask].mean())
    assert 0.3 < np.mean(np.array(changes) < 0) < 0.95
    assert np.median(np.abs(changes)) > 5


@pytest.mark.parametrize("circle", [(0.5, 0.5, 0.001), (1, 1, 0.002), (0.5, 0.5, 0.003)])
def test_embryos_that_a_user_gives_too_small(circle: tuple[float, float, float]) -> None:
    frame = Frame(FRAME.image, "f", circle=circle)
    assert cavity(frame) == 0
    assert implant(frame, np.random.default_rng(0)).frame.size == FRAME.size


def test_nearly_every_string_can_be_seen_even_in_tiny_frames() -> None:
    image = np.random.default_rng(0).integers(90, 140, (16, 16, 3)).astype(np.uint8)
    seen = [len(implant(Frame(image, "f"), np.random.default_rng(seed), 1).boxes) for seed in range(100)]
    assert np.mean(seen) > 0.98


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (16, 16), (300, 17)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    done = implant(Frame(image, "small.png"), np.random.default_rng(0))
    assert done.frame.size == size
    assert (image == 90).all()
    if min(size) < 16:
        assert len(done.boxes) == 0


def test_colours_change_alike() -> None:
    image = FRAME.image.copy()
    image[..., 0] //= 2
    done = implant(Frame(image, "colour.png"), np.random.default_rng(2))
    change = done.frame.image.astype(int) - image
    assert np.array_equal(change[..., 1], change[..., 2])


@pytest.mark.parametrize("turned", [False, True])
def test_strings_run_across_oblique_light(turned: bool) -> None:
    rng = np.random.default_rng(0)
    stripes = np.cumsum(rng.normal(0, 6, 300))
    image = np.clip(120 + np.tile(stripes[:, None], (1, 300)) + rng.normal(0, 2, (300, 300)), 0, 255)
    plane = image.T if turned else image  # all gradients point up or down, or all to the sides
    frame = Frame(np.repeat(plane[..., None], 3, axis=2).astype(np.uint8), "lit.png")
    along = []
    for seed in range(40):
        x1, y1, x2, y2 = implant(frame, np.random.default_rng(seed), strings=1).boxes[0]
        along.append((x2 - x1) > (y2 - y1))
    assert np.mean(along) < 0.2 if turned else np.mean(along) > 0.8


def test_a_cavity_is_clearer_than_cells() -> None:
    y, x = np.mgrid[:200, :200] - 100
    radius = np.hypot(x, y)
    rough = np.random.default_rng(0).normal(0, 30, (200, 200))
    cells = np.where(radius < 70, rough, 0)
    opened = np.where((radius < 70) & (radius > 40), rough, np.where(radius <= 40, rough / 10, 0))

    def clarity(change: np.ndarray) -> float:
        grey = np.clip(120 + change, 0, 255).astype(np.uint8)
        return cavity(Frame(np.dstack([grey] * 3), "f", circle=(0.5, 0.5, 0.35)))

    assert clarity(cells) < 0.3
    assert clarity(opened) > 0.8
    assert clarity(opened * 0.5) == pytest.approx(clarity(opened), abs=0.05), "whatever the contrast"
    assert clarity(0 * cells) == 0, "nothing at all is no cavity"


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (15, 15), (300, 40)])
def test_clarity_of_frames_of_any_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert 0 <= cavity(Frame(image, "f")) <= 1


def test_strings_keep_to_the_cavity_where_it_is_known() -> None:
    where = np.zeros(FRAME.size, bool)
    where[:, : FRAME.size[1] // 2] = True

    def share(**given: object) -> float:
        masks = [implant(FRAME, np.random.default_rng(seed), 1, **given).mask for seed in range(20)]
        return float(np.mean([mask[where].sum() / mask.sum() for mask in masks]))

    assert share(where=where) > share() + 0.1

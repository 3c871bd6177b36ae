from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from cs_framework import Scene, draw_scene
from cs_implant_net.drawing import (
    Drawn,
    both_sides,
    earlier_sides,
    implanted_sides,
    turn,
    vary,
)

SIZE = 96


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A drawn embryo with strings and room for more."""
    drawn = (draw_scene(np.random.default_rng(n), SIZE, view="embryo", stage="expanded") for n in range(30))
    return next(one for one in drawn if one.strings.any() and (one.cavity & ~one.mass).mean() > 0.15)


def changed(pair: list[Drawn]) -> np.ndarray:
    return np.abs(pair[1].plane.astype(int) - pair[0].plane)


def test_both_sides_of_a_drawn_embryo_are_those_of_the_generator(scene):
    plain, strung = both_sides(scene)
    np.testing.assert_array_equal(plain.plane, scene.plain)
    np.testing.assert_array_equal(strung.plane, scene.image)
    assert not plain.mask.any()
    np.testing.assert_array_equal(strung.mask > 0, scene.strings > 0)
    cavity, mass = plain.places
    assert not (cavity & mass).any()
    np.testing.assert_array_equal(mass > 0, scene.mass)


def test_a_drawn_embryo_without_strings_has_one_side():
    scene = draw_scene(np.random.default_rng(0), SIZE, view="embryo", stage="cleavage")
    for sides in (both_sides(scene), implanted_sides(scene, np.random.default_rng(0))):
        assert len(sides) == 1
        assert not sides[0].mask.any()


def test_strings_alone_tell_the_sides_of_an_implanted_embryo_apart(scene):
    pair = implanted_sides(scene, np.random.default_rng(3))
    assert len(pair) == 2
    near = cv2.dilate(pair[1].mask, np.ones((25, 25), np.uint8)) > 0
    assert changed(pair)[pair[1].mask > 0].mean() > 3
    assert changed(pair)[~near].max() <= 1, "the look-alikes are the same"
    assert not np.array_equal(pair[0].plane, scene.plain), "there are look-alikes"


def test_frames_of_the_first_generator_come_in_pairs_under_the_same_conditions():
    sides = earlier_sides(SIZE, np.random.default_rng(1))
    pairs = [(one, other) for one, other in pairwise(sides) if other.mask.any()]
    assert len(pairs) >= 3
    for plain, strung in pairs:
        assert not plain.mask.any()
        assert strung.places is None, "the first generator does not say where the cavity is"
        far = cv2.dilate(strung.mask, np.ones((31, 31), np.uint8)) == 0
        assert np.median(changed([plain, strung])[far]) == 0


def test_turns_keep_everything_in_its_place(scene):
    strung = both_sides(scene)[1]
    marked = sorted(strung.plane[strung.mask > 0])
    seen = set()
    for seed in range(40):
        turned = turn(strung, np.random.default_rng(seed))
        assert sorted(turned.plane[turned.mask > 0]) == marked
        np.testing.assert_array_equal(turned.places.sum(axis=(1, 2)), strung.places.sum(axis=(1, 2)))
        seen.add(turned.plane.tobytes())
    assert len(seen) == 8


@pytest.mark.parametrize("seed", range(8))
def test_varied_views_are_of_the_same_kind_and_the_generator_decides(scene, seed):
    plain = both_sides(scene)[0]
    one, again = (vary(plain, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one.plane, again.plane)
    assert one.plane.dtype == np.uint8
    assert one.plane.shape == (SIZE, SIZE)
    assert set(np.unique(one.inside)) <= {0, 1}

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework.synthetic.strings import REACH, STEP, StringStyle, arc, draw_string, mask_box

SIZE = (60, 80)
place = st.tuples(st.floats(-20, 100), st.floats(-20, 80))
styles = st.builds(
    StringStyle,
    contrast=st.floats(0.5, 60),
    width=st.floats(0.5, 8),
    blur=st.floats(0, 2),
    polarity=st.sampled_from((-1, 1)),
    relief=st.just(0.0),
)


def distance_to(curve):
    """Distance of every pixel's middle to a polyline, segment by segment."""
    ys, xs = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    pixels = np.stack([xs, ys], axis=-1)
    nearest = np.full(SIZE, np.inf)
    for a, b in pairwise(curve):
        along = b - a
        share = np.clip((pixels - a) @ along / max(along @ along, 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(pixels - a - share[..., None] * along, axis=-1))
    return nearest


@settings(max_examples=60)
@given(place, place, st.floats(-0.4, 0.4), styles)
def test_a_string_changes_its_neighbourhood_only_and_in_its_direction(start, end, sag, style):
    image = np.linspace(0, 255, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE)
    before, curve = image.copy(), arc(start, end, sag, points=9)
    drawn = draw_string(image, curve, style)
    assert np.array_equal(image, before)
    change = drawn.image - image
    assert (change * style.polarity >= 0).all()
    assert np.abs(change).max() <= style.contrast + 1e-3
    away = distance_to(curve)
    assert not change[away > REACH * style.sigma + 1e-3].any()
    half = style.sigma * np.sqrt(2 * np.log(2))  # half width at half maximum
    assert drawn.mask[np.hypot(away, STEP) < half - 1e-3].all()
    assert not drawn.mask[away > half + 1e-3].any()


@given(place, place, st.floats(-0.4, 0.4), styles)
def test_the_box_bounds_the_mask(start, end, sag, style):
    drawn = draw_string(np.zeros(SIZE, np.float32), arc(start, end, sag), style)
    if not drawn.mask.any():
        assert not drawn.box.any()
        return
    x1, y1, x2, y2 = drawn.box.astype(int)
    inside = drawn.mask[y1:y2, x1:x2]
    assert inside.sum() == drawn.mask.sum()
    assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


def test_the_cross_section_has_the_contrast_and_width_that_were_asked_for():
    style = StringStyle(contrast=20, width=4, blur=1.5, polarity=1)
    drawn = draw_string(np.full((81, 40), 100, np.float32), [(-10, 40.5), (50, 40.5)], style)
    section = drawn.image[:, 20] - 100
    offsets = np.arange(81) - 40.0
    assert section.max() == pytest.approx(20, abs=0.1)
    assert np.sqrt((section * offsets**2).sum() / section.sum()) == pytest.approx(
        np.hypot(4 / np.sqrt(8 * np.log(2)), 1.5), rel=0.01
    )


def test_relief_lights_the_flank_that_faces_the_light():
    style = StringStyle(contrast=20, width=3, relief=1, light=np.pi / 2)
    flat = StringStyle(contrast=20, width=3)
    canvas, curve = np.zeros((41, 41), np.float32), [(-10, 20.5), (60, 20.5)]
    gain = draw_string(canvas, curve, style).image - draw_string(canvas, curve, flat).image
    assert (gain[21:26, 20] > 0).all()  # the light comes from below: y points down
    np.testing.assert_allclose(gain[21:26, 20], -gain[19:14:-1, 20], atol=1e-3)
    across = draw_string(canvas, [(20.5, -10), (20.5, 60)], style).image
    np.testing.assert_allclose(across, draw_string(canvas, [(20.5, -10), (20.5, 60)], flat).image, atol=0.2)


def test_strength_scales_the_contrast_along_the_curve():
    style = StringStyle(contrast=20, width=3, polarity=1)
    drawn = draw_string(np.zeros((41, 101), np.float32), [(0, 20.5), (101, 20.5)], style, [0, 1])
    np.testing.assert_allclose(
        drawn.image[20, [10, 50, 90]], 20 * np.array([10.5, 50.5, 90.5]) / 101, atol=0.1
    )


def test_an_arc_meets_its_anchors_and_sags_by_shares_of_its_chord():
    curve = arc((10, 10), (50, 10), 0.1)
    np.testing.assert_allclose(curve[[0, -1]], [(10, 10), (50, 10)])
    np.testing.assert_allclose(curve[16], (30, 14))


@pytest.mark.parametrize(("curve", "strength"), [([(1, 1)], None), ([(1, 1), (2, 2)], [1])])
def test_a_curve_that_cannot_be_drawn_is_refused(curve, strength):
    with pytest.raises(ValueError, match="two points"):
        draw_string(np.zeros((9, 9), np.float32), curve, StringStyle(contrast=5, width=2), strength)


def test_an_empty_mask_has_an_empty_box():
    assert mask_box(np.zeros((4, 4), bool)).tolist() == [0, 0, 0, 0]


def test_a_hollow_string_is_a_band_between_two_parallel_edges():
    style = StringStyle(contrast=20, width=8, blur=0.5, polarity=1, hollow=1)
    drawn = draw_string(np.zeros((60, 80)), [(20, 30), (60, 30)], style)
    profile = drawn.image[:, 40]
    above, below = profile[:30].argmax(), 30 + profile[30:].argmax()
    assert 7 <= below - above <= 9
    assert profile[30] < 0.1 * profile.max()
    np.testing.assert_allclose(profile, profile[::-1], atol=1e-4)
    assert drawn.mask[above : below + 1, 40].all()


def test_a_hollow_string_changes_nothing_beyond_its_reach():
    style = StringStyle(contrast=20, width=6, blur=1.0, relief=0.5, hollow=0.7)
    drawn = draw_string(np.zeros((60, 80)), [(20, 30), (60, 30)], style)
    rows = np.flatnonzero(drawn.image.any(axis=1)) + 0.5
    assert np.abs(rows - 30).max() <= style.reach

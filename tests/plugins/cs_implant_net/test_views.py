from __future__ import annotations

import numpy as np
import pytest

from cs_framework import Frame
from cs_implant_net.drawing import as_frame, draw, vary
from cs_implant_net.filter import Marks
from cs_implant_net.views import View


@pytest.mark.parametrize("circle", [(0.5, 0.5, 0.3), (0.15, 0.8, 0.4), (0.5, 0.5, 0.9)], ids=str)
def test_boxes_and_maps_of_a_view_find_back_to_the_frame(circle):
    image = np.zeros((200, 240, 3), np.uint8)
    image[90:130, 60:110] = 200
    view = View.of(Frame(image, "x.png", circle=circle), 96)
    back = view.to_frame(view.plane.astype(np.float32))
    box = np.argwhere(view.plane > 100)
    (top, left), (bottom, right) = box.min(axis=0), box.max(axis=0) + 1
    marks = Marks(view, np.zeros((96, 96), np.float32))
    found = marks.to_frame(np.array([[left, top, right, bottom]], np.float32))[0]
    x, y, side = *view.corner, view.side
    expected = np.clip([60, 90, 110, 130], [x, y, x, y], [x + side, y + side] * 2)
    pixel = side / 96
    np.testing.assert_allclose(found, expected, atol=pixel)
    shown = back[max(y, 0) : y + side, max(x, 0) : x + side]
    truth = image[max(y, 0) : y + side, max(x, 0) : x + side, 0]
    assert np.abs(shown - truth).mean() < 4
    assert back.shape == (200, 240)


def test_a_view_is_cut_around_the_embryo_and_knows_where_it_is(make_frame):
    view = View.of(make_frame(size=(300, 300), circle=(0.3, 0.5, 0.2)), 64)
    assert view.side == pytest.approx(2 * 1.12 * 60, abs=1)
    assert view.corner == pytest.approx((90 - 1.12 * 60, 150 - 1.12 * 60), abs=1)
    inside = as_frame(view, "view").embryo.mask
    assert (inside == view.inside).mean() > 0.97
    assert view.inside.mean() == pytest.approx(np.pi / 4 / 1.12**2, abs=0.02)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (90, 50)])
def test_without_an_embryo_all_of_the_frame_is_seen(size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    frame = Frame(image, "x.png")
    assert not frame.embryo.found
    view = View.of(frame, 32)
    assert view.side == max(size)
    assert view.plane.shape == (32, 32)
    assert view.inside.mean() == pytest.approx(min(size) / max(size), abs=0.05)


def test_drawings_are_decided_by_the_generator_and_bolder_when_told(make_frame):
    view = View.of(make_frame(), 96)
    frame = as_frame(view, "x")

    def drawn(**more):
        return draw(frame, view.inside, np.random.default_rng(3), "strings", **more)

    once, again, bold = drawn(), drawn(), drawn(boldness=3.0)
    np.testing.assert_array_equal(once.plane, again.plane)
    np.testing.assert_array_equal(once.mask, bold.mask)
    assert once.mask.any()
    change, bolder = (np.abs(one.plane.astype(float) - view.plane)[once.mask > 0] for one in (once, bold))
    assert np.median(bolder / np.maximum(change, 1)) > 2
    others = {
        what: draw(frame, view.inside, np.random.default_rng(3), what) for what in ("look-alikes", "nothing")
    }
    assert not any(other.mask.any() for other in others.values())
    assert (others["look-alikes"].plane != view.plane).any()
    np.testing.assert_array_equal(others["nothing"].plane, view.plane)


def test_variations_move_plane_and_mask_alike():
    plane = np.full((96, 96), 90, np.uint8)
    plane[30:60, 40:50] = 200
    mask = (plane > 100).astype(np.uint8)
    from cs_implant_net.drawing import Drawn

    for seed in range(20):
        varied = vary(Drawn(plane, mask, np.ones_like(mask)), np.random.default_rng(seed))
        assert varied.mask.sum() > 50
        inner = varied.plane[varied.mask > 0].mean()
        outer = varied.plane[(varied.mask == 0) & (varied.inside > 0)].mean()
        assert inner - outer > 30

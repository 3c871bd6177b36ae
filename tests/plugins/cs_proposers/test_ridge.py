from __future__ import annotations

import cv2
import numpy as np
import pytest

from cs_framework import Env, Frame, boxes
from cs_proposers.ridge import Ridge
from cs_proposers.settings import RidgeSettings

CIRCLE = (0.5, 0.5, 0.45)


def frame_with_line(
    start: tuple[int, int] = (60, 80),
    end: tuple[int, int] = (140, 95),
    *,
    size: tuple[int, int] = (180, 200),
    level: int = 165,
    cross: bool = False,
) -> Frame:
    """A line of 3 px in soft noise, and perhaps another across it."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 12, size).astype(np.float32), (0, 0), 2)
    grey = np.clip(120 + noise, 0, 255).astype(np.uint8)
    cv2.line(grey, start, end, level, 3)
    if cross:
        cv2.line(grey, (100, 40), (100, 140), level, 3)
    return Frame(np.dstack([grey] * 3), "line", circle=CIRCLE)


def propose(frame: Frame, **settings: object) -> np.ndarray:
    return Ridge(RidgeSettings(**settings), Env()).propose(frame)


@pytest.mark.parametrize("level", [165, 75], ids=["bright", "dark"])
@pytest.mark.parametrize("end", [(140, 95), (75, 140), (130, 140)])
def test_a_line_gets_a_box_among_the_first(level: int, end: tuple[int, int]) -> None:
    truth = boxes.as_boxes([(59, 79, end[0] + 2, end[1] + 2)])
    found = propose(frame_with_line(end=end, level=level))
    assert boxes.iou(found[:20], truth).max() > 0.6


def test_lines_that_cross_are_told_apart_by_their_directions() -> None:
    frame = frame_with_line(cross=True)
    truth = boxes.as_boxes([(59, 79, 142, 97), (98, 39, 103, 142)])
    apart = boxes.iou(propose(frame), truth).max(axis=0)
    together = boxes.iou(propose(frame, directions=0), truth).max(axis=0)
    assert (apart > 0.5).all()
    assert (together < apart).any()


def test_nothing_is_found_off_the_embryo() -> None:
    line = frame_with_line((5, 20), (5, 160))
    truth = boxes.as_boxes([(3, 19, 8, 162)])
    assert boxes.iou(propose(line), truth).max(initial=0) < 0.2
    everywhere = Frame(line.image, "line", circle=(0.5, 0.5, 1.0))
    assert boxes.iou(propose(everywhere), truth).max() > 0.5


def test_larger_frames_are_searched_smaller_and_boxes_scaled_back() -> None:
    small = frame_with_line(size=(200, 200))
    large = Frame(cv2.resize(small.image, None, fx=3, fy=3), "large", circle=CIRCLE)
    best = boxes.iou(propose(small)[:50], propose(large) / 3).max(axis=1)
    assert np.median(best) > 0.8


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (300, 2), (40, 30)])
@pytest.mark.parametrize("circle", [None, CIRCLE, (0.02, 0.02, 0.01)])
def test_small_and_constant_frames_hold_no_line(
    size: tuple[int, int], circle: tuple[float, float, float] | None
) -> None:
    assert propose(Frame(np.full((*size, 3), 80, np.uint8), "flat", circle=circle)).shape == (0, 4)


def test_short_pieces_are_left_out() -> None:
    found = propose(frame_with_line(), min_length=0.3, widths=(0.01,))
    assert len(found)
    margin = 0.01 * 162
    assert (found[:, 2:] - found[:, :2]).max(axis=1).min() >= 0.3 * 162 + margin - 1e-3  # one may be cut


@pytest.mark.parametrize(
    ("key", "value"),
    [("widths", ()), ("widths", (0.0,)), ("levels", (1.0,)), ("directions", -1), ("min_length", 2.0)],
)
def test_settings_are_bounded(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        RidgeSettings(**{key: value})

from __future__ import annotations

import cv2
import numpy as np

from cs_framework import Detection, Frame, boxes
from cs_framework.outputs import overlays


def frame(height: int = 500, width: int = 500) -> Frame:
    return Frame(np.full((height, width, 3), 120, np.uint8), "f")


def test_a_box_never_hides_what_it_marks():
    detection = Detection("f", (200.0, 210.0, 260.0, 240.0), 0.5, 0.5, 0.5, 0)
    picture = overlays.draw(frame(), (detection,), annotated=boxes.as_boxes([(205, 215, 255, 235)]))
    assert (picture[217:233, 207:253] == 120).all(), "the inside of the boxes is as it was"
    assert (picture == overlays.DETECTED).all(axis=2).any()
    assert (picture == overlays.ANNOTATED).all(axis=2).any()


def test_a_caption_has_a_dark_rim_all_round():
    white = Frame(np.full((500, 500, 3), 255, np.uint8), "f")
    picture = overlays.draw(white, (Detection("f", (200.0, 210.0, 260.0, 240.0), 0.46, 0.5, 0.5, 0),))[:203]
    ink = (picture[..., 0] > 180) & (picture[..., 2] < 60)
    assert ink.sum() > 50
    beside = cv2.dilate(ink.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not (picture[beside] > 230).all(axis=1).any()


def test_every_box_has_a_dark_rim_so_that_no_vision_misses_it_on_grey():
    picture = overlays.draw(frame(), proposals=boxes.as_boxes([(200, 210, 260, 240)]))
    line = (picture == overlays.PROPOSED).all(axis=2)[:, 230]
    above, below = np.flatnonzero(line)
    assert (picture[[above - 1, below + 1], 205:255] == 0).all()
    assert (picture[210:240, 200:260] == 120).all()


def test_lines_are_still_seen_when_a_large_picture_is_looked_at_in_small():
    detection = Detection("f", (800.0, 800.0, 1200.0, 1120.0), 0.5, 0.5, 0.5, 0)
    picture = overlays.draw(frame(2400, 2400), (detection,))
    small = cv2.resize(picture, (600, 600), interpolation=cv2.INTER_AREA)
    assert (np.abs(small[190:200, 250].astype(int) - overlays.DETECTED).max(axis=1) < 60).any()
    assert (picture[800:1120, 800:1200] == 120).all()


def test_the_frame_itself_stays_as_it_is():
    original = frame()
    overlays.draw(original, proposals=boxes.as_boxes([(0, 0, 500, 500)]))
    assert (original.image == 120).all()


def test_small_frames_are_enlarged_and_a_single_pixel_is_drawn():
    assert min(overlays.draw(frame(100, 120)).shape[:2]) >= 480
    assert overlays.draw(frame(1, 1)).shape == (1, 1, 3)


def test_a_crop_holds_at_least_one_pixel():
    assert overlays.crop(frame(), (499.9, 10.2, 500.0, 12.0)).shape == (2, 1, 3)
    assert overlays.crop(frame(), (10.5, 10.0, 12.5, 12.0)).shape == (2, 3, 3)


def test_a_box_as_large_as_the_frame_shows_all_four_edges():
    picture = overlays.draw(frame(), annotated=boxes.as_boxes([(0, 0, 500, 500)]))
    line = (picture == overlays.ANNOTATED).all(axis=2)
    assert line[1, 10:-10].all()
    assert line[-2, 10:-10].all()
    assert line[10:-10, 1].all()
    assert line[10:-10, -2].all()


def test_corners_point_outwards_and_are_the_strong_part():
    detection = Detection("f", (200.0, 200.0, 300.0, 280.0), 0.5, 0.5, 0.5, 0)
    line = (overlays.draw(frame(), (detection,)) == overlays.DETECTED).all(axis=2)
    assert line[195:202, 201:215].any(axis=1).sum() == 2, "two pixels near a corner"
    assert line[195:202, 245:255].any(axis=1).sum() == 1, "one in the middle of a side"
    assert not line[200:280, 200:300].any()


def test_corners_never_meet():
    for box in ((0, 0, 8, 100), (5, 5, 400, 300)):
        for (a, _), (b, _), _ in overlays.corners(box):
            assert abs(a - b) <= (box[2] - box[0]) / 2

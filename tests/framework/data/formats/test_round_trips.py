"""Boxes survive every format, within the precision of its numbers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework.data.formats import coco, label_studio, voc, yolo
from cs_framework.data.formats.boxed import BoxedFrame

Trip = Callable[[Path, list[BoxedFrame]], list[BoxedFrame]]


def by_yolo(folder: Path, frames: list[BoxedFrame]) -> list[BoxedFrame]:
    (folder / "yolo").mkdir()
    yolo.write(folder / "yolo", frames)
    return yolo.read(folder / "yolo", {frame.name: frame.known_size for frame in frames})


def by_coco(folder: Path, frames: list[BoxedFrame]) -> list[BoxedFrame]:
    coco.write(folder / "a.json", frames)
    return coco.read(folder / "a.json")


def by_label_studio(folder: Path, frames: list[BoxedFrame]) -> list[BoxedFrame]:
    label_studio.write(folder / "b.json", frames)
    return label_studio.read(folder / "b.json")


def by_voc(folder: Path, frames: list[BoxedFrame]) -> list[BoxedFrame]:
    (folder / "voc").mkdir()
    voc.write(folder / "voc", frames)
    return voc.read(folder / "voc")


def by_way_of_coco(folder: Path, frames: list[BoxedFrame]) -> list[BoxedFrame]:
    once = by_coco(folder, by_yolo(folder, frames))
    (folder / "again").mkdir()
    return by_yolo(folder / "again", once)


@st.composite
def boxed_frames(draw: st.DrawFn) -> list[BoxedFrame]:
    names = draw(
        st.lists(
            st.sampled_from(["a.png", "b c.tif", "sub/a.png", "s.tif#0", "s.tif#1", "é/#/x.mp4#12"]),
            min_size=1,
            unique=True,
        )
    )
    frames = []
    for name in names:
        height, width = draw(st.integers(8, 5000)), draw(st.integers(8, 5000))
        corner = st.tuples(st.floats(-0.1, 0.9), st.floats(-0.1, 0.9), st.floats(0.11, 1), st.floats(0.11, 1))
        drawn = draw(st.lists(corner, max_size=4))
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in drawn]).reshape(-1, 4)
        frames.append(BoxedFrame(name, (height, width), boxes * [width, height, width, height]))
    return frames


@pytest.mark.parametrize(
    ("trip", "precision"),
    [(by_yolo, 1e-4), (by_coco, 1e-9), (by_label_studio, 1e-9), (by_voc, 0.0051), (by_way_of_coco, 1e-4)],
)
@given(frames=boxed_frames())
@settings(deadline=None, max_examples=40)
def test_round_trip(trip: Trip, precision: float, frames: list[BoxedFrame]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        back = {frame.name: frame for frame in trip(Path(folder), frames)}
    assert back.keys() == {frame.name for frame in frames}
    for frame in frames:
        np.testing.assert_allclose(back[frame.name].boxes, frame.boxes, rtol=0, atol=precision)
        if len(frame.boxes) or trip is not by_label_studio:  # a task without boxes does not tell its size
            assert back[frame.name].size == frame.size


def test_confidences_survive(tmp_path: Path) -> None:
    boxes = np.array([[1.0, 2, 30, 40], [5, 5, 9, 9]])
    frames = [BoxedFrame("a.png", (50, 60), boxes, np.array([0.25, 0.5]))]
    for trip in (by_coco, by_label_studio):
        (back,) = trip(tmp_path, frames)
        assert back.scores is not None
        assert back.scores.tolist() == [0.25, 0.5]


def test_a_coco_evaluator_takes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = np.array([[10.0, 10, 40, 30], [50, 10, 70, 90]])
    truth = [BoxedFrame("a.png", (100, 100), boxes), BoxedFrame("b.png", (100, 100), boxes[:1])]
    found = [
        BoxedFrame(frame.name, frame.size, frame.boxes, np.full(len(frame.boxes), 0.5)) for frame in truth
    ]
    coco.write(tmp_path / "truth.json", truth)
    coco.write(tmp_path / "found.json", found)
    reference, detections = COCO(tmp_path / "truth.json"), COCO(tmp_path / "found.json")
    evaluation = COCOeval_faster(
        reference,
        reference.loadRes(list(detections.anns.values())),
        iouType="bbox",
        print_function=lambda *_: None,
    )
    evaluation.run()
    assert evaluation.stats_as_dict["AP_all"] == pytest.approx(1)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework.api.boxes import from_yolo, to_yolo
from cs_framework.data.labels import LabelledFrame, read_yolo
from cs_framework.data.refs import FrameRef

REF = FrameRef("a.png", Path("a.png"))

sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))
# eighths of a pixel are exact in float32
spans = st.tuples(st.integers(0, 8 * 2999), st.integers(1, 8 * 500))


@st.composite
def boxes_in_frames(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int]]:
    size = height, width = draw(sizes)
    boxes = []
    for x, w in draw(st.lists(spans, max_size=5)):
        y, h = draw(spans)
        x1, y1 = x / 8 % width, y / 8 % height
        boxes.append((x1, y1, min(x1 + w / 8, width), min(y1 + h / 8, height)))
    return np.array(boxes, np.float32).reshape(-1, 4), size


@given(boxes_in_frames())
@settings(deadline=None)
def test_boxes_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[np.ndarray, tuple[int, int]]
) -> None:
    boxes, size = case
    path = tmp_path_factory.mktemp("labels") / "a.txt"
    path.write_text("".join(f"0 {x!r} {y!r} {w!r} {h!r}\n" for x, y, w, h in to_yolo(boxes, size).tolist()))
    labels = read_yolo(path)
    assert labels.problems == ()
    assert labels.overhanging == 0
    np.testing.assert_allclose(from_yolo(labels.yolo_boxes, size), boxes, atol=1e-4)


def test_half_open_pixels() -> None:
    frame = LabelledFrame(REF, 1, np.array([[0.5, 0.25, 0.5, 0.5]]))
    boxes = frame.boxes((40, 80))
    assert boxes is not None
    assert boxes.dtype == np.float32
    np.testing.assert_array_equal(boxes, [[20, 0, 60, 20]])


def test_boxes_of_each_kind_of_frame() -> None:
    normal = LabelledFrame(REF, 0).boxes((4, 4))
    assert normal is not None
    assert (normal.shape, normal.dtype) == ((0, 4), np.float32)
    assert LabelledFrame(REF, 1).boxes((4, 4)) is None


def test_boxes_are_cut_at_the_border() -> None:
    relative = np.array([[0.0, 1.0, 0.5, 0.5]])
    np.testing.assert_array_equal(LabelledFrame(REF, 1, relative).boxes((40, 80)), [[0, 30, 20, 40]])


def test_several_lines_and_a_confidence(tmp_path: Path) -> None:
    path = tmp_path / "a.b.txt"
    path.write_bytes(b"\xef\xbb\xbf0 .5 .5 .2 .1\r\n\r\n0\t0.25 0.75 1e-1 0.1 0.93\r\n")
    labels = read_yolo(path)
    assert labels.problems == ()
    np.testing.assert_array_equal(labels.yolo_boxes, [[0.5, 0.5, 0.2, 0.1], [0.25, 0.75, 0.1, 0.1]])


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n \n")
    labels = read_yolo(tmp_path / "a.txt")
    assert labels.yolo_boxes.shape == (0, 4)
    assert labels.problems == ()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("0 0.5 0.5 0.2", "4 values where 'class cx cy w h' is wanted"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2", "9 values"),
        ("cs 0.5 0.5 0.2 0.1", "not all numbers"),
        ("0 0.5 0.5 nan 0.1", "not all finite"),
        ("0 inf 0.5 0.1 0.1", "not all finite"),
        ("1 0.5 0.5 0.1 0.1", "class 1: only class 0"),
        ("nan 0.5 0.5 0.1 0.1", "class nan"),
        ("0 0.5 0.5 0 0.1", "holds nothing"),
        ("0 0.5 0.5 0.1 -0.1", "holds nothing"),
        ("0 1.2 0.5 0.1 0.1", "outside the frame"),
        ("0 0.5 -0.05 0.1 0.1", "outside the frame"),
        ("0 150 200 40 30", "outside the frame; YOLO values are fractions"),
    ],
)
def test_wrong_lines_are_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    labels = read_yolo(tmp_path / "a.txt")
    (problem,) = labels.problems
    assert problem.startswith("2: ")
    assert complaint in problem
    assert len(labels.yolo_boxes) == 1


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe0 0.5")
    (problem,) = read_yolo(tmp_path / "a.txt").problems
    assert "not a readable text file" in problem


@pytest.mark.parametrize(
    ("line", "overhanging"),
    [("0 0.9 0.5 0.2 1", 0), ("0 0.833334 0.5 0.333334 0.1", 0), ("0 0.95 0.5 0.2 0.1", 1)],
)
def test_overhang_is_counted_beyond_rounding(tmp_path: Path, line: str, overhanging: int) -> None:
    (tmp_path / "a.txt").write_text(line)
    assert read_yolo(tmp_path / "a.txt").overhanging == overhanging

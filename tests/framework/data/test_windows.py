from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cs_framework import Frame
from cs_framework.data import FrameRef, FrameWindows, LabelledFrame, read_frame
from cs_framework.data.windows import neighbours


@pytest.fixture
def frames(tmp_path: Path) -> list[LabelledFrame]:
    """Two sequences of 5 and 1 frames, whose grey value says which they are."""
    frames = []
    for sequence, count in (("a", 5), ("b", 1)):
        for index in range(count):
            path = tmp_path / f"{sequence}{index}.png"
            Image.new("L", (4, 3), 10 * index + (100 if sequence == "b" else 0)).save(path)
            frames.append(LabelledFrame(FrameRef(path.name, path, 0, sequence, index), index % 2))
    return frames


def values(windows: FrameWindows) -> list[list[int]]:
    return [[int(frame.image[0, 0, 0]) for frame in window.frames] for window in windows]


def test_without_context(frames: list[LabelledFrame]) -> None:
    windows = FrameWindows(frames)
    assert len(windows) == 6
    assert values(windows) == [[0], [10], [20], [30], [40], [100]]
    assert windows.labels.dtype == np.int8
    assert windows.labels.tolist() == [0, 1, 0, 1, 0, 0]
    assert windows.sequences == ("a",) * 5 + ("b",)
    assert windows.skipped == []


def test_ends_of_sequences_are_repeated(frames: list[LabelledFrame]) -> None:
    assert values(FrameWindows(frames, context=2)) == [
        [0, 0, 0, 10, 20],
        [0, 0, 10, 20, 30],
        [0, 10, 20, 30, 40],
        [10, 20, 30, 40, 40],
        [20, 30, 40, 40, 40],
        [100, 100, 100, 100, 100],
    ]


def test_neighbours_are_those_in_time_whatever_the_order(frames: list[LabelledFrame]) -> None:
    shuffled = [frames[i] for i in (4, 5, 0, 2)]
    assert values(FrameWindows(shuffled, context=1)) == [
        [20, 40, 40],
        [100, 100, 100],
        [0, 0, 20],
        [0, 20, 40],
    ]


def test_unreadable_frames_are_left_out(frames: list[LabelledFrame]) -> None:
    frames[2].ref.path.write_text("damaged")
    windows = FrameWindows(frames, context=1)
    assert values(windows) == [[0, 0, 10], [0, 10, 10], [30, 30, 40], [30, 40, 40], [100, 100, 100]]
    assert windows.labels.tolist() == [0, 1, 1, 0, 0]
    (skipped,) = windows.skipped
    assert (skipped.frame, skipped.stage) == ("a2.png", "read")
    assert "a2.png: not an image" in skipped.reason


def test_none() -> None:
    windows = FrameWindows([], context=3)
    assert (len(windows), list(windows), windows.labels.shape, windows.sequences) == (0, [], (0,), ())


@pytest.mark.parametrize("context", [0, 1, 2, 4])
def test_one_pass_decodes_each_frame_once(frames: list[LabelledFrame], context: int) -> None:
    read: list[str] = []

    def counting(ref: FrameRef) -> Frame:
        read.append(ref.id)
        return read_frame(ref)

    windows = FrameWindows(frames, context, counting)
    read.clear()
    list(windows)
    assert sorted(read) == sorted(frame.ref.id for frame in frames)


def test_depth_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((2, 2), 4095, np.uint16)).save(path)
    (window,) = FrameWindows([LabelledFrame(FrameRef("a.png", path), 0)], read=partial(read_frame, bits=12))
    assert window.frame.image.max() == 255


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 5))
def test_windows_are_full_and_centred(sequences: list[int], context: int) -> None:
    refs = [FrameRef(str(i), Path(), 0, str(sequence), i) for i, sequence in enumerate(sequences)]
    for ref, window in zip(refs, neighbours(refs, context), strict=True):
        assert len(window) == 2 * context + 1
        assert window[context] == ref
        assert {other.sequence for other in window} == {ref.sequence}
        assert [other.index for other in window] == sorted(other.index for other in window)

"""Faults that pass are tried once more and told apart from those of a file."""

from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from cs_framework.api.components import NOT_DONE
from cs_framework.data import images, stacks
from cs_framework.data.faults import passing
from cs_framework.data.images import content_hash, list_shots, read_frame, read_image
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.data.windows import FrameWindows
from cs_framework.errors import FrameError, UnavailableError
from cs_framework.recipe.schema import DataSettings


@pytest.fixture
def frame(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "PAUSE", 0.0)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((4, 5), 9, np.uint8))
    return path


def failing(monkeypatch, where, name, error, times):
    """Let a function raise the first `times` times that it is called."""
    function, calls = getattr(where, name), []

    def fails(*arguments):
        calls.append(arguments)
        if len(calls) <= times:
            raise error
        return function(*arguments)

    monkeypatch.setattr(where, name, fails)
    return calls


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM, errno.ETIMEDOUT])
def test_what_passes_is_tried_once_more_and_then_unavailable(number, frame, monkeypatch):
    ref = FrameRef("a.png", frame)
    calls = failing(monkeypatch, images, "_decode", OSError(number, "words"), 1)
    assert read_frame(ref).size == (4, 5)
    assert len(calls) == 2
    failing(monkeypatch, images, "_version", OSError(number, "words"), 2)
    with pytest.raises(UnavailableError, match=r"a\.png: "):
        content_hash(ref)
    content_hash(ref)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ELOOP])
def test_faults_of_the_file_are_not_tried_again(number, frame, monkeypatch):
    calls = failing(monkeypatch, images, "_decode", OSError(number, "words"), 9)
    with pytest.raises(FrameError) as caught:
        read_image(frame)
    assert not isinstance(caught.value, UnavailableError)
    assert len(calls) == 1


def test_a_fault_behind_a_librarys_own_error_is_found():
    told = ValueError("no TIFF")
    told.__cause__ = TimeoutError(errno.ETIMEDOUT, "words")
    assert passing(told)
    assert passing(MemoryError()) == "no memory"
    assert passing(ValueError("no TIFF")) is None
    assert passing(OSError("image file is truncated")) is None


def test_a_real_input_output_error(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "PAUSE", 0.0)
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("no file of this system fails by itself")
    (tmp_path / "a.png").symlink_to(memory)
    with pytest.raises(UnavailableError, match=r"a\.png: Input/output error"):
        read_image(tmp_path / "a.png")


def test_a_video_that_is_cut_short_is_damaged_whatever_ffmpeg_says(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2")
    with pytest.raises(FrameError) as caught:
        read_image(tmp_path / "a.mp4")
    assert not isinstance(caught.value, UnavailableError)


def test_a_stack_that_cannot_be_listed_for_now_is_not_taken_for_one_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "PAUSE", 0.0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint8), photometric="minisblack")
    failing(monkeypatch, stacks, "_of_series", OSError(errno.EIO, "words"), 2)
    source = open_source(path, DataSettings())
    assert source.notes == ("a.tif: it cannot be listed: Input/output error",)
    (ref,) = source.refs
    for read in (source.read, content_hash):
        with pytest.raises(UnavailableError, match="could not be listed"):
            read(ref)
    assert len(list_shots(path).frames) == 3


def test_training_frames_that_cannot_be_read_for_now_are_told_apart(frame, monkeypatch):
    failing(monkeypatch, images, "_decode", OSError(errno.EIO, "words"), 2)
    windows = FrameWindows([LabelledFrame(FrameRef(name, frame), 0, None) for name in ("a", "b")])
    assert [(item.frame, item.stage) for item in windows.skipped] == [("a", NOT_DONE)]

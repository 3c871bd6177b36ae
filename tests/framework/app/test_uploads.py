"""What strangers send is kept apart, under names that mean nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.app.uploads import Upload, digest_of, read_truth, safe_name
from cs_framework.data.images import EXTENSIONS, read_frame
from cs_framework.errors import DataError, FrameError
from cs_framework.recipe.schema import DataSettings
from tests.support.frames import SIZE, streak_frame


@frozen
class Dropped:
    name: str
    content: bytes

    def getvalue(self) -> bytes:
        return self.content


def png(value: int = 7) -> bytes:
    return cv2.imencode(".png", streak_frame(np.random.default_rng(value), string=True))[1].tobytes()


@given(st.text(max_size=300))
def test_a_name_is_one_harmless_part_of_a_path(name):
    safe = safe_name(name)
    assert safe
    assert Path(safe).name == safe
    assert not safe.startswith(".")
    assert not set(safe) & set("/\\<>&\"'`$ \n#")
    assert len(safe) <= 88


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("embryo7_012.png", "embryo7_012.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a b.tif", "a_b.tif"),
        ("<img src=x>.png", "_img_src_x_.png"),
        (".png", "png"),
    ],
)
def test_names_stay_legible(name, kept):
    assert safe_name(name) == kept


def test_frames_are_in_natural_order_and_nobody_else_can_read_them():
    upload = Upload.save([Dropped("a_10.png", png()), Dropped("a_9.png", png())])
    refs = upload.frames(DataSettings())
    assert [ref.id for ref in refs] == ["a_9.png", "a_10.png"]
    assert read_frame(refs[0]).size == SIZE
    folder = upload.folder.path
    assert folder.stat().st_mode & 0o077 == 0
    upload.folder.remove()
    assert not folder.exists()


def test_what_is_no_frame_is_refused_by_its_name():
    with pytest.raises(DataError, match=r"a\.exe"):
        Upload.save([Dropped("a.exe", b"MZ")])


@pytest.mark.parametrize("suffix", sorted(EXTENSIONS))
def test_a_damaged_file_is_a_frame_that_cannot_be_read(suffix):
    upload = Upload.save([Dropped(f"bad{suffix}", b"\x89PNG\r\n\x1a\nnothing")])
    (ref,) = upload.frames(DataSettings())
    with pytest.raises(FrameError, match="bad"):
        read_frame(ref)
    upload.folder.remove()


def test_digest_tells_names_and_contents_apart():
    one = digest_of([Dropped("a.png", b"1")])
    assert one == digest_of([Dropped("a.png", b"1")])
    assert len({one, digest_of([Dropped("b.png", b"1")]), digest_of([Dropped("a.png", b"2")])}) == 3


def test_truth_is_read_in_pixels():
    boxes = read_truth("0 0.5 0.5 0.5 0.25\n\n0 0.1 0.1 0.2 0.2", (100, 200))
    np.testing.assert_allclose(boxes, [[50, 37.5, 150, 62.5], [0, 0, 40, 20]])


@pytest.mark.parametrize("text", ["0 0.5", "0 a b c d", "1 0.5 0.5 0.1 0.1", "0 9 9 0.1 0.1", "\x00"])
def test_truth_that_is_wrong_names_its_line(text):
    with pytest.raises(FrameError, match="line 1"):
        read_truth(text, (10, 10))

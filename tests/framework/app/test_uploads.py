"""What strangers send is kept apart, under names that mean nothing."""

from __future__ import annotations

import unicodedata
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.app.analysis import units_of
from cs_framework.app.uploads import TOGETHER, Upload, digest_of, read_truth, safe_name
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
    assert not [c for c in safe if c not in "._-" and unicodedata.category(c)[0] not in "LMN"]
    assert len(safe.encode()) <= 201


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("embryo7_012.png", "embryo7_012.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\a b.tif", "a_b.tif"),
        ("<img src=x>.png", "_img_src_x_.png"),
        (".png", "png"),
        ("胚胎甲.png", "胚胎甲.png"),
        ("эмбрион №5.png", "эмбрион_No5.png"),
        ("भ्रूण ३.tif", "भ्रूण_३.tif"),
        ("cafe\u0301.png", "caf\u00e9.png"),  # one name, however its accents are written
        ("a\u202egnp.png", "a_gnp.png"),  # which would turn what follows around
        ("..\uff0f\uff0e\uff0eb\0c.png", "b_c.png"),
        ("x." + "a" * 195 + ".png", "a" * 195 + ".png"),  # where it is cut, no dot leads
        ("胚" * 300 + "_7.png", "胚" * 64 + "_7.png"),
        ("con.png", "_con.png"),
        ("COM1.a.png", "_COM1.a.png"),
        ("control.png", "control.png"),
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


def test_no_dropped_file_takes_the_place_of_another():
    names = ["胚胎甲.png", "胚胎乙.png", "day 5.png", "day_5.png", "day?5.png", "day_5-2.png", "day_10.png"]
    upload = Upload.save([Dropped(name, png(value)) for value, name in enumerate(names)])
    refs = upload.frames(DataSettings())
    dropped = {png(value): name for value, name in enumerate(names)}
    assert [(ref.id, dropped[ref.path.read_bytes()]) for ref in refs] == [
        ("day_5-2.png", "day_5-2.png"),
        ("day_5.png", "day 5.png"),
        ("day_5-3.png", "day_5.png"),
        ("day_5-4.png", "day?5.png"),
        ("day_10.png", "day_10.png"),
        ("胚胎乙.png", "胚胎乙.png"),
        ("胚胎甲.png", "胚胎甲.png"),
    ]


def test_dropped_images_are_neighbours_and_stacks_keep_to_themselves():
    stack = BytesIO()
    tifffile.imwrite(stack, np.zeros((2, *SIZE), np.uint8), photometric="minisblack")
    files = [Dropped(f"t{value}.png", png(value)) for value in (10, 9, 8)]
    refs = Upload.save([*files, Dropped("t9.tif", stack.getvalue())]).frames(DataSettings())
    assert [(ref.id, ref.sequence, ref.index) for ref in refs] == [
        ("t8.png", TOGETHER, 0),
        ("t9.png", TOGETHER, 1),
        ("t10.png", TOGETHER, 2),
        ("t9.tif#0", "t9.tif", 0),
        ("t9.tif#1", "t9.tif", 1),
    ]
    windows = [[ref.id for ref in unit.windows[0]] for unit in units_of(refs, context=1)]
    assert windows == [
        ["t8.png", "t8.png", "t9.png"],
        ["t8.png", "t9.png", "t10.png"],
        ["t9.png", "t10.png", "t10.png"],
        ["t9.tif#0", "t9.tif#0", "t9.tif#1"],
        ["t9.tif#0", "t9.tif#1", "t9.tif#1"],
    ]


def test_an_image_alone_is_called_after_its_file():
    (ref,) = Upload.save([Dropped("a.png", png())]).frames(DataSettings())
    assert (ref.sequence, ref.index) == ("a.png", 0)


def test_images_of_a_sequence_have_no_hours_since_each_counts_its_own():
    ome = BytesIO()
    metadata = {"axes": "TYX", "TimeIncrement": 600.0, "TimeIncrementUnit": "s"}
    tifffile.imwrite(
        ome, np.zeros((1, *SIZE), np.uint8), photometric="minisblack", ome=True, metadata=metadata
    )
    files = [Dropped(f"t{value}.ome.tif", ome.getvalue()) for value in (1, 2)]
    assert [ref.hours for ref in Upload.save(files[:1]).frames(DataSettings())] == [0.0]
    assert [ref.hours for ref in Upload.save(files).frames(DataSettings())] == [None, None]


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

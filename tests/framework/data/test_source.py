from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cs_framework.data.listing import natural_key
from cs_framework.data.refs import FrameSource
from cs_framework.data.source import open_source
from cs_framework.errors import DataError
from cs_framework.recipe.schema import DataSettings

PATTERN = r"(?P<group>.+)_\d+"


def write(root: Path, *names: str, value: int = 100) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), value).save(root / name)


def open_with(path: Path, pattern: str | None = None) -> FrameSource:
    return open_source(path, DataSettings(group_pattern=pattern))


def ids(source: FrameSource) -> list[str]:
    return [ref.id for ref in source.refs]


class TestFolder:
    def test_recursive_in_natural_order(self, tmp_path: Path) -> None:
        write(tmp_path, "e10_1.png", "e2_10.png", "e2_9.png", "sub/E1_1.JPG", "e2_9.5.bmp")
        assert ids(open_with(tmp_path)) == [
            "e2_9.5.bmp",
            "e2_9.png",
            "e2_10.png",
            "e10_1.png",
            "sub/E1_1.JPG",
        ]

    def test_sequence_by_sequence(self, tmp_path: Path) -> None:
        write(tmp_path, "t1_b.png", "t2_a.png", "t1_a.png", "t2_b.png", "t10_a.png")
        source = open_with(tmp_path, r"_(?P<group>.)$")
        assert [(ref.sequence, ref.index, ref.id) for ref in source.refs] == [
            ("a", 0, "t1_a.png"),
            ("a", 1, "t2_a.png"),
            ("a", 2, "t10_a.png"),
            ("b", 0, "t1_b.png"),
            ("b", 1, "t2_b.png"),
        ]
        assert source.notes == ()

    def test_companions_are_ignored_and_others_named(self, tmp_path: Path) -> None:
        write(tmp_path, "a_1.png")
        for name in ("index.txt", "notes.MD", "x.json", "x.xml", "x.csv", ".hidden.png", ".cache/b.png"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert open_with(tmp_path, PATTERN).notes == ()
        for name in ("a.gif", "b.gif", "README"):
            (tmp_path / name).touch()
        (note,) = open_with(tmp_path, PATTERN).notes
        assert (
            note == "3 files are not of a kind that is read here and were passed over: .gif (2), README (1)"
        )
        assert ids(open_with(tmp_path)) == ["a_1.png"]

    def test_damaged_images_are_frames(self, tmp_path: Path) -> None:
        (tmp_path / "text.png").write_text("text")
        (tmp_path / "text.tif").write_text("text")
        assert ids(open_with(tmp_path)) == ["text.png", "text.tif"]

    def test_pages_of_a_stack(self, tmp_path: Path) -> None:
        stack = np.arange(12, dtype=np.uint8)[:, None, None] * np.ones((4, 6), np.uint8)
        tifffile.imwrite(tmp_path / "b.tif", stack, photometric="minisblack")
        write(tmp_path, "a.tif")
        source = open_with(tmp_path)
        assert ids(source) == ["a.tif", *(f"b.tif#{page}" for page in range(12))]
        assert [ref.index for ref in source.refs[1:]] == list(range(12))
        assert {ref.sequence for ref in source.refs[1:]} == {"b.tif"}
        assert [int(source.read(ref).image[0, 0, 0]) for ref in source.refs] == [100, *range(12)]

    def test_links_are_followed_but_not_in_circles(self, tmp_path: Path) -> None:
        write(tmp_path / "elsewhere", "a.png")
        write(tmp_path / "in", "b.png")
        (tmp_path / "in" / "c.png").symlink_to(tmp_path / "elsewhere" / "a.png")
        (tmp_path / "in" / "d").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
        (tmp_path / "in" / "broken.png").symlink_to(tmp_path / "gone.png")
        assert ids(open_with(tmp_path / "in")) == ["b.png", "c.png", "d/a.png"]

    def test_one_image(self, tmp_path: Path) -> None:
        write(tmp_path, "e_1.png", "e_2.png")
        (ref,) = open_with(tmp_path / "e_2.png", PATTERN).refs
        assert (ref.id, ref.sequence, ref.index) == ("e_2.png", "e", 0)

    def test_nothing_to_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.gif").touch()
        with pytest.raises(DataError, match=rf"{tmp_path.name}: no frames; PNG, JPEG, .*\.gif \(1\)"):
            open_with(tmp_path)
        with pytest.raises(DataError, match=r"a\.gif: by its extension neither a PNG"):
            open_with(tmp_path / "a.gif")
        with pytest.raises(DataError, match="gone: no such file or folder"):
            open_with(tmp_path / "gone")

    def test_name_that_is_no_utf8(self, tmp_path: Path) -> None:
        for name in (b"embryon_\xe9_1.png", b"embryon_\xe8_1.png"):
            write(tmp_path, "a.png")
            try:
                (tmp_path / "a.png").rename(tmp_path / name.decode("utf-8", "surrogateescape"))
            except OSError:
                pytest.skip("this file system wants UTF-8")
        source = open_with(tmp_path)
        assert ids(source) == [r"embryon_\xe8_1.png", r"embryon_\xe9_1.png"]
        assert source.read(source.refs[0]).size == (4, 6)

    def test_pictures_of_a_run_below_are_no_frames(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "runs/mine/overlays/a.png")
        (tmp_path / "runs" / "mine" / "resolved.toml").touch()
        assert ids(open_with(tmp_path)) == ["a.png"]
        assert ids(open_with(tmp_path / "runs" / "mine")) == ["overlays/a.png"]

    def test_travels_to_other_processes(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png")
        source = pickle.loads(pickle.dumps(open_with(tmp_path)))
        assert source.read(source.refs[0]).id == "a.png"


class TestDataRoot:
    def test_frames_only_and_in_time(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            "train/normal/e_1.png",
            "train/abnormal/e_2.png",
            "train/normal/e_3.png",
            "test/abnormal/f_1.png",
            "masks/train/e_2.png",
            "labels/train/e_2.png",
            "overlays/e_2.png",
        )
        source = open_with(tmp_path, PATTERN)
        assert [(ref.id, ref.index) for ref in source.refs] == [
            ("train/normal/e_1.png", 0),
            ("train/abnormal/e_2.png", 1),
            ("train/normal/e_3.png", 2),
            ("test/abnormal/f_1.png", 0),
        ]

    def test_images_beside_the_classes_are_named(self, tmp_path: Path) -> None:
        write(tmp_path, "train/normal/e_1.png", "train/e_2.png", "val/e_3.png")
        (note,) = open_with(tmp_path, PATTERN).notes
        assert note.startswith("2 images lie outside {train,val,test}/{normal,abnormal}/")


class TestIndex:
    def index(self, root: Path, text: str) -> None:
        (root / "index.csv").write_text(text, encoding="utf-8")

    def test_wins_over_the_pattern(self, tmp_path: Path) -> None:
        write(tmp_path, "a_1.png", "a_2.png", "sub/a_3.png", "a_4.png")
        self.index(
            tmp_path, "\ufeffkind,path,group\n1,a_1.png,X\n1,./a_2.png, X \n0,sub\\a_3.png,Y\n0,a_4.png,\n"
        )
        source = open_with(tmp_path, PATTERN)
        assert {ref.id: ref.sequence for ref in source.refs} == {
            "a_1.png": "X",
            "a_2.png": "X",
            "sub/a_3.png": "Y",
            "a_4.png": "a",
        }

    def test_frame_numbers(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png", "c.png", "d.png", "e.png", "f.png")
        self.index(
            tmp_path,
            "path,group,frame_no\na.png,all,30\nb.png,all,7\nc.png,twice,4\nd.png,twice,4\ne.png,some,9\n"
            "f.png,some,\n",
        )
        numbered = [(ref.sequence, ref.id, ref.index) for ref in open_with(tmp_path).refs]
        assert numbered == [
            ("all", "b.png", 7),
            ("all", "a.png", 30),
            ("some", "e.png", 0),
            ("some", "f.png", 1),
            ("twice", "c.png", 0),
            ("twice", "d.png", 1),
        ]

    def test_rows_without_frames_are_noted(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png")
        self.index(tmp_path, "path,group\na.png,A\nb.png,B\nc.png,B\n")
        assert open_with(tmp_path).notes == ("index.csv: 2 rows name no frame, such as b.png",)

    @pytest.mark.parametrize("name", ["../a.png", "sub/../../a.png", "/etc/a.png", "C:\\a.png", "..\\a.png"])
    def test_paths_never_lead_out(self, tmp_path: Path, name: str) -> None:
        write(tmp_path, "in/a.png", "a.png")
        self.index(tmp_path / "in", f"path,group\na.png,A\n{name},B\n")
        with pytest.raises(DataError, match=r"index\.csv:3: .* leads out of the folder"):
            open_with(tmp_path / "in")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (
                "path;group\na.png;A\n",
                "needs the columns path and group, separated by commas; it has: path;group",
            ),
            ("", "needs the columns"),
            ("path,group\na.png,A\na.png,B\n", "index.csv:3: a.png is listed before, with another group"),
        ],
    )
    def test_wrong(self, tmp_path: Path, text: str, complaint: str) -> None:
        write(tmp_path, "a.png")
        self.index(tmp_path, text)
        with pytest.raises(DataError, match=complaint.replace(".", r"\.")):
            open_with(tmp_path)

    def test_not_text(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png")
        (tmp_path / "index.csv").write_bytes(b"path,group\n\xff\xfe,A\n")
        with pytest.raises(DataError, match="not a CSV file in UTF-8"):
            open_with(tmp_path)


class TestPattern:
    def test_frames_that_do_not_match_are_embryos_of_their_own(self, tmp_path: Path) -> None:
        write(tmp_path, "e_1.png", "e_2.png", "odd.png", "sub/odd.png")
        source = open_with(tmp_path, PATTERN)
        assert [ref.sequence for ref in source.refs] == ["e", "e", "odd.png", "sub/odd.png"]
        (note,) = source.notes
        assert "2 of 4 frames" in note
        assert "odd.png" in note

    def test_looks_at_the_name_without_extension(self, tmp_path: Path) -> None:
        write(tmp_path, "e_1/x.y_2.png")
        assert open_with(tmp_path, PATTERN).refs[0].sequence == "x.y"

    @pytest.mark.parametrize(
        ("pattern", "complaint"),
        [("(", "not a regular expression"), (r"(.+)_\d+", "around the embryo")],
    )
    def test_wrong(self, tmp_path: Path, pattern: str, complaint: str) -> None:
        write(tmp_path, "e_1.png")
        with pytest.raises(DataError, match=rf"data\.group_pattern .*{complaint}"):
            open_with(tmp_path, pattern)


@given(st.lists(st.text(max_size=8)))
def test_natural_order_is_total(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(["", "t", "Embryo 3_"]))
def test_natural_order_follows_numbers(a: int, b: int, prefix: str) -> None:
    assert (natural_key(f"{prefix}{a}") < natural_key(f"{prefix}{b}")) == (a < b)


@given(st.lists(st.from_regex(r"[0-9]{0,4}[a-b]?[0-9]{0,3}", fullmatch=True)))
def test_natural_order_is_that_of_the_numbers(names: list[str]) -> None:
    def by_value(name: str) -> tuple[list[str | int], str]:
        parts = re.split(r"([0-9]+)", name)
        return [int(part) if index % 2 else part for index, part in enumerate(parts)], name

    assert sorted(names, key=natural_key) == sorted(names, key=by_value)


def test_natural_order_of_numbers_too_long_for_int() -> None:
    short, long = "e" + "9" * 5000, "e1" + "0" * 5000
    assert sorted([long, short], key=natural_key) == [short, long]

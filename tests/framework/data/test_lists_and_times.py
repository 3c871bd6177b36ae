from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cs_framework.data.refs import FrameSource
from cs_framework.data.source import open_source
from cs_framework.errors import DataError, FrameError
from cs_framework.recipe.schema import DataSettings


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), 9).save(root / name)
    return root


def source_of(path: Path, **settings: object) -> FrameSource:
    return open_source(path, DataSettings(**settings))


class TestList:
    def test_order_is_that_of_the_list(self, tmp_path: Path) -> None:
        write(tmp_path, "e_1.png", "e_2.png", "sub/e_3.png")
        (tmp_path / "list.txt").write_text("\ufeffsub/e_3.png\n\n  e_1.png  \n.\\e_2.png\n", encoding="utf-8")
        source = source_of(tmp_path / "list.txt", group_pattern=r"(?P<group>.+)_")
        assert [(ref.id, ref.sequence, ref.index) for ref in source.refs] == [
            ("sub/e_3.png", "e", 0),
            ("e_1.png", "e", 1),
            ("e_2.png", "e", 2),
        ]
        assert all(source.read(ref).size == (4, 6) for ref in source.refs)

    def test_a_table_tells_embryo_and_time(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png", "c.png")
        (tmp_path / "some.csv").write_text("path,group,frame_no,hours\nb.png,E,7,1.5\na.png,E,3,0.5\n")
        refs = source_of(tmp_path / "some.csv").refs
        assert [(ref.id, ref.sequence, ref.index, ref.hours) for ref in refs] == [
            ("a.png", "E", 3, 0.5),
            ("b.png", "E", 7, 1.5),
        ]

    def test_a_table_goes_before_the_index_where_it_says_something(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png")
        (tmp_path / "index.csv").write_text("path,group,frame_no,hours\na.png,E,3,0.5\nb.png,E,7,1.5\n")
        (tmp_path / "some.csv").write_text("path,hours\nb.png,2.5\na.png,\n")
        refs = source_of(tmp_path / "some.csv").refs
        assert [(ref.id, ref.sequence, ref.index, ref.hours) for ref in refs] == [
            ("a.png", "E", 3, 0.5),
            ("b.png", "E", 7, 2.5),
        ]

    def test_files_that_are_not_there_are_skipped_by_the_run(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png")
        (tmp_path / "list.txt").write_text("gone.png\ngone.mp4\na.png\n")
        source = source_of(tmp_path / "list.txt")
        assert sorted(ref.id for ref in source.refs) == ["a.png", "gone.mp4", "gone.png"]
        with pytest.raises(FrameError, match=r"^gone\.mp4: No such file"):
            source.read(next(ref for ref in source.refs if ref.id == "gone.mp4"))

    @pytest.mark.parametrize("line", ["../a.png", "/etc/passwd", "C:\\a.png", "x/../../a.png", "a\0.png"])
    @pytest.mark.parametrize("name", ["list.txt", "list.csv"])
    def test_paths_never_lead_out(self, tmp_path: Path, name: str, line: str) -> None:
        write(tmp_path, "in/a.png", "a.png")
        (tmp_path / "in" / name).write_text(f"path\na.png\n{line}\n")
        with pytest.raises(DataError, match=rf"{name}:3: .* leads out of the folder"):
            source_of(tmp_path / "in" / name)

    def test_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("a.png\na.png\n")
        with pytest.raises(DataError, match=r"a\.txt:2: a\.png is listed before"):
            source_of(tmp_path / "a.txt")
        (tmp_path / "a.txt").write_bytes(b"\xff\xfe")
        with pytest.raises(DataError, match="not a text file in UTF-8"):
            source_of(tmp_path / "a.txt")
        (tmp_path / "a.txt").write_text("\n")
        with pytest.raises(DataError, match="no frames"):
            source_of(tmp_path / "a.txt")
        (tmp_path / "a.csv").write_text("file\na.png\n")
        with pytest.raises(DataError, match="needs the columns path, separated by commas; it has: file"):
            source_of(tmp_path / "a.csv")


class TestTimes:
    def test_by_pattern(self, tmp_path: Path) -> None:
        write(tmp_path, "e_t3_2.5h.png", "e_t20_9h.png", "e_t1_0h.png")
        source = source_of(tmp_path, group_pattern=r"(?P<group>.+)_t(?P<frame>\d+)_(?P<hours>[\d.]+)h")
        assert [(ref.index, ref.hours) for ref in source.refs] == [(1, 0), (3, 2.5), (20, 9)]

    def test_hours_order_frames_that_have_no_number(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png", "c.png")
        (tmp_path / "index.csv").write_text("path,group,hours\na.png,E,8\nb.png,E,-1\nc.png,E,3\n")
        assert [(ref.id, ref.index) for ref in source_of(tmp_path).refs] == [
            ("b.png", 0),
            ("c.png", 1),
            ("a.png", 2),
        ]

    def test_by_setting(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png")
        (tmp_path / "index.csv").write_text("path,group,frame_no,hours\na.png,E,4,\nb.png,E,6,9\n")
        assert [ref.hours for ref in source_of(tmp_path, hours_per_frame=0.5).refs] == [2, 9]

    @pytest.mark.parametrize("text", ["soon", "nan", "inf", "1e999", "-1e6", '"0,5"'])
    def test_what_is_no_time_is_refused(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, "a.png", "b.png")
        (tmp_path / "index.csv").write_text(f"path,group,hours\na.png,E, \nb.png,E,{text}\n")
        with pytest.raises(DataError, match=r"index\.csv:3: hours '.+' is not a number below 1,000,000"):
            source_of(tmp_path)

    @pytest.mark.parametrize("text", ["first", "2.5", "nan", "9" * 30, "9" * 5000])
    def test_what_is_no_frame_number_is_refused(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, "a.png")
        (tmp_path / "index.csv").write_text(f"path,group,frame_no\na.png,E,{text}\n")
        with pytest.raises(DataError, match=r"index\.csv:2: frame_no '.{2,40}' is not a whole number"):
            source_of(tmp_path)

    def test_whole_numbers_as_spreadsheets_write_them(self, tmp_path: Path) -> None:
        write(tmp_path, "a.png", "b.png")
        (tmp_path / "index.csv").write_text("path,group,frame_no\na.png,E,3.0\nb.png,E,1.0\n")
        assert [(ref.id, ref.index) for ref in source_of(tmp_path).refs] == [("b.png", 1), ("a.png", 3)]

    @pytest.mark.parametrize("text", ["1.2.3", "9" * 200])
    def test_what_is_no_time_in_a_name_is_none(self, tmp_path: Path, text: str) -> None:
        write(tmp_path, f"e_{text}.png")
        (ref,) = source_of(tmp_path, group_pattern=r"(?P<group>e)_(?P<hours>[\d.]+)").refs
        assert (ref.sequence, ref.hours) == ("e", None)

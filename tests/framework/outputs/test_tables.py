from __future__ import annotations

import pytest

from cs_framework.api.components import Skipped
from cs_framework.errors import CSError
from cs_framework.outputs.tables import frames_schema, frames_table, read_skipped, skipped_table, write_csv
from cs_framework.pipeline.results import FrameResult


def test_skipped_frames_come_back(tmp_path):
    skipped = [Skipped("a, b.png", "read", 'no "image"'), Skipped("c.png", "embedder", "two\nlines")]
    write_csv(tmp_path / "skipped.csv", skipped_table(skipped))
    assert read_skipped(tmp_path / "skipped.csv") == skipped
    assert read_skipped(tmp_path / "none.csv") == []


def test_what_the_filter_observes_is_a_column_of_the_frames():
    result = FrameResult("a.png", "e", 0, (9, 9), 0.5, True, observed={"cavity_area": 0.25})
    assert frames_table([result], frames_schema(result.observed))["cavity_area"].to_pylist() == [0.25]
    with pytest.raises(CSError, match="'hours'"):
        frames_schema({"hours": 1.0})


def test_frames_say_where_their_embryo_is_and_which_plane_they_are():
    found = FrameResult("a.tif", "e", 0, (9, 9), 0.5, True, embryo=(4.0, 5.0, 3.0), plane="max")
    table = frames_table([found, FrameResult("b.png", "e", 1, (9, 9), 0.5, True)])
    assert table["embryo_found"].to_pylist() == [True, False]
    columns = ("embryo_x", "embryo_y", "embryo_radius", "plane")
    assert [table[name].to_pylist() for name in columns] == [[4, None], [5, None], [3, None], ["max", None]]


@pytest.mark.parametrize(
    "text", [b"frame,stage\na,read\n", b"frame,stage,reason\na,b,c,d\n", b"\xff\xfe\x00"]
)
def test_a_damaged_table_is_told(tmp_path, text):
    (tmp_path / "skipped.csv").write_bytes(text)
    with pytest.raises(CSError, match="damaged"):
        read_skipped(tmp_path / "skipped.csv")

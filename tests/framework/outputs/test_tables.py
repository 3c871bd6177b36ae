from __future__ import annotations

import pytest

from cs_framework.api.components import Skipped
from cs_framework.errors import CSError
from cs_framework.outputs.tables import read_skipped, skipped_table, write_csv


def test_skipped_frames_come_back(tmp_path):
    skipped = [Skipped("a, b.png", "read", 'no "image"'), Skipped("c.png", "embedder", "two\nlines")]
    write_csv(tmp_path / "skipped.csv", skipped_table(skipped))
    assert read_skipped(tmp_path / "skipped.csv") == skipped
    assert read_skipped(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "text", [b"frame,stage\na,read\n", b"frame,stage,reason\na,b,c,d\n", b"\xff\xfe\x00"]
)
def test_a_damaged_table_is_told(tmp_path, text):
    (tmp_path / "skipped.csv").write_bytes(text)
    with pytest.raises(CSError, match="damaged"):
        read_skipped(tmp_path / "skipped.csv")

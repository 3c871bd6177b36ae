from __future__ import annotations

import pytest

from cs_framework.files import whole_file, whole_folder, write_json


def test_a_file_keeps_its_old_content_when_writing_fails(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    before = path.read_bytes()
    with pytest.raises(RuntimeError), whole_file(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_keeps_its_old_content_when_writing_fails(tmp_path):
    path = tmp_path / "labels"
    with whole_folder(path) as new:
        (new / "a.txt").write_text("1")
    with pytest.raises(RuntimeError), whole_folder(path) as new:
        (new / "b.txt").write_text("2")
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["a.txt"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "labels"
    for name in ("a.txt", "b.txt"):
        with whole_folder(path) as new:
            (new / name).write_text(name)
    assert [p.name for p in path.iterdir()] == ["b.txt"]


def test_json_holds_no_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()

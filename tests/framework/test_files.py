from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cs_framework.files import share_as_new, whole_file, whole_folder, write_json


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_has_the_mode_of_a_new_one_whoever_writes_it(umask, tmp_path):
    path = tmp_path / "a.bin"
    with whole_file(path) as aside:
        aside.unlink(missing_ok=True)  # as a writer does that renames a file of its own, made for it alone
        aside.touch(0o600)
    assert mode(path) == 0o666 & ~umask


def test_all_of_a_folder_gets_the_modes_of_new_files(umask, tmp_path):
    folder = tmp_path / "model"
    (folder / "scorer").mkdir(0o700, parents=True)
    (folder / "scorer" / "weights").touch(0o600)
    folder.chmod(0o700)
    share_as_new(folder)
    assert {mode(folder), mode(folder / "scorer")} == {0o777 & ~umask}
    assert mode(folder / "scorer" / "weights") == 0o666 & ~umask
    assert sorted(p.name for p in folder.rglob("*")) == ["scorer", "weights"]


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

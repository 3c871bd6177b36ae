from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.pipeline.cache import Cache, CacheNamespace


def test_what_is_put_comes_back_frame_by_frame(tmp_path):
    namespace = Cache(tmp_path).namespace("boxes", lambda: {"a": 1})
    assert namespace.get("one") is None
    backwards = np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]
    namespace.put({"one": {"x": backwards}, "two": {"x": np.zeros(1), "y": np.ones(2)}})
    assert namespace.get("one")["x"].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert set(namespace.get("two")) == {"x", "y"}
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_what_other_processes_put_is_found(tmp_path):
    mine, theirs = CacheNamespace(tmp_path / "s"), CacheNamespace(tmp_path / "s")
    assert mine.get("one") is None
    theirs.put({"one": {"x": np.ones(1)}})
    assert mine.get("one")["x"].tolist() == [1]


def test_components_do_not_share_a_shelf(tmp_path):
    cache = Cache(tmp_path)
    cache.namespace("boxes", lambda: {"a": 1}).put({"one": {"x": np.zeros(1)}})
    assert cache.namespace("boxes", lambda: {"a": 1}).get("one") is not None
    assert cache.namespace("boxes", lambda: {"a": 2}).get("one") is None
    assert cache.namespace("embeddings", lambda: {"a": 1}).get("one") is None
    assert cache.size() == sum(f.stat().st_size for f in tmp_path.rglob("*.safetensors")) > 0


def test_a_damaged_file_counts_as_absent(tmp_path):
    CacheNamespace(tmp_path).put({"one": {"x": np.zeros(100)}})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    namespace = CacheNamespace(tmp_path)
    assert namespace.get("one") is None
    namespace.put({"one": {"x": np.ones(1)}})
    assert CacheNamespace(tmp_path).get("one")["x"].tolist() == [1]


def values_at(path) -> int:
    """Where the values of a file begin."""
    return 8 + int.from_bytes(path.read_bytes()[:8], "little")


@pytest.mark.parametrize("damage", ["zero", "bit", "nan"])
def test_other_values_of_the_right_length_count_as_absent(damage, tmp_path, caplog):
    put = {"one": {"x": np.arange(1, 9, dtype=np.float32)}, "two": {"x": np.ones(2, np.float32)}}
    CacheNamespace(tmp_path).put(put)
    (path,) = tmp_path.iterdir()
    content, start = bytearray(path.read_bytes()), values_at(path)
    if damage == "bit":
        content[start + 5] ^= 64
    else:
        content[start:] = bytes([0 if damage == "zero" else 255]) * (len(content) - start)
    path.write_bytes(content)
    namespace = CacheNamespace(tmp_path)
    assert [namespace.get(key) is None for key in put] != [False, False]
    assert "is damaged" in caplog.text
    namespace.put(put)
    for looking in (namespace, CacheNamespace(tmp_path)):
        assert looking.get("one")["x"].tolist() == [*range(1, 9)]
        assert looking.get("two")["x"].tolist() == [1, 1]


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_never_gives_other_values(where, bit):
    with TemporaryDirectory() as name:
        CacheNamespace(Path(name)).put({"one": {"x": np.arange(6, dtype=np.float32).reshape(2, 3)}})
        (path,) = Path(name).iterdir()
        content = bytearray(path.read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        path.write_bytes(content)
        found = CacheNamespace(Path(name)).get("one")
        assert found is None or found["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_fails_a_check_counts_as_absent(tmp_path):
    namespace = CacheNamespace(tmp_path)
    namespace.put({"one": {"x": np.full(3, np.nan)}})
    assert namespace.get("one", lambda arrays: np.isfinite(arrays["x"]).all()) is None
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    namespace = CacheNamespace(tmp_path / "file" / "boxes")
    namespace.put({"one": {"x": np.zeros(1)}})
    assert namespace.get("one") is None
    assert "done without" in caplog.text


def test_without_a_folder_nothing_is_asked_for():
    def depends():
        raise AssertionError

    namespace = Cache(None).namespace("boxes", depends)
    namespace.put({"one": {"x": np.zeros(1)}})
    assert namespace.get("one") is None

from __future__ import annotations

import numpy as np

from cs_framework.pipeline.cache import Cache, Shelf


def test_what_is_put_comes_back_frame_by_frame(tmp_path):
    shelf = Cache(tmp_path).shelf("boxes", lambda: {"a": 1})
    assert shelf.get("one") is None
    backwards = np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]
    shelf.put({"one": {"x": backwards}, "two": {"x": np.zeros(1), "y": np.ones(2)}})
    assert shelf.get("one")["x"].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert set(shelf.get("two")) == {"x", "y"}
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_what_other_processes_put_is_found(tmp_path):
    mine, theirs = Shelf(tmp_path / "s"), Shelf(tmp_path / "s")
    assert mine.get("one") is None
    theirs.put({"one": {"x": np.ones(1)}})
    assert mine.get("one")["x"].tolist() == [1]


def test_components_do_not_share_a_shelf(tmp_path):
    cache = Cache(tmp_path)
    cache.shelf("boxes", lambda: {"a": 1}).put({"one": {"x": np.zeros(1)}})
    assert cache.shelf("boxes", lambda: {"a": 1}).get("one") is not None
    assert cache.shelf("boxes", lambda: {"a": 2}).get("one") is None
    assert cache.shelf("embeddings", lambda: {"a": 1}).get("one") is None
    assert cache.size() == sum(f.stat().st_size for f in tmp_path.rglob("*.safetensors")) > 0


def test_a_damaged_file_counts_as_absent(tmp_path):
    Shelf(tmp_path).put({"one": {"x": np.zeros(100)}})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    shelf = Shelf(tmp_path)
    assert shelf.get("one") is None
    shelf.put({"one": {"x": np.ones(1)}})
    assert Shelf(tmp_path).get("one")["x"].tolist() == [1]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    shelf = Shelf(tmp_path / "file" / "boxes")
    shelf.put({"one": {"x": np.zeros(1)}})
    assert shelf.get("one") is None
    assert "done without" in caplog.text


def test_without_a_folder_nothing_is_asked_for():
    def depends():
        raise AssertionError

    shelf = Cache(None).shelf("boxes", depends)
    shelf.put({"one": {"x": np.zeros(1)}})
    assert shelf.get("one") is None

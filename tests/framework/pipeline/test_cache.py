from __future__ import annotations

import numpy as np

from cs_framework.pipeline.cache import Cache


def test_what_is_put_comes_back(tmp_path):
    cache = Cache(tmp_path)
    stored, place = cache.get("boxes", lambda: {"a": 1})
    assert stored is None
    cache.put(place, {"x": np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]})
    stored, again = cache.get("boxes", lambda: {"a": 1})
    assert again == place
    assert stored["x"].tolist() == [[2, 1, 0], [5, 4, 3]]


def test_another_key_is_another_entry(tmp_path):
    cache = Cache(tmp_path)
    cache.put(cache.get("boxes", lambda: {"a": 1})[1], {"x": np.zeros(1)})
    assert cache.get("boxes", lambda: {"a": 2})[0] is None
    assert cache.get("embeddings", lambda: {"a": 1})[0] is None


def test_a_damaged_entry_counts_as_absent(tmp_path):
    cache = Cache(tmp_path)
    place = cache.get("boxes", lambda: 1)[1]
    cache.put(place, {"x": np.zeros(1)})
    place.write_bytes(place.read_bytes()[:-3])
    assert cache.get("boxes", lambda: 1) == (None, place)


def test_without_a_folder_no_key_is_made():
    def key():
        raise AssertionError

    assert Cache(None).get("boxes", key) == (None, None)
    Cache.put(None, {"x": np.zeros(1)})

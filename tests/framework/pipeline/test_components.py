from __future__ import annotations

import numpy as np
import pytest
from attrs import evolve

from cs_framework import Env, SetupError
from cs_framework.data.images import read_frame
from cs_framework.data.refs import FrameRef
from cs_framework.pipeline.batch import Batch, make_units
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components, cache_key
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.recipe import load_recipe
from tests.support.frames import write_recipe, write_root

FOLLOWER = """
import numpy as np
from cs_framework import ProposerSpec, SetupError, hookimpl
from tests.support.toy_plugin import NoSettings

class Follower:
    filter, calls = None, 0

    def __init__(self, settings, env):
        pass

    def bind(self, anomaly_filter):
        if anomaly_filter is None:
            raise SetupError("follower: give the recipe an [anomaly_filter]")
        self.filter = anomaly_filter

    @property
    def fingerprint(self):
        return str(self.filter.learnt) if self.filter else ""

    def propose(self, frame):
        self.calls += 1
        return np.array([(0, 0, 1 + self.filter.learnt % 10, 5)], np.float32)

@hookimpl
def cs_proposers():
    yield ProposerSpec("follower", f"{__name__}:Follower", f"{__name__}:NoSettings", "follows")
"""


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "follower.py").write_text(FOLLOWER)
    write_root(tmp_path / "data", embryos=1, frames=1)
    recipe = write_recipe(tmp_path / "r.toml", tmp_path / "data")
    text = recipe.read_text().replace('use = "grid"', 'use = "follower"')
    recipe.write_text(text.replace("plugins = [", 'plugins = ["./follower.py", '))
    return load_recipe(recipe)


def test_a_proposer_that_asks_for_it_gets_the_runs_filter_loaded(loaded, tmp_path):
    trained = Components.build(loaded, Env())
    trained.anomaly_filter.learnt = 3.0
    for name, component in trained.trainable().items():
        (tmp_path / "model" / name).mkdir(parents=True)
        component.save(tmp_path / "model" / name)
    parts = Components.build(loaded, Env(), tmp_path / "model")
    assert parts.proposers[0].filter is parts.anomaly_filter
    assert parts.proposers[0].fingerprint == "3.0"


def test_a_recipe_without_the_filter_is_refused_when_it_is_built(loaded):
    with pytest.raises(SetupError, match="give the recipe an"):
        Components.build(evolve(loaded, anomaly_filter=None), Env())


def test_what_another_device_computed_is_not_taken_from_the_cache(loaded, tmp_path, monkeypatch):
    maker = RegionMaker(loaded, Components.build(loaded, Env()), Cache(tmp_path / "cache"))
    on_cpu = maker._proposals_depend_on()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert maker._proposals_depend_on() != on_cpu


def test_proposals_of_a_bound_proposer_are_kept_under_what_the_filter_has_learnt(loaded, tmp_path):
    parts = Components.build(loaded, Env())
    (proposer,), filter_ = parts.proposers, parts.anomaly_filter
    before = cache_key(loaded.proposers[0], proposer)
    filter_.learnt = 4.0
    assert cache_key(loaded.proposers[0], proposer) != before
    maker = RegionMaker(loaded, parts, Cache(tmp_path / "cache"))
    path = next((tmp_path / "data").rglob("*.png"))
    (unit,) = make_units([FrameRef(id="a", path=path, sequence="e", index=0)])

    def propose():
        batch = Batch(unit, read_frame)
        found = maker.propose(batch, [0])
        assert not batch.failed, batch.failed
        return found[0][1].tolist()

    assert propose() == propose() == [[0, 0, 5, 5]]
    assert proposer.calls == 1
    filter_.learnt = 6.0
    assert propose() == [[0, 0, 7, 5]]


def test_while_training_workers_load_the_filter_alone(loaded, tmp_path):
    trained = Components.build(loaded, Env())
    trained.anomaly_filter.learnt = 3.0
    (tmp_path / "anomaly_filter").mkdir()
    trained.anomaly_filter.save(tmp_path / "anomaly_filter")
    parts = Components.build(loaded, Env(), tmp_path)
    assert parts.proposers[0].filter.learnt == 3.0
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(SetupError, match="scorer"):
        Components.build(loaded, Env(), tmp_path)


def test_judging_a_proposer_that_follows_the_filter_takes_a_trained_one(loaded):
    alone = load_recipe(loaded.path, overrides=['steps=["proposals"]'])
    with pytest.raises(SetupError, match="take the step train first"):
        Components.build(alone, Env())


def test_judging_proposers_builds_nothing_else(tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", write_root(tmp_path / "data", embryos=1, frames=1))
    built = Components.build(load_recipe(recipe, overrides=['steps=["proposals"]']), Env())
    assert len(built.proposers) == 1
    assert built.anomaly_filter is None
    assert built.trainable() == {}


@pytest.mark.parametrize(
    "wrong", [{"boxes": np.full((2, 4), np.nan, np.float32)}, {"boxes": np.ones((2, 3))}, {}]
)
def test_what_the_cache_holds_is_checked_like_what_a_component_gives(wrong, loaded, tmp_path):
    parts = Components.build(loaded, Env())
    parts.anomaly_filter.learnt = 4.0
    maker = RegionMaker(loaded, parts, Cache(tmp_path / "cache"))
    path = next((tmp_path / "data").rglob("*.png"))
    (unit,) = make_units([FrameRef(id="a", path=path, sequence="e", index=0)])
    first = maker.propose(Batch(unit, read_frame), [0])
    size = {"size": np.array(first[0][0], np.int64)}
    (kept,) = (tmp_path / "cache").rglob("*.safetensors")
    namespace = maker.cache.namespace("proposals", maker._proposals_depend_on)
    namespace.put({key: {**size, **wrong} for key in namespace._places})
    assert list((tmp_path / "cache").rglob("*.safetensors")) == [kept]
    batch = Batch(unit, read_frame)
    again = maker.propose(batch, [0])
    assert not batch.failed
    assert again[0][1].tolist() == first[0][1].tolist()

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from cs_framework import Env, Frame, RegionScores, boxes
from cs_framework.data.refs import FrameRef
from cs_framework.pipeline.batch import Batch, make_units
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.stages import Stages, rank
from cs_framework.recipe import LoadedRecipe, load_recipe
from cs_framework.recipe.schema import PipelineSettings
from tests.support.frames import streak_frame, write_recipe

REFS = [FrameRef(id=name, path=Path(name), sequence="e", index=i) for i, name in enumerate("abc")]


def read(ref: FrameRef) -> Frame:
    rng = np.random.default_rng(ref.index)
    return Frame(
        np.repeat(streak_frame(rng, string=ref.id == "b")[..., None], 3, axis=2), ref.id, ref.sequence
    )


class Fixed:
    """A proposer of given boxes."""

    def __init__(self, *found: tuple[float, float, float, float]) -> None:
        self.found = boxes.as_boxes(found)

    def propose(self, frame: Frame) -> np.ndarray:
        return self.found


@pytest.fixture
def loaded(tmp_path) -> LoadedRecipe:
    (tmp_path / "train" / "normal").mkdir(parents=True)
    return load_recipe(write_recipe(tmp_path / "toy.toml", tmp_path))


@pytest.fixture
def make(loaded) -> Callable[..., tuple[Components, RegionMaker]]:
    def make(*proposers: object, **others: object) -> tuple[Components, RegionMaker]:
        parts = Components.build(loaded, Env())
        parts = evolve(parts, **({"proposers": proposers} if proposers else {}), **others)
        return parts, RegionMaker(loaded, parts, Cache(None))

    return make


def test_boxes_of_several_proposers_are_united_rank_by_rank_and_once(make):
    _, maker = make(
        Fixed((0, 0, 9, 9), (2, 2, 9, 9), (3, 3, 9, 9)),
        Fixed((5, 5, 20, 20), (0, 0, 9, 9), (70, 50, 900, 900), (90, 2, 95, 9)),
    )
    (unit,) = make_units(REFS[:1])
    ((size, found),) = maker.propose(Batch(unit, read), [0]).values()
    assert size == (64, 80)
    assert found.tolist() == [[0, 0, 9, 9], [5, 5, 20, 20], [2, 2, 9, 9], [3, 3, 9, 9], [70, 50, 80, 64]]


def test_a_proposer_that_gives_rubbish_fails_its_frame_only(make):
    parts, maker = make(Fixed((0, 0, np.nan, 9)))
    (unit,) = make_units(REFS)
    analysis = Stages(parts, maker, PipelineSettings(), read, None).analyse(unit, gated=False)
    assert analysis.results == []
    assert [s.stage for s in analysis.skipped] == ["proposer"] * 3


class Observing:
    """A filter that also says how bright each frame is, `values` where given."""

    context = 0

    def __init__(self, values: object = None) -> None:
        self.values = values

    def score(self, windows):
        return np.zeros(len(windows), np.float32)

    def observe(self, windows):
        seen = np.array([w.frame.grey.mean() for w in windows], np.float32)
        return {"brightness": seen if self.values is None else self.values}


def test_what_the_filter_observes_goes_with_each_frame(make):
    parts, maker = make(anomaly_filter=Observing())
    (unit,) = make_units(REFS)
    results = Stages(parts, maker, PipelineSettings(), read, None).analyse(unit, gated=False).results
    assert [r.observed["brightness"] for r in results] == pytest.approx([read(f).grey.mean() for f in REFS])


@pytest.mark.parametrize("values", [np.zeros(9, np.float32), np.array([np.nan] * 3, np.float32)], ids=str)
def test_a_filter_that_observes_rubbish_fails_its_frames(make, values):
    parts, maker = make(anomaly_filter=Observing(values))
    (unit,) = make_units(REFS)
    analysis = Stages(parts, maker, PipelineSettings(), read, None).analyse(unit, gated=False)
    assert [s.stage for s in analysis.skipped] == ["anomaly_filter"] * 3
    assert "brightness" in analysis.skipped[0].reason


def test_stage_two_runs_behind_the_gate_or_on_all(make):
    parts, maker = make()
    (unit,) = make_units(REFS)
    stages = Stages(parts, maker, PipelineSettings(), read, threshold=200.0)
    gated = stages.analyse(unit, gated=True).results
    assert [(r.frame, r.flagged, r.scores is not None) for r in gated] == [
        ("a", False, False),
        ("b", True, True),
        ("c", False, False),
    ]
    everything = stages.analyse(unit, gated=False).results
    assert all(r.scores is not None for r in everything)
    assert [r.flagged for r in everything] == [r.flagged for r in gated]
    assert everything[1].detections == gated[1].detections


def test_validation_scores_are_those_that_the_gate_compares(make):
    parts, maker = make()
    (unit,) = make_units(REFS)
    stages = Stages(parts, maker, PipelineSettings(), read, None)
    scores, skipped = stages.anomaly_scores(unit)
    assert scores == [r.score for r in stages.analyse(unit, gated=False).results]
    assert skipped == []


def test_ranking_suppresses_overlaps_and_keeps_at_most_a_hundred():
    corners = [(i * 10, 0, i * 10 + 9, 9) for i in range(150)] + [(0, 0, 9, 8)]
    confidence = np.linspace(0.9, 0.1, 151).astype(np.float32)
    confidence[-1] = 0.95
    scores = RegionScores(confidence, confidence, confidence)
    ranked = rank("f", boxes.as_boxes(corners), scores, PipelineSettings())
    assert len(ranked) == 100
    assert ranked[0].box == (0, 0, 9, 8)
    assert ranked[1].box == (10, 0, 19, 9)
    assert [d.rank for d in ranked] == list(range(100))

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Detection, RegionScores, boxes
from cs_framework.api.components import NOT_DONE, Skipped
from cs_framework.data.refs import FrameRef
from cs_framework.errors import RecipeError
from cs_framework.pipeline.batch import Share, make_shards
from cs_framework.pipeline.familiarity import State
from cs_framework.pipeline.results import FrameResult
from cs_framework.pipeline.stages import Analysis
from cs_framework.steps.parts import Parts, context_of

ORIGIN = {"recipe": "1", "numpy": "2.0"}


@pytest.fixture
def shards(tmp_path):
    refs = []
    for i in range(70):
        (tmp_path / f"{i}.png").write_bytes(b"pixels")
        refs.append(FrameRef(id=f"{i}.png", path=tmp_path / f"{i}.png", sequence="e", index=i))
    return make_shards(refs, context=1)


def parts_of(folder: Path, shards, origin=ORIGIN) -> Parts:
    folder.mkdir(exist_ok=True)
    return Parts(folder, shards, origin)


def result(ref: FrameRef) -> FrameResult:
    rng = np.random.default_rng(ref.index)
    found = boxes.as_boxes(rng.random((ref.index % 3, 4)) + np.array([0, 0, 1, 1]))
    probability, quality, confidence = rng.random((3, len(found)), np.float32)
    detections = tuple(
        Detection(ref.id, tuple(map(float, box)), float(c), float(p), float(q), rank)
        for rank, (box, c, p, q) in enumerate(zip(found, confidence, probability, quality, strict=True))
    )
    return FrameResult(
        frame=ref.id,
        sequence=ref.sequence,
        index=ref.index,
        size=(30, 40),
        score=float(np.float32(rng.random())) if ref.index else math.nan,
        flagged=ref.index % 2 == 0,
        embryo=(20.5, 15.25, 9.125) if ref.index % 2 else None,
        depth=(4095, 16) if ref.index % 2 else None,
        state=State("unfamiliar", "contrast 3") if ref.index % 2 else State(),
        plane="best-focus" if ref.index % 3 else None,
        observed={"cavity_area": 0.25 * (ref.index % 3), "focus": 2.0} if ref.index % 2 else {},
        proposals=found,
        scores=RegionScores(probability, quality, confidence) if len(found) else None,
        ranked=detections,
        detections=detections,
    )


def analysis_of(shard) -> Analysis:
    *good, bad = shard.unit.refs
    return Analysis([result(ref) for ref in good], [Skipped(bad.id, "read", "no image")])


def test_results_come_back_as_they_were_frame_by_frame(shards, tmp_path):
    parts = parts_of(tmp_path / "parts", shards)
    for shard in reversed(shards):
        parts.add(shard, analysis_of(shard))
    wanted = [r for shard in shards for r in analysis_of(shard).results]
    for was, now in zip(wanted, parts, strict=True):
        np.testing.assert_equal(now.score, was.score)
        assert now.detections == was.detections
        assert now.observed == was.observed
        assert (now.embryo, now.depth, now.state, now.plane) == (
            *(was.embryo, was.depth, was.state, was.plane),
        )
        assert (now.frame, now.sequence, now.index, now.size, now.flagged) == (
            *(was.frame, was.sequence, was.index, was.size, was.flagged),
        )
        np.testing.assert_array_equal(now.proposals, was.proposals)
        assert (now.scores is None) == (was.scores is None)
        if was.scores is not None:
            for name in ("confidence", "probability", "quality"):
                np.testing.assert_array_equal(getattr(now.scores, name), getattr(was.scores, name))
    assert [s.frame for s in parts.skipped()] == ["63.png", "69.png"]


def test_the_same_results_are_the_same_file_and_are_found_again(shards, tmp_path):
    for name in ("one", "two"):
        parts_of(tmp_path / name, shards).add(shards[0], analysis_of(shards[0]))
    (one,), (two,) = (tmp_path / "one").iterdir(), (tmp_path / "two").iterdir()
    assert (one.name, one.read_bytes()) == (two.name, two.read_bytes())
    again = parts_of(tmp_path / "one", shards)
    assert again.find(shards) == [shards[1]]
    assert again.done == 1
    assert context_of(tmp_path / "one") == 1
    assert context_of(tmp_path / "nowhere") is None


def test_parts_of_another_origin_are_refused_with_the_difference(shards, tmp_path):
    parts_of(tmp_path / "parts", shards).add(shards[0], analysis_of(shards[0]))
    with pytest.raises(RecipeError, match=r"numpy: 2\.0 then, 2\.1 now"):
        parts_of(tmp_path / "parts", shards, {**ORIGIN, "numpy": "2.1"}).find(shards)


def test_a_part_with_frames_that_are_not_done_is_computed_anew_and_counts_until_then(shards, tmp_path):
    whole = analysis_of(shards[0])
    (bad,) = whole.skipped
    left = Analysis(whole.results, [Skipped(bad.frame, NOT_DONE, "Input/output error")])
    parts_of(tmp_path / "parts", shards).add(shards[0], left)
    assembled = parts_of(tmp_path / "parts", shards)
    assert assembled.find(shards, unfinished=True) == [shards[1]]
    assert [item.not_done for item in assembled.skipped()] == [True]
    again = parts_of(tmp_path / "parts", shards)
    assert again.find(shards) == list(shards)
    again.add(shards[0], whole)
    assert len(list((tmp_path / "parts").iterdir())) == 1  # the unfinished one has gone
    last = parts_of(tmp_path / "parts", shards)
    assert last.find(shards) == [shards[1]]
    assert [item.not_done for item in last.skipped()] == [False]


def test_a_neighbour_that_changes_takes_the_shard_with_it(shards, tmp_path):
    (tmp_path / "64.png").write_bytes(b"other pixels")
    refs = [ref for shard in shards for ref in shard.unit.refs]
    now = make_shards(refs, context=1)
    assert [a.inputs == b.inputs for a, b in zip(shards, now, strict=True)] == [False, False]
    alone = [make_shards([evolve(r, index=r.index) for r in refs], context=0) for _ in range(2)]
    assert alone[0] == alone[1]


def test_a_neighbour_that_goes_away_during_the_run_makes_the_shard_another(shards, tmp_path):
    assert shards[0].as_of_now() == shards[0]
    (tmp_path / "64.png").unlink()
    assert shards[0].as_of_now().stamps == shards[0].stamps
    assert shards[0].as_of_now().inputs != shards[0].inputs


@given(st.integers(1, 9), st.integers(0, 40))
def test_shares_hold_every_shard_once(count, shards):
    shares = [Share.parse(f"{i}/{count}").of(range(shards)) for i in range(count)]
    assert sorted(number for share in shares for number in share) == list(range(shards))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score

from cs_dual_head.network import Answers
from cs_dual_head.scorer import DualHeadScorer
from cs_dual_head.settings import DualHeadSettings
from cs_framework import DataError, Env, Regions, Scorer, SetupError

SMALL = DualHeadSettings(hidden=(16, 8), epochs=3)


def scores_of(scorer, regions):
    scores = scorer.score(regions)
    return np.stack([scores.probability, scores.quality, scores.confidence])


@pytest.fixture
def fitted(make_table):
    scorer = DualHeadScorer(SMALL, Env())
    scorer.fit(make_table(), make_table(seed=1), Env())
    return scorer


def test_is_a_scorer():
    assert isinstance(DualHeadScorer(SMALL, Env()), Scorer)


def test_learns_what_is_separable(make_table, as_regions):
    scorer = DualHeadScorer(evolve(SMALL, epochs=20, learning_rate=0.01), Env())
    history = scorer.fit(make_table(800, gap=8.0), make_table(300, seed=1, gap=8.0), Env())
    unseen = make_table(500, seed=2, gap=8.0)
    scores = scorer.score(as_regions(unseen))
    known = unseen.labels >= 0
    assert average_precision_score(unseen.labels[known], scores.probability[known]) > 0.99
    assert np.corrcoef(scores.quality[known], unseen.iou[known])[0, 1] > 0.9
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"] / 2
    assert history.notes == []


@pytest.fixture
def misleading(make_table):
    """A validation set with its labels swapped: the more is learnt, the lower its average precision."""
    table = make_table(seed=1)
    return evolve(table, labels=np.select([table.labels == 1, table.labels == 0], [0, 1], -1).astype(np.int8))


def test_the_best_epoch_is_kept_not_the_last(make_table, misleading, as_regions):
    scorer = DualHeadScorer(evolve(SMALL, epochs=6, learning_rate=0.01), Env())
    history = scorer.fit(make_table(), misleading, Env())
    by_epoch = {row["epoch"]: row["val_ap"] for row in history.rows}
    assert len(by_epoch) == 6
    assert by_epoch[history.best_epoch] == max(by_epoch.values()) > by_epoch[6]
    known = misleading.labels >= 0
    kept = scorer.score(as_regions(misleading)).probability[known]
    assert average_precision_score(misleading.labels[known], kept) == max(by_epoch.values())


def test_stops_when_patience_runs_out(make_table, misleading):
    history = DualHeadScorer(evolve(SMALL, epochs=50, patience=3, learning_rate=0.01), Env()).fit(
        make_table(), misleading, Env()
    )
    assert len(history.rows) == history.best_epoch + 3 < 50


def test_history_has_the_figures_of_both_splits(make_table):
    history = DualHeadScorer(SMALL, Env()).fit(make_table(), make_table(seed=1), Env())
    names = [
        f"{split}_{name}" for split in ("train", "val") for name in ("loss", "accuracy", "iou_mae", "ap")
    ]
    assert [list(row) for row in history.rows] == [["epoch", *names]] * 3
    assert [row["epoch"] for row in history.rows] == [1, 2, 3]


@pytest.mark.parametrize("missing", [1, 0, None])
def test_without_a_judge_the_last_epoch_is_kept_and_said(make_table, missing):
    val = make_table(seed=1)
    val = None if missing is None else evolve(val, labels=np.where(val.labels == missing, -1, val.labels))
    history = DualHeadScorer(evolve(SMALL, patience=1), Env()).fit(make_table(), val, Env())
    assert history.best_epoch == len(history.rows) == 3
    assert "last epoch" in history.notes[0]
    assert not any(name.startswith("val") for name in history.rows[0])


def test_no_strings_to_learn_from(make_table):
    table = make_table()
    with pytest.raises(DataError, match="annotated box"):
        DualHeadScorer(SMALL, Env()).fit(evolve(table, labels=np.minimum(table.labels, 0)), None, Env())


def test_broken_embeddings_are_named(make_table):
    table = make_table()
    table.embeddings[3] = np.nan
    table.labels[3] = 1
    with pytest.raises(DataError, match="NaN"):
        DualHeadScorer(SMALL, Env()).fit(table, None, Env())


def test_rows_in_between_have_no_influence(make_table, as_regions, fitted):
    train, val = make_table(), make_table(seed=1)
    for table in (train, val):
        table.embeddings[table.labels == -1] = np.nan
        table.iou[table.labels == -1] = np.nan
    other = DualHeadScorer(SMALL, Env())
    other.fit(train, val, Env())
    regions = as_regions(make_table(seed=2))
    np.testing.assert_array_equal(scores_of(other, regions), scores_of(fitted, regions))


def test_same_seed_same_scores_and_the_global_generators_are_left_alone(make_table, as_regions, fitted):
    regions = as_regions(make_table(seed=2))
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    again, other = DualHeadScorer(SMALL, Env()), DualHeadScorer(evolve(SMALL, seed=7), Env())
    for scorer in (again, other):
        scorer.fit(make_table(), make_table(seed=1), Env())
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    np.testing.assert_array_equal(scores_of(again, regions), scores_of(fitted, regions))
    assert not np.allclose(scores_of(other, regions), scores_of(fitted, regions))


def test_the_seed_of_the_run_counts_unless_the_settings_name_one(make_table, as_regions):
    regions = as_regions(make_table(seed=2))
    named, given = DualHeadScorer(evolve(SMALL, seed=7), Env()), DualHeadScorer(SMALL, Env(seed=7))
    named.fit(make_table(), None, Env())
    given.fit(make_table(), None, Env(seed=7))
    np.testing.assert_array_equal(scores_of(named, regions), scores_of(given, regions))


def test_the_tables_are_not_changed_and_may_be_read_only(make_table):
    tables = make_table(dtype=np.float16), make_table(seed=1, dtype=np.float16)
    for table in tables:
        for array in (table.embeddings, table.iou, table.labels):
            array.flags.writeable = False
    DualHeadScorer(SMALL, Env()).fit(*tables, Env())


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_mixup_changes_what_is_learnt(make_table, as_regions, fitted, mixing):
    scorer = DualHeadScorer(evolve(SMALL, mixup_probability=mixing), Env())
    history = scorer.fit(make_table(), make_table(seed=1), Env())
    regions = as_regions(make_table(seed=2))
    assert not np.allclose(scores_of(scorer, regions), scores_of(fitted, regions))
    assert history.rows[-1]["val_loss"] < history.rows[0]["val_loss"]


@pytest.mark.parametrize(
    ("dim", "hidden", "batch_size"), [(1, (4,), 32), (5, (), 7), (312, (8, 8, 8), 10_000), (3, (2, 3), 1)]
)
def test_any_shape(make_table, as_regions, dim, hidden, batch_size):
    table = evolve(make_table(60), embeddings=np.random.default_rng(0).normal(size=(60, dim)))
    scorer = DualHeadScorer(evolve(SMALL, hidden=hidden, batch_size=batch_size), Env())
    scorer.fit(table, None, Env())
    scores = scores_of(scorer, as_regions(table))
    assert scores.dtype == np.float32
    assert scores.shape == (3, 60)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_no_regions_no_scores(fitted):
    empty = Regions(np.zeros((0, 12), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 2), np.int32))
    scores = fitted.score(empty)
    assert scores.boxes is None
    for values in (scores.probability, scores.quality, scores.confidence):
        assert values.shape == (0,)
        assert values.dtype == np.float32


def test_a_region_is_scored_the_same_in_any_company(make_table, fitted, as_regions):
    regions = as_regions(make_table(20_000, seed=2))
    together = scores_of(fitted, regions)
    rows = [0, 7, 8192, 19_999]
    parts = regions.embeddings, regions.boxes, regions.frame_sizes
    alone = [scores_of(fitted, Regions(*(part[row : row + 1] for part in parts))) for row in rows]
    np.testing.assert_allclose(np.concatenate(alone, axis=1), together[:, rows], atol=1e-6)


def test_another_embedding_length_is_refused(make_table, fitted, as_regions):
    with pytest.raises(DataError, match="12, not 13"):
        fitted.score(as_regions(make_table(dim=13)))


exponents = st.just(0.0) | st.floats(0.01, 3)


@given(exponents, exponents, st.integers(0, 5))
def test_confidence_grows_with_both_heads(a, b, seed):
    scorer = DualHeadScorer(DualHeadSettings(probability_exponent=a, quality_exponent=b), Env())
    rng = np.random.default_rng(seed)
    logits, ious = (torch.from_numpy(rng.normal(scale=2, size=30)).float() for _ in range(2))
    nowhere = Regions(
        np.zeros((30, 1), np.float32), np.zeros((30, 4), np.float32), np.zeros((30, 2), np.int32)
    )
    scores = scorer._combine(Answers(logits, ious, torch.empty(30, 0)), nowhere)
    p, q, confidence = scores.probability, scores.quality, scores.confidence
    np.testing.assert_allclose(confidence, p.astype(float) ** a * q.astype(float) ** b, rtol=1e-5, atol=1e-7)
    at_least = (p[:, None] >= p) & (q[:, None] >= q)
    assert (confidence[:, None] >= confidence)[at_least].all()


def test_save_and_load_give_the_same_scores(make_table, fitted, as_regions, tmp_path):
    fitted.save(tmp_path)
    other = DualHeadScorer(SMALL, Env(seed=1))
    other.load(tmp_path)
    regions = as_regions(make_table(seed=2))
    np.testing.assert_array_equal(scores_of(other, regions), scores_of(fitted, regions))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".safetensors"]


def test_other_hidden_layers_are_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    with pytest.raises(SetupError, match=r"\[16, 8\].*\[16\]"):
        DualHeadScorer(evolve(SMALL, hidden=(16,)), Env()).load(tmp_path)


@pytest.mark.parametrize("damage", ["no folder", "truncated", "not JSON", "other keys", "no settings"])
def test_a_damaged_bundle_is_refused(fitted, tmp_path, damage):
    folder = tmp_path / "none" if damage == "no folder" else tmp_path
    fitted.save(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    (shape,) = tmp_path.glob("*.json")
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-9])
    elif damage == "not JSON":
        shape.write_text("{")
    elif damage == "no settings":
        shape.write_text("[]")
    elif damage == "other keys":
        save_file({name + "x": tensor for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(SetupError, match="dual-head-mlp"):
        DualHeadScorer(SMALL, Env()).load(folder)


def test_an_untrained_scorer_says_so(make_table, as_regions, tmp_path):
    scorer = DualHeadScorer(SMALL, Env())
    with pytest.raises(SetupError, match="train"):
        scorer.score(as_regions(make_table()))
    with pytest.raises(SetupError, match="train"):
        scorer.save(tmp_path)

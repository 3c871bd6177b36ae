"""The scorer that also moves the edges of boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cs_dual_head.edges import edge_loss, paired_iou, shifted, to_shifts
from cs_dual_head.scorer import DualHeadScorer, RefiningScorer
from cs_dual_head.settings import RefiningSettings
from cs_framework import Env, Regions, RegionTable, SetupError
from cs_framework import boxes as bx

SMALL = RefiningSettings(hidden=(64,), epochs=20, learning_rate=5e-3, dropout=0.0)
SIZE = 200


@pytest.fixture(scope="module")
def make_shifted():
    """Boxes off their targets by up to 0.3 of their sides, which embeddings tell; and background."""

    def make(count=600, seed=0):
        rng = np.random.default_rng(seed)
        strings = rng.random(count) < 0.4
        corners, sides = rng.uniform(40, 100, (count, 2)), rng.uniform(15, 60, (count, 2))
        boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
        shifts = rng.uniform(-0.3, 0.3, (count, 4))
        targets = (boxes + shifts * np.tile(sides, 2)).astype(np.float32)
        targets[~strings] = np.nan
        iou = np.where(strings, np.diag(bx.iou(boxes, np.nan_to_num(targets))), 0).astype(np.float32)
        constant = np.tile([-3.0, 3.0], (count, 16))  # so that the norm of a row tells nothing
        embeddings = np.concatenate([10 * shifts, rng.normal(size=(count, 2)), constant], axis=1)
        embeddings[:, 4] += np.where(strings, 3, -3)
        return RegionTable(
            embeddings=embeddings.astype(np.float16),
            boxes=boxes,
            frame_sizes=np.full((count, 2), SIZE, np.int32),
            iou=iou,
            labels=strings.astype(np.int8),
            targets=targets,
            frames=np.zeros(count, np.int32),
            sequences=np.full(count, "embryo"),
        )

    return make


@pytest.fixture(scope="module")
def fitted(make_shifted):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    scorer = RefiningScorer(SMALL, Env())
    history = scorer.fit(make_shifted(), make_shifted(seed=1), Env())
    torch.set_num_threads(before)
    return scorer, history


def regions(table):
    return Regions(table.embeddings.astype(np.float32), table.boxes, table.frame_sizes)


def ious(boxes, table):
    strings = table.labels == 1
    return np.diag(bx.iou(boxes[strings], table.targets[strings]))


def test_refined_boxes_are_nearer_to_the_string(fitted, make_shifted):
    scorer, _ = fitted
    unseen = make_shifted(seed=2)
    before, after = (ious(boxes, unseen) for boxes in (unseen.boxes, scorer.score(regions(unseen)).boxes))
    assert before.mean() < 0.65 < 0.8 < after.mean()
    assert (before >= 0.75).mean() < 0.2 < 0.8 < (after >= 0.75).mean()


def test_quality_is_that_of_the_refined_box(fitted, make_shifted):
    scorer, _ = fitted
    unseen = make_shifted(seed=2)
    scores = scorer.score(regions(unseen))
    of_strings = scores.quality[unseen.labels == 1]
    assert np.abs(of_strings - ious(scores.boxes, unseen)).mean() < 0.15
    assert np.abs(of_strings - ious(unseen.boxes, unseen)).mean() > 0.2
    assert scores.quality[unseen.labels == 0].mean() < 0.1


def test_history_tells_how_well_boxes_are_refined(fitted):
    _, history = fitted
    for split in ("train", "val"):
        assert history.rows[-1][f"{split}_refined_iou"] > history.rows[0][f"{split}_refined_iou"]


@pytest.mark.parametrize("mixing", [0.0, 1.0])
def test_mixup_does_not_reach_the_edges(make_shifted, mixing):
    """Every batch mixed would leave no clean edge to learn from, if edges were mixed as well."""
    scorer = RefiningScorer(evolve(SMALL, mixup_probability=mixing, mixup_alpha=5.0), Env())
    scorer.fit(make_shifted(), None, Env())
    unseen = make_shifted(seed=2)
    assert ious(scorer.score(regions(unseen)).boxes, unseen).mean() > 0.8


def test_targets_of_background_do_not_count(make_shifted):
    table, unseen = make_shifted(), regions(make_shifted(seed=2))
    touched = evolve(table, targets=np.where(np.isnan(table.targets), table.boxes + 400, table.targets))
    quick = evolve(SMALL, epochs=2)
    boxes = []
    for each in (table, touched):
        scorer = RefiningScorer(quick, Env())
        scorer.fit(each, None, Env())
        boxes.append(scorer.score(unseen).boxes)
    np.testing.assert_array_equal(*boxes)


def test_save_and_load_give_the_same_boxes(fitted, make_shifted, tmp_path):
    scorer, _ = fitted
    scorer.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"refining-mlp.json", "refining-mlp.safetensors"}
    other = RefiningScorer(SMALL, Env(seed=1))
    other.load(tmp_path)
    unseen = regions(make_shifted(seed=2))
    np.testing.assert_array_equal(other.score(unseen).boxes, scorer.score(unseen).boxes)
    with pytest.raises(SetupError, match="no readable dual-head-mlp"):
        DualHeadScorer(SMALL, Env()).load(tmp_path)


def test_no_regions(fitted):
    scorer, _ = fitted
    empty = Regions(np.zeros((0, 38), np.float32), np.zeros((0, 4), np.float32), np.zeros((0, 2), np.int32))
    assert scorer.score(empty).boxes.shape == (0, 4)


coordinates = st.lists(st.floats(0, 100, width=32), min_size=4, max_size=4)


def as_box(values):
    (x1, x2), (y1, y2) = sorted(values[:2]), sorted(values[2:])
    return torch.tensor([[x1, y1, x2 + 1, y2 + 1]])


@given(coordinates, coordinates)
def test_shifts_lead_from_a_box_to_its_target(first, second):
    box, target = as_box(first), as_box(second)
    torch.testing.assert_close(shifted(box, to_shifts(box, target)), target, atol=1e-3, rtol=1e-5)
    expected = bx.iou(box.numpy(), target.numpy())[0]
    np.testing.assert_allclose(paired_iou(box, target).numpy(), expected, atol=1e-5)


@given(coordinates, coordinates, st.floats(0.1, 10))
def test_shifts_are_in_units_of_the_box_and_mirror_with_it(first, second, scale):
    box, target = as_box(first), as_box(second)
    shifts = to_shifts(box, target)
    torch.testing.assert_close(to_shifts(scale * box, scale * target), shifts, atol=1e-3, rtol=1e-4)
    flip = torch.tensor([102.0, 0.0, 102.0, 0.0]), torch.tensor([-1.0, 1.0, -1.0, 1.0])
    left_right = [(flip[0] + flip[1] * b)[:, [2, 1, 0, 3]] for b in (box, target)]
    expected = (flip[1] * shifts)[:, [2, 1, 0, 3]]
    torch.testing.assert_close(to_shifts(*left_right), expected, atol=1e-3, rtol=1e-4)


@given(coordinates, st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_whatever_the_shifts_a_box_stays_one(values, shifts):
    x1, y1, x2, y2 = shifted(as_box(values), torch.tensor([shifts]))[0]
    assert x1 <= x2
    assert y1 <= y2


def test_the_loss_is_that_of_the_known_rows():
    known, unknown = [[0.05, -0.4, 0.0, 0.3]], [[torch.nan] * 4]
    shifts = torch.zeros(2, 4, requires_grad=True)
    loss = edge_loss(shifts, torch.tensor(known + unknown))
    assert loss.item() == pytest.approx((0.5 * 0.05**2 / 0.1 + 0.35 + 0.25) / 4)
    loss.backward()
    assert torch.equal(shifts.grad[1], torch.zeros(4))
    assert edge_loss(shifts, torch.full((2, 4), torch.nan)).item() == 0

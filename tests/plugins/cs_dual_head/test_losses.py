from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs_dual_head.network import Answers, focal_loss
from cs_dual_head.settings import DualHeadSettings
from cs_dual_head.training import balanced_rows, total_loss
from cs_framework import DataError


def focal_by_hand(logit, target, alpha, gamma):
    p = 1 / (1 + math.exp(-logit))
    p_t = p * target + (1 - p) * (1 - target)
    alpha_t = alpha * target + (1 - alpha) * (1 - target)
    entropy = -(target * math.log(p) + (1 - target) * math.log(1 - p))
    return alpha_t * (1 - p_t) ** gamma * entropy


@given(
    st.lists(st.tuples(st.floats(-8, 8), st.floats(0, 1)), min_size=1, max_size=9),
    st.floats(0, 1),
    st.floats(0, 4),
)
def test_focal_loss_equals_its_formula(pairs, alpha, gamma):
    logits, targets = torch.tensor(pairs, dtype=torch.float64).T
    expected = np.mean([focal_by_hand(x, y, alpha, gamma) for x, y in pairs])
    assert focal_loss(logits, targets, alpha, gamma).item() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_focal_loss_without_focus_is_half_the_cross_entropy():
    logits, targets = torch.tensor([-1.0, 0.3, 2.0]), torch.tensor([0.0, 1.0, 1.0])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(focal_loss(logits, targets, alpha=0.5, gamma=0.0), entropy / 2)


def test_total_loss_weighs_both_heads():
    answers = Answers(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 2.0]), torch.empty(2, 0))
    targets = torch.tensor([[1.0, 0.3], [0.0, 0.0]])
    focal = np.mean([0.25 * 0.25 * math.log(2), 0.75 * 0.25 * math.log(2)])
    smooth = np.mean([0.5 * 0.2**2, 2.0 - 0.5])  # quadratic below 1, linear above
    one_to_one = total_loss(answers, targets, DualHeadSettings()).item()
    assert one_to_one == pytest.approx(focal + smooth, rel=1e-6)
    uneven = DualHeadSettings(probability_weight=3.0, quality_weight=0.5)
    assert total_loss(answers, targets, uneven).item() == pytest.approx(3 * focal + smooth / 2, rel=1e-6)


@given(st.lists(st.sampled_from([1, 0, -1]), min_size=2), st.integers(0, 9))
def test_balancing_keeps_the_rarer_class_whole(labels, seed):
    labels = np.array([1, 0, *labels], np.int8)
    rows = balanced_rows(labels, np.random.default_rng(seed))
    strings, background = (int((labels == value).sum()) for value in (1, 0))
    assert len(set(rows)) == len(rows) == 2 * min(strings, background)
    assert (labels[rows] == 1).sum() == (labels[rows] == 0).sum() == min(strings, background)


def test_balancing_draws_anew():
    labels = np.array([1] * 5 + [0] * 500, np.int8)
    first, again, other = (set(balanced_rows(labels, np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("labels", "cure"), [([0, 0, -1], "positive_iou"), ([1, -1], "normal_regions"), ([], "boxes")]
)
def test_a_missing_class_is_named_with_the_cure(labels, cure):
    with pytest.raises(DataError, match=cure):
        balanced_rows(np.array(labels, np.int8), np.random.default_rng(0))

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cs_framework.evaluation.curves import POINTS, proposal_recall, stage1_curves, training_curves
from cs_framework.evaluation.metrics import evaluate
from tests.framework.evaluation.frames import random_split


def curves_of(frames):
    stage1 = evaluate({"test": frames}, threshold=0.5, resamples=100, seed=0)["splits"]["test"]["stage1"]
    labels, scores = [f.label for f in frames], [f.result.score for f in frames]
    return labels, scores, stage1, {curve.name: curve for curve in stage1_curves(labels, scores, stage1)}


def test_the_area_under_the_drawn_roc_is_the_auroc():
    labels, scores, _, curves = curves_of(random_split(0))
    _, line, _ = curves["roc"].series
    assert np.isclose(np.trapezoid(*np.array(line.points).T[::-1]), roc_auc_score(labels, scores))


def test_precision_and_recall_end_at_the_highest_threshold_and_hold_the_operating_point():
    labels, scores, stage1, curves = curves_of(random_split(0))
    guessing, line, point = curves["precision_recall"].series
    top = np.array(scores) == max(scores)
    assert line.points[0] == (top[np.array(labels) == 1].mean(), np.array(labels)[top].mean())
    assert line.points[-1] == (1, np.mean(labels))
    assert guessing.points[0][1] == np.mean(labels)
    assert point.points == [(stage1["recall"]["value"], stage1["precision"]["value"])]


@given(st.lists(st.floats(0, 1), max_size=9))
def test_what_proposals_reach_falls_from_all_of_it(reach):
    curves = proposal_recall(reach)
    assert bool(curves) == bool(reach)
    for curve in curves:
        (line,) = curve.series
        shares = [share for _, share in line.points]
        assert shares[0] == 1
        assert shares == sorted(shares, reverse=True)
        assert len(shares) <= POINTS


def test_training_and_validation_share_a_curve_for_each_quantity():
    rows = [{"epoch": 1, "train_loss": 0.5, "rate": 1}, {"epoch": 2, "train_loss": 0.25, "val_loss": 0.75}]
    loss, rate = training_curves("anomaly_filter", rows, best_epoch=2)
    assert loss.title == "anomaly filter: loss"
    assert [(line.name, line.points) for line in loss.series] == [
        ("training", [(1, 0.5), (2, 0.25)]),
        ("validation", [(2, 0.75)]),
        ("kept", [(2, 0.25), (2, 0.75)]),
    ]
    assert [line.name for line in rate.series] == ["rate", "kept"]

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from cs_framework.errors import DataError
from cs_framework.evaluation.operating_point import (
    FALSE_ALARMS,
    choose_confidence,
    choose_threshold,
    given_threshold,
)

# float32, as filters give them, and coarse, so that ties occur
scores_of_a_class = st.lists(
    st.integers(-4, 4).map(lambda i: float(np.float32(i / 3))), min_size=1, max_size=12
)


def rates(threshold, abnormal, normal):
    return np.mean(np.array(abnormal) >= threshold), np.mean(np.array(normal) >= threshold)


def choose(abnormal, normal, sensitivity=None):
    return choose_threshold(
        [*abnormal, *normal], [1] * len(abnormal) + [0] * len(normal), sensitivity=sensitivity
    )


@given(scores_of_a_class, scores_of_a_class)
def test_youden_is_the_best_finite_point_of_the_roc(abnormal, normal):
    point = choose(abnormal, normal)
    alarms, hits, thresholds = roc_curve(
        [1] * len(abnormal) + [0] * len(normal), [*abnormal, *normal], drop_intermediate=False
    )
    finite = np.isfinite(thresholds)
    best = (hits - alarms)[finite].max()
    assert point.sensitivity + point.specificity - 1 == pytest.approx(best)
    among_equals = thresholds[finite & np.isclose(hits - alarms, best)]
    assert point.threshold == among_equals.max()


@given(scores_of_a_class, scores_of_a_class, st.floats(0, 1, exclude_min=True))
def test_sensitivity_is_reached_by_the_highest_threshold_that_can(abnormal, normal, wanted):
    point = choose(abnormal, normal, wanted)
    assert point.rule == "sensitivity"
    assert point.sensitivity >= wanted
    for higher in {score for score in [*abnormal, *normal] if score > point.threshold}:
        assert rates(higher, abnormal, normal)[0] < wanted


@given(scores_of_a_class, scores_of_a_class, st.none() | st.floats(0, 1, exclude_min=True))
def test_stated_rates_are_those_of_the_decision(abnormal, normal, wanted):
    point = choose(abnormal, normal, wanted)
    hits, alarms = rates(point.threshold, abnormal, normal)
    assert (point.sensitivity, point.specificity) == (pytest.approx(hits), pytest.approx(1 - alarms))
    assert math.isfinite(point.threshold)


def test_share_that_is_exactly_reached_is_enough():
    # 19 of 20, which 0.95 * 20 in floating point must not turn into 20.
    point = choose(range(20), [0], sensitivity=0.95)
    assert point.threshold == 1


def test_constant_scores_flag_everything():
    point = choose([2.0] * 3, [2.0] * 5)
    assert (point.threshold, point.sensitivity, point.specificity) == (2.0, 1.0, 0.0)


def test_a_useless_filter_gets_a_finite_threshold():
    # Abnormal frames score lowest: every finite threshold has a negative Youden index, but the lowest's 0.
    assert choose([0.0, 0.1], [1.0, 2.0]).threshold == 0.0


def test_without_abnormal_frames_the_quantile_of_the_normal_ones():
    point = choose([], range(101))
    assert (point.threshold, point.rule) == (95.0, "normal-quantile")
    assert point.sensitivity is None
    assert "no abnormal" in point.notes[0]


def test_without_normal_frames_every_abnormal_one_passes():
    point = choose([3.0, 1.0], [])
    assert (point.threshold, point.sensitivity, point.specificity) == (1.0, 1.0, None)
    assert "no normal" in point.notes[0]


def test_without_frames():
    with pytest.raises(DataError, match=r"pipeline\.gate\.threshold"):
        choose([], [])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_must_be_finite(bad):
    with pytest.raises(ValueError, match="finite"):
        choose([bad], [0.0])


def test_given_threshold_is_judged_where_there_are_frames():
    point = given_threshold([0.0, 1.0, 2.0], [0, 0, 1], 1.0)
    assert (point.threshold, point.rule) == (1.0, "given")
    assert (point.sensitivity, point.specificity) == (1.0, 0.5)
    assert given_threshold([], [], 1.0).sensitivity is None


confidences = st.lists(st.integers(0, 6).map(lambda i: i / 6), min_size=1, max_size=30)


@given(confidences, confidences)
def test_few_string_free_frames_keep_a_box(abnormal, normal):
    point = choose_confidence([*abnormal, *normal], [1] * len(abnormal) + [0] * len(normal))
    candidates = [c for c in {*abnormal, *normal} if c > 0]
    if not candidates:
        assert point is None
        return
    hits, alarms = rates(point.threshold, abnormal, normal)
    assert (point.sensitivity, point.specificity) == (pytest.approx(hits), pytest.approx(1 - alarms))
    allowed = [c for c in candidates if rates(c, abnormal, normal)[1] <= FALSE_ALARMS]
    if not allowed:
        assert point.threshold == max(candidates)
        return
    best = max(rates(c, abnormal, normal)[0] - rates(c, abnormal, normal)[1] for c in allowed)
    assert alarms <= FALSE_ALARMS
    assert hits - alarms == pytest.approx(best)


def test_boxes_without_string_frames_to_choose_on():
    point = choose_confidence(np.linspace(0, 1, 101), [0] * 101)
    assert (point.rule, point.threshold) == ("normal-quantile", pytest.approx(0.95))
    silent = choose_confidence([0] * 30 + [0.5], [0] * 31)
    assert silent.threshold == 0.5, "never a box of no confidence"

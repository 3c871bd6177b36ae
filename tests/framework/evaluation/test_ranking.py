import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from cs_framework.evaluation.matching import evaluator, matches
from cs_framework.evaluation.ranking import auroc, average_precision, coco_average_precision, ratio
from tests.framework.evaluation.frames import judged, random_split

# Few different scores, so that ties are common.
items = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40)


@given(items)
def test_auroc_is_that_of_scikit_learn_with_weights(rows):
    scores, positive, weights = map(np.array, zip(*rows, strict=True))
    counted = weights > 0
    assume(0 < positive[counted].sum() < counted.sum())
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    assert auroc(scores, positive)(weights[None].astype(float))[0] == pytest.approx(expected, abs=1e-12)


@given(items, st.integers(1, 5))
def test_average_precision_is_that_of_scikit_learn_with_weights(rows, frames):
    scores, positive, _ = map(np.array, zip(*rows, strict=True))
    frame = np.arange(len(rows)) % frames
    weights = np.arange(frames) % 3  # some frames are not drawn, some twice
    assume(positive[weights[frame] > 0].any())
    expected = average_precision_score(positive, scores, sample_weight=weights[frame])
    value = average_precision(scores, positive, frame, frames)(weights[None].astype(float))[0]
    assert value == pytest.approx(expected, abs=1e-12)


def coco_parts(frames):
    strings = [f.boxes for f in frames]
    ranked = [f.result.ranked for f in frames]
    return strings, ranked


def library_ap(frames, iou):
    boxes, detections = coco_parts(frames)
    return evaluator(boxes, detections, iou).eval["precision"].mean()


@pytest.mark.parametrize("iou", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("seed", range(8))
def test_coco_ap_is_that_of_the_evaluator_on_repeated_frames(seed, iou):
    frames = random_split(seed)
    strings, ranked = coco_parts(frames)
    statistic = coco_average_precision(
        [d.confidence for found in ranked for d in found],
        matches(strings, ranked, iou),
        np.repeat(np.arange(len(frames)), [len(found) for found in ranked]),
        np.array([len(b) for b in strings]),
    )
    times = np.random.default_rng(seed).multinomial(
        len(frames), np.full(len(frames), 1 / len(frames)), size=3
    )
    weights = np.concatenate([np.ones((1, len(frames)), int), times])
    expected = [
        library_ap([f for f, n in zip(frames, row, strict=True) for _ in range(n)], iou) for row in weights
    ]
    assert 0 < expected[0] < 1
    np.testing.assert_allclose(statistic(weights.astype(float)), expected, atol=1e-12)


def test_coco_ap_in_closed_form():
    # Three strings; detections by confidence: match, miss, match. The third string is never found.
    # Precision is 1 for recall up to 1/3 (34 of 101 levels) and 2/3 up to 2/3 (33 levels).
    statistic = coco_average_precision(
        [0.9, 0.8, 0.7], np.array([True, False, True]), np.array([0, 0, 1]), np.array([2, 1])
    )
    assert statistic(np.ones((1, 2)))[0] == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_each_box_is_matched_once_and_by_the_more_confident_detection():
    frame = judged(
        strings=[[0, 0, 10, 10]],
        regions=[[0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60]],
        confidence=[0.9, 0.8, 0.7],
    )
    assert matches([frame.boxes], [frame.result.ranked], 0.5).tolist() == [True, False, False]
    assert matches([frame.boxes], [()], 0.5).tolist() == []


def test_undefined_values_are_nan():
    nothing = np.zeros((1, 2))
    labels = np.array([True, False])
    scores, frames = np.array([0.5, 0.2]), np.arange(2)
    statistics = [
        ratio([1, 0], [1, 1]),
        auroc(scores, labels),
        average_precision(scores, labels, frames, 2),
        coco_average_precision(scores, labels, frames, np.array([1, 0])),
    ]
    for statistic in statistics:
        assert np.isnan(statistic(nothing)).all()
        assert np.isfinite(statistic(np.ones((1, 2)))).all()


def test_average_precision_without_positives_is_nan():
    value = average_precision(np.array([0.1, 0.2]), np.array([False, False]), np.arange(2), 2)(
        np.ones((3, 2))
    )
    assert np.isnan(value).all()


def test_coco_ap_without_any_match_is_zero():
    statistic = coco_average_precision([0.5], np.array([False]), np.array([0]), np.array([1]))
    assert statistic(np.ones((2, 1))).tolist() == [0, 0]
    statistic = coco_average_precision([], np.zeros(0, bool), np.zeros(0, int), np.array([1]))
    assert statistic(np.ones((2, 1))).tolist() == [0, 0]

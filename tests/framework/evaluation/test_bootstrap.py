import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cs_framework.evaluation.bootstrap import Bootstrap
from cs_framework.evaluation.ranking import average_precision, ratio


class Recorder:
    """Passes a statistic on and keeps the weights that it was asked for."""

    def __init__(self, statistic):
        self.statistic = statistic
        self.weights = []

    def __call__(self, weights):
        self.weights.append(weights)
        return self.statistic(weights)

    @property
    def resamples(self):
        return np.concatenate(self.weights[1:])  # the first call asks for the value itself


def everything(frames):
    return np.ones(frames, bool)


def test_interval_is_that_of_literally_repeated_frames():
    rng = np.random.default_rng(0)
    embryos = np.repeat(["a", "b", "c", "d", "e"], 3)
    frame = np.repeat(np.arange(15), 4)
    scores, positive = rng.random(60).round(1), rng.random(60) < 0.4
    recorder = Recorder(average_precision(scores, positive, frame, 15))
    figure = Bootstrap(embryos, resamples=200, seed=3).figure(recorder, everything(15), missing="")

    values = []
    for weights in recorder.resamples:
        drawn = np.repeat(np.arange(15), weights.astype(int))
        rows = np.concatenate([np.flatnonzero(frame == f) for f in drawn])
        values.append(average_precision_score(positive[rows], scores[rows]))
    assert len(values) == 200
    low, high = np.percentile(values, [2.5, 97.5])
    assert figure["value"] == pytest.approx(average_precision_score(positive, scores))
    assert (figure["low"], figure["high"]) == pytest.approx((low, high))
    assert low < figure["value"] < high


def test_embryos_are_drawn_whole():
    embryos = ["a"] * 2 + ["b"] * 3 + ["c"]
    recorder = Recorder(ratio(np.arange(6), np.ones(6)))
    figure = Bootstrap(embryos, 100, 0).figure(recorder, everything(6), missing="")
    weights = recorder.resamples
    assert (weights[:, [0, 2, 3]] == weights[:, [1, 3, 4]]).all()
    assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) == 10  # multisets of three out of three
    assert (figure["n"], figure["unit"]) == (3, "embryo")


@pytest.mark.parametrize(
    ("embryos", "behind"),
    [
        ("aaaa", ["1111"]),
        ("aabb", ["1100"]),  # the figure rests on one of two embryos
        ("aabb", ["1100", "0011"]),  # one embryo for each class
    ],
)
def test_frames_are_drawn_where_a_class_comes_from_one_embryo(embryos, behind):
    masks = [np.array([c == "1" for c in mask]) for mask in behind]
    frames = np.any(masks, axis=0)
    recorder = Recorder(ratio([0.0, 1, 2, 3], [1] * 4))
    figure = Bootstrap(list(embryos), 100, 0).figure(recorder, *masks, missing="")
    assert (figure["n"], figure["unit"]) == (frames.sum(), "frame")
    assert (recorder.resamples.sum(axis=1) == frames.sum()).all()
    assert (recorder.resamples[:, ~frames] == 0).all()


def test_width_of_the_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = np.random.default_rng(1).normal(size=400)
    figure = Bootstrap([f"embryo{i}" for i in range(400)], 2000, 0).figure(
        ratio(values, np.ones(400)), everything(400), missing=""
    )
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert figure["high"] - figure["low"] == pytest.approx(expected, rel=0.05)


def test_seed_decides():
    def figure(seed):
        statistic = ratio(np.arange(30.0), np.ones(30))
        return Bootstrap([str(i) for i in range(30)], 100, seed).figure(statistic, everything(30), missing="")

    assert figure(1) == figure(1)
    assert figure(1)["value"] == figure(2)["value"]
    assert figure(1)["low"] != figure(2)["low"]


def test_one_unit_has_no_interval():
    figure = Bootstrap(["a"], 100, 0).figure(ratio([1], [2]), everything(1), missing="")
    assert figure == {"value": 0.5, "low": None, "high": None, "n": 1, "unit": "frame"}


def test_undefined_resamples_are_left_out_and_most_of_them_undo_the_interval():
    # One of two embryos carries the denominator: a quarter of the resamples miss it.
    some = Bootstrap(["a", "b"], 400, 0).figure(ratio([1, 1], [2, 0]), everything(2), missing="")
    assert some["low"] == pytest.approx(0.5)
    assert some["high"] == pytest.approx(1)
    # All three embryos are drawn, each once, in two of nine resamples.
    balanced = lambda weights: np.where((weights == 1).all(axis=1), 1.0, np.nan)  # noqa: E731
    most = Bootstrap(["a", "b", "c"], 400, 0).figure(balanced, everything(3), missing="")
    assert most["value"] == 1
    assert (most["low"], most["high"]) == (None, None)


def test_undefined_value_gives_the_text():
    assert (
        Bootstrap(["a"], 100, 0).figure(ratio([0], [0]), np.zeros(1, bool), missing="no boxes") == "no boxes"
    )
    assert Bootstrap([], 100, 0).figure(ratio([], []), np.zeros(0, bool), missing="no frames") == "no frames"

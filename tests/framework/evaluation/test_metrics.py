import json
from itertools import combinations

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from cs_framework import boxes
from cs_framework.evaluation.metrics import evaluate
from tests.framework.evaluation.frames import judged, random_split


def figures(frames, threshold=0.5, **options):
    return evaluate({"test": frames}, threshold=threshold, resamples=100, seed=0, **options)["splits"]["test"]


def value(figure):
    return figure["value"]


def shape(node):
    """The keys of a tree, with figures as leaves."""
    if isinstance(node, dict) and "value" not in node:
        return {key: shape(inner) for key, inner in node.items()}
    return sorted(node) if isinstance(node, dict) else type(node).__name__


FIGURE = ["high", "low", "n", "unit", "value"]


def test_shape():
    metrics = evaluate(
        {"val": [], "test": random_split(0)}, threshold=0.5, resamples=100, seed=0, notes=["a note"]
    )
    assert list(metrics) == ["splits", "notes"]
    assert list(metrics["splits"]) == ["val", "test"]
    assert metrics["notes"] == ["a note"]
    assert shape(metrics["splits"]["test"]) == {
        "stage1": {
            "auroc": FIGURE,
            "average_precision": FIGURE,
            "accuracy": FIGURE,
            "precision": FIGURE,
            "recall": FIGURE,
            "f1": FIGURE,
            "confusion": {"tp": "int", "fp": "int", "fn": "int", "tn": "int"},
            "threshold": "float",
            "baselines": {"mean_intensity": FIGURE, "frame_size": FIGURE},
        },
        "stage2": {
            "proposal_recall": {"0.2": FIGURE, "0.25": FIGURE, "0.5": FIGURE, "0.75": FIGURE},
            "proposals_per_frame": FIGURE,
            "region_ap": FIGURE,
            "region_base_rate": FIGURE,
            "top1_hit_rate": {"0.2": FIGURE, "0.25": FIGURE, "0.5": FIGURE},
            "top5_hit_rate": {"0.2": FIGURE, "0.25": FIGURE, "0.5": FIGURE},
            "random1_hit_rate": {"0.2": FIGURE, "0.25": FIGURE, "0.5": FIGURE},
            "random5_hit_rate": {"0.2": FIGURE, "0.25": FIGURE, "0.5": FIGURE},
            "top1_mean_iou": FIGURE,
            "pointing": FIGURE,
            "random_pointing": FIGURE,
            "ap": {"0.25": FIGURE, "0.5": FIGURE, "0.75": FIGURE},
        },
        "cascade": {
            "flagged_fraction": FIGURE,
            "string_frames_flagged": FIGURE,
            "string_frames_reported": FIGURE,
            "normal_frames_reported": FIGURE,
            "confidence_auroc": FIGURE,
            "strings_found": FIGURE,
        },
    }
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_stage1_is_scikit_learn():
    frames = random_split(3, frames=40)
    labels = np.array([f.label for f in frames])
    scores = np.array([f.result.score for f in frames])
    decided = np.array([f.result.flagged for f in frames])
    stage1 = figures(frames)["stage1"]
    assert value(stage1["auroc"]) == pytest.approx(sk.roc_auc_score(labels, scores))
    assert value(stage1["average_precision"]) == pytest.approx(sk.average_precision_score(labels, scores))
    assert value(stage1["accuracy"]) == pytest.approx(sk.accuracy_score(labels, decided))
    assert value(stage1["precision"]) == pytest.approx(sk.precision_score(labels, decided))
    assert value(stage1["recall"]) == pytest.approx(sk.recall_score(labels, decided))
    assert value(stage1["f1"]) == pytest.approx(sk.f1_score(labels, decided))
    (tn, fp), (fn, tp) = sk.confusion_matrix(labels, decided)
    assert stage1["confusion"] == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    area = sk.roc_auc_score(labels, [f.result.statistics["mean_intensity"] for f in frames])
    assert value(stage1["baselines"]["mean_intensity"]) == pytest.approx(max(area, 1 - area))
    assert value(stage1["baselines"]["frame_size"]) == 0.5


def test_a_cue_that_points_down_counts_as_one_that_points_up():
    frames = [judged(strings=[[0, 0, 9, 9]] * (i < 3), statistics={"mean_intensity": i}) for i in range(6)]
    assert value(figures(frames)["stage1"]["baselines"]["mean_intensity"]) == 1


def test_region_ap_is_scikit_learn_over_labelled_regions():
    frames = random_split(1)
    labels, probabilities = [], []
    for frame in frames:
        overlap = boxes.iou(frame.result.proposals, frame.boxes).max(axis=1, initial=0)
        for iou, probability in zip(overlap, frame.result.scores.probability, strict=True):
            if iou > 0.3 or iou < 0.05:
                labels.append(iou > 0.3)
                probabilities.append(probability)
    stage2 = figures(frames, training_iou=(0.3, 0.05))["stage2"]
    assert value(stage2["region_ap"]) == pytest.approx(sk.average_precision_score(labels, probabilities))
    assert value(stage2["region_base_rate"]) == pytest.approx(np.mean(labels))


# Two strings of 100 px^2. Beside the first lie regions of IoU 0.5, 0.25, 0.2 and 0.1 with it.
STRINGS = [[0, 0, 10, 10], [50, 50, 60, 60]]
HALF, QUARTER, FIFTH, TENTH = [0, 0, 10, 5], [0, 0, 5, 5], [0, 0, 10, 2], [0, 0, 10, 1]
AWAY = [80, 80, 90, 90]


def test_regions_at_the_training_thresholds_are_neither_positive_nor_negative():
    frame = judged(strings=STRINGS, regions=[HALF, FIFTH, TENTH, AWAY], confidence=[0.1, 0.8, 0.9, 0.2])
    stage2 = figures([frame])["stage2"]
    assert value(stage2["region_base_rate"]) == 0.5
    assert value(stage2["region_ap"]) == 0.5


def test_proposal_recall_in_closed_form():
    frame = judged(strings=STRINGS, regions=[HALF, AWAY], confidence=[0.1, 0.2])
    empty = judged(strings=[[0, 0, 5, 5]])
    recall = figures([frame, empty])["stage2"]["proposal_recall"]
    assert {iou: value(figure) for iou, figure in recall.items()} == pytest.approx(
        {"0.2": 1 / 3, "0.25": 1 / 3, "0.5": 1 / 3, "0.75": 0}
    )


@pytest.mark.parametrize(
    ("region", "hit_at"),
    [(HALF, {"0.2", "0.25", "0.5"}), (QUARTER, {"0.2", "0.25"}), (FIFTH, {"0.2"}), (TENTH, set())],
)
def test_a_hit_needs_at_least_the_iou_asked_for(region, hit_at):
    rates = figures([judged(strings=STRINGS, regions=[region], confidence=[0.5])])["stage2"]["top1_hit_rate"]
    assert {iou for iou, figure in rates.items() if value(figure) == 1} == hit_at


def test_hit_rates_are_of_the_raw_ranking_over_frames_with_boxes():
    regions, confidence = [AWAY] * 4 + [HALF, STRINGS[0]], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    frames = [
        judged(strings=STRINGS, regions=regions, confidence=confidence, ranked=[5]),  # HALF is fifth
        judged(strings=STRINGS, regions=[AWAY, HALF], confidence=[0.1, 0.2]),
        judged(strings=STRINGS),  # nothing proposed: a miss
        judged(strings=[], regions=[AWAY], confidence=[0.9]),
        judged(strings=None, label=1, regions=[HALF], confidence=[0.9]),
    ]
    stage2 = figures(frames)["stage2"]
    assert value(stage2["top1_hit_rate"]["0.5"]) == pytest.approx(1 / 3)
    assert value(stage2["top5_hit_rate"]["0.5"]) == pytest.approx(2 / 3)
    assert value(stage2["top1_mean_iou"]) == pytest.approx(0.5 / 3)
    assert value(stage2["proposals_per_frame"]) == pytest.approx((6 + 2 + 0 + 1 + 1) / 5)
    assert stage2["top1_hit_rate"]["0.5"]["n"] == 3
    # Two of six regions hit in the first frame, one of two in the second, none in the third.
    assert value(stage2["random1_hit_rate"]["0.5"]) == pytest.approx((2 / 6 + 1 / 2 + 0) / 3)
    assert value(stage2["random5_hit_rate"]["0.5"]) == pytest.approx((1 + 1 + 0) / 3)


def test_a_box_points_at_a_string_when_its_centre_lies_in_an_annotated_box():
    beside = AWAY
    around = (STRINGS[0][0] - 9, STRINGS[0][1] - 9, STRINGS[0][2] + 9, STRINGS[0][3] + 9)
    frames = [
        judged(strings=STRINGS, regions=[around, beside], confidence=[0.9, 0.8]),  # loose, but well placed
        judged(strings=STRINGS, regions=[beside, around], confidence=[0.9, 0.8]),
        judged(strings=STRINGS),  # nothing proposed
        judged(strings=[], regions=[around], confidence=[0.9]),
        judged(strings=None, label=1, regions=[around], confidence=[0.9]),
    ]
    stage2 = figures(frames)["stage2"]
    assert value(stage2["pointing"]) == pytest.approx(1 / 3)
    assert stage2["pointing"]["n"] == 3
    at_edge = judged(strings=[(10, 10, 20, 20)], regions=[(15, 10, 25, 20)], confidence=[0.9])
    assert value(figures([at_edge])["stage2"]["pointing"]) == 0, "boxes are half-open"


def test_a_random_point_hits_by_the_annotated_share_of_the_embryo():
    overlapping = [(10, 10, 30, 30), (20, 10, 40, 30)]  # 600 px together
    frame = judged(strings=overlapping, regions=[AWAY], confidence=[0.5])
    assert value(figures([frame])["stage2"]["random_pointing"]) == pytest.approx(0.06)
    found = evolve(frame, result=evolve(frame.result, embryo=(50.0, 50.0, 50.0)))
    y, x = np.mgrid[0.5:100, 0.5:100]
    inside = (x - 50) ** 2 + (y - 50) ** 2 <= 2500
    assert value(figures([found])["stage2"]["random_pointing"]) == pytest.approx(
        (inside[10:30, 10:40]).sum() / inside.sum()
    )
    elsewhere = evolve(frame, result=evolve(frame.result, embryo=(80.0, 80.0, 15.0)))
    assert value(figures([elsewhere])["stage2"]["random_pointing"]) == pytest.approx(0.06)


def test_chance_is_the_mean_over_all_orders():
    regions = [HALF, *[AWAY] * 6, STRINGS[0]]
    frame = judged(strings=STRINGS, regions=regions, confidence=np.linspace(0.9, 0.1, 8))
    rates = figures([frame])["stage2"]["random5_hit_rate"]
    draws = list(combinations([True, *[False] * 6, True], 5))
    assert value(rates["0.5"]) == pytest.approx(np.mean([any(draw) for draw in draws]))


def test_ap_counts_what_is_ranked_and_false_alarms_on_string_free_frames():
    string, alarm = STRINGS[0], AWAY
    found = judged(strings=[string], regions=[string, alarm], confidence=[0.8, 0.9], ranked=[0])
    assert value(figures([found])["stage2"]["ap"]["0.75"]) == pytest.approx(1)
    free = judged(strings=[], regions=[alarm], confidence=[0.9])
    assert value(figures([found, free])["stage2"]["ap"]["0.75"]) == pytest.approx(0.5)
    unknown = judged(strings=None, label=1, regions=[alarm], confidence=[0.9])
    assert value(figures([found, unknown])["stage2"]["ap"]["0.75"]) == pytest.approx(1)


def test_the_gate_decides_the_cascade_and_not_stage_2():
    frames = random_split(5)
    closed = [evolve(f, result=evolve(f.result, flagged=False)) for f in frames]
    before, after = figures(frames), figures(closed)
    assert before["stage2"] == after["stage2"]
    assert value(before["cascade"]["strings_found"]) > 0
    assert value(after["cascade"].pop("confidence_auroc")) == 0.5
    assert {value(f) for f in after["cascade"].values()} == {0}


def test_cascade_in_closed_form():
    reports_both = {"strings": STRINGS, "regions": [QUARTER, STRINGS[1]], "confidence": [0.8, 0.7]}
    frames = [
        judged(**reports_both, reported=2),
        judged(**reports_both, reported=1),
        judged(**reports_both, reported=2, flagged=False),
        judged(strings=STRINGS, regions=[FIFTH], confidence=[0.9]),
        judged(strings=[], flagged=False),
    ]
    cascade = figures(frames)["cascade"]
    assert value(cascade["flagged_fraction"]) == pytest.approx(3 / 5)
    assert value(cascade["string_frames_flagged"]) == pytest.approx(3 / 4)
    assert value(cascade["strings_found"]) == pytest.approx((2 + 1 + 0 + 0) / 8)


def test_confidence_of_frames_is_judged_by_their_best_reported_box():
    def frame(label, *confidence, **more):
        regions = [HALF] * len(confidence)
        return judged(strings=None, label=label, regions=regions, confidence=list(confidence), **more)

    frames = [frame(1, 0.9), frame(1, 0.3), frame(1, 0.8, flagged=False), frame(0, 0.5), frame(0), frame(0)]
    cascade = figures(frames)["cascade"]
    assert value(cascade["normal_frames_reported"]) == pytest.approx(1 / 3)
    assert value(cascade["string_frames_reported"]) == pytest.approx(2 / 3)
    wanted = sk.roc_auc_score([1, 1, 1, 0, 0, 0], [0.9, 0.3, 0, 0.5, 0, 0])
    assert value(cascade["confidence_auroc"]) == pytest.approx(wanted)
    assert figures([frame(1, 0.9)])["cascade"]["confidence_auroc"] == "no normal frames"
    assert value(figures([frame(0, 0.0)])["cascade"]["normal_frames_reported"]) == 1


def test_without_a_filter():
    sections = figures(random_split(0), threshold=None)
    assert sections["stage1"] == "no filter"
    assert value(sections["stage2"]["top1_hit_rate"]["0.25"]) > 0


def test_without_boxes_nothing_of_boxes_is_claimed():
    frames = [judged(strings=None, label=i % 2, regions=[HALF], confidence=[0.5]) for i in range(4)]
    sections = figures(frames)
    assert sections["stage2"] == "no boxes"
    assert sections["cascade"]["strings_found"] == "no boxes"
    assert value(sections["cascade"]["string_frames_flagged"]) == 1
    assert figures([judged()])["stage2"] == "no boxes"  # known to be free of strings


def test_one_class_leaves_what_can_be_said_of_it():
    normal = figures([judged(flagged=i < 1) for i in range(4)])
    for name in ("auroc", "average_precision", "precision", "recall", "f1"):
        assert normal["stage1"][name] == "no abnormal frames"
    assert normal["stage1"]["baselines"] == {"mean_intensity": "no abnormal frames"}
    assert value(normal["stage1"]["accuracy"]) == 0.75
    assert normal["cascade"]["string_frames_flagged"] == "no abnormal frames"
    abnormal = figures([judged(strings=STRINGS, flagged=i < 1) for i in range(4)])
    assert abnormal["stage1"]["auroc"] == "no normal frames"
    assert value(abnormal["stage1"]["recall"]) == 0.25


def test_precision_of_nothing_flagged():
    stage1 = figures([judged(strings=STRINGS, flagged=False), judged(flagged=False)])["stage1"]
    assert stage1["precision"] == "no frame flagged"
    assert value(stage1["f1"]) == 0


def test_no_positive_region():
    stage2 = figures([judged(strings=STRINGS, regions=[AWAY], confidence=[0.5])])["stage2"]
    assert stage2["region_ap"] == "no positive regions"
    assert value(stage2["region_base_rate"]) == 0
    assert figures([judged(strings=STRINGS)])["stage2"]["region_base_rate"] == "no regions"


def test_scores_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        figures([judged(score=float("nan"))])


def test_notes_say_which_intervals_resample_frames():
    def notes(frames):
        return evaluate({"test": frames}, threshold=0.5, resamples=100, seed=0)["notes"]

    assert notes(random_split(0)) == []
    (note,) = notes(random_split(0, embryos=1))
    assert "stage1, stage2, cascade resample frames" in note
    # Strings of one embryo, string-free frames of several.
    mixed = [judged(strings=STRINGS, sequence="a")] * 3 + [judged(sequence=name) for name in "abcd"]
    (note,) = notes(mixed)
    assert "intervals of stage1, some of stage2, some of cascade resample frames" in note


def test_intervals_depend_on_the_seed_alone():
    frames = random_split(0)
    runs = [evaluate({"test": frames}, threshold=0.5, resamples=100, seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def leaves(node):
    if isinstance(node, dict) and "value" in node:
        yield node
    elif isinstance(node, dict):
        for key, inner in node.items():
            if key != "proposals_per_frame":
                yield from leaves(inner)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 3), st.integers(0, 30))
def test_laws(seed, frames, embryos, regions):
    metrics = evaluate(
        {"test": random_split(seed, frames, embryos, regions)}, threshold=0.5, resamples=100, seed=seed
    )
    json.dumps(metrics, allow_nan=False)
    sections = metrics["splits"]["test"]
    for figure in leaves(sections):
        assert 0 <= figure["value"] <= 1
        if figure["low"] is not None:
            assert 0 <= figure["low"] <= figure["high"] <= 1
        assert 1 <= figure["n"] <= (embryos if figure["unit"] == "embryo" else frames)
    stage2 = sections["stage2"]
    if stage2 == "no boxes":
        return
    recall = [value(f) for f in stage2["proposal_recall"].values()]
    assert recall == sorted(recall, reverse=True)
    for iou, top1 in stage2["top1_hit_rate"].items():
        assert value(top1) <= value(stage2["top5_hit_rate"][iou])
    assert value(sections["cascade"]["strings_found"]) <= recall[1]

"""What the report says and which frames it picks, by hand-made runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.evaluation.carried import CarriedEvaluation, Share, SplitEvaluation
from cs_framework.report.cases import EACH, choose_cases
from cs_framework.report.contents import Contents, ReportFrame, Totals
from cs_framework.report.wording import answer, figure_lines, headline, trust

STRING = (10.0, 10.0, 30.0, 20.0)
ELSEWHERE = (60.0, 60.0, 80.0, 80.0)


def look(frame, label=None, box=None, confidence=0.5, sequence="e1", boxed=True):
    truth = None if label is None or not boxed else ((STRING,) if label else ())
    found = ((box, confidence),) if box else ()
    return ReportFrame(
        frame, sequence, 0, None, (100, 100), 0.3, box is not None, found, "test", label, truth
    )


def figure(value, low=None, high=None, n=30, unit="embryo"):
    return {"value": value, "low": low, "high": high, "n": n, "unit": unit}


def contents(
    judged=(), sequences=(), auroc=None, cue=0.5, detected=True, timelines=None, bundle=None, carried=None
):
    stage1 = {"auroc": auroc, "baselines": {"mean_intensity": figure(cue)}} if auroc else "no filter"
    return Contents(
        folder=Path(),
        recipe={},
        recipe_text="",
        bundle=bundle or {},
        carried=carried,
        metrics={"splits": {"test": {"stage1": stage1}}} if judged else {},
        proposals={},
        judged=tuple(judged),
        sequences=list(sequences),
        totals=Totals(
            len(sequences),
            sum(row["frames_with_strings"] > 0 for row in sequences),
            sum(row["frames"] for row in sequences),
            sum(row["frames_with_strings"] for row in sequences),
        ),
        detected=detected,
        timelines=timelines or {},
        tracks={},
        histories={},
        skipped=[],
    )


def row(sequence, frames=5, shown=0, hours=None):
    return {
        "sequence": sequence,
        "frames": frames,
        "frames_with_strings": shown,
        "first_index": 3 if shown else None,
        "last_index": 4 if shown else None,
        "first_hours": hours,
        "last_hours": hours,
        "longest_run": 2,
        "strings": 1,
        "confidence": 0.7,
        "smoothed_confidence": 0.6,
    }


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([row("e1", shown=2), row("e2")], "Strings reported in 1 of 2 embryos"),
        ([row("e1"), row("e2")], "No strings reported in 2 embryos"),
        ([row("e1", shown=1)], "Strings reported in e1"),
        ([row("e1")], "No strings reported in e1"),
        ([], "No frame could be looked at"),
    ],
)
def test_the_headline_is_the_answer(rows, wanted):
    assert headline(contents(sequences=rows)) == wanted


def test_the_answer_says_when():
    text = " ".join(answer(contents(sequences=[row("e7", shown=2, hours=12.26), row("e2")])))
    assert "2 of 10 frames" in text
    assert "e7: strings from 12.3 h to 12.3 h" in text
    assert "from frame 3 to frame 4" in " ".join(answer(contents(sequences=[row("e7", shown=2), row("e2")])))


def test_frames_of_unknown_embryos_are_owned_up_to():
    rows = [row(f"f{i}.png", frames=1, shown=1) for i in range(3)]
    assert "every frame counts as an embryo" in " ".join(answer(contents(sequences=rows)))


def test_a_run_that_was_not_judged_says_so():
    assert "nothing here says how often it errs" in " ".join(trust(contents()))


def judged(right, wrong, of=20, embryos=20):
    strings = [look(f"s{i}", 1, STRING if i < right else None, sequence=f"e{i % embryos}") for i in range(of)]
    free = [look(f"n{i}", 0, STRING if i < wrong else None, sequence=f"e{i % embryos}") for i in range(of)]
    return strings + free


def test_trust_counts_what_was_right_and_wrong():
    looks = [*judged(17, 2), look("w", 1, ELSEWHERE)]
    text = " ".join(trust(contents(looks, auroc=figure(0.9, 0.8, 0.95))))
    assert "on 18 of the 21 frames with strings, on 17 in the right place." in text
    assert "on 2 of the 20 frames without strings" in text
    for warning in ("no evidence", "false alarms", "guessing", "trivial", "rests on"):
        assert warning not in text


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"judged": judged(18, 17)}, "no evidence of a string"),
        ({"judged": judged(18, 9)}, "many reports are false alarms"),
        ({"judged": judged(18, 1, embryos=4)}, "rests on 4 embryos only"),
        ({"auroc": figure(0.6, 0.45, 0.7)}, "cannot be told from guessing"),
        ({"auroc": figure(0.8, 0.7, 0.9), "cue": 0.85}, "mean intensity alone reaches an AUROC of 0.85"),
    ],
)
def test_weak_evidence_is_named(change, warning):
    given = {"judged": judged(18, 1), "auroc": figure(0.9, 0.8, 0.95)} | change
    assert warning in " ".join(trust(contents(**given)))


def test_figures_say_what_they_rest_on():
    lines = figure_lines(
        {
            "auroc": figure(0.7, 0.6, 0.8),
            "confusion": {"tp": 1},
            "baselines": {"frame_size": figure(0.5, n=4)},
            "ap": {"0.25": figure(0.1, unit="frame"), "0.5": "no boxes"},
            "proposals_per_frame": figure(1494.2, 1363, 1633),
        }
    )
    told = [(line.name, line.value, line.interval, line.few, line.baseline) for line in lines]
    assert told == [
        ("AUROC", "0.70", "0.60 to 0.80", False, False),
        ("from frame size alone", "0.50", "", True, True),
        ("AP of boxes, IoU 0.25", "0.10", "", True, False),
        ("AP of boxes, IoU 0.5", "no boxes", "", False, False),
        ("proposals per frame", "1494", "1363 to 1633", False, False),
    ]


def test_every_way_to_be_right_or_wrong_has_its_cases():
    looks = [
        look("hit", 1, STRING),
        look("unboxed hit", 1, STRING, boxed=False),
        look("beside", 1, ELSEWHERE),
        look("missed", 1),
        look("alarm", 0, STRING),
        look("silent", 0),
    ]
    groups = {g.title: {f.frame for f in g.looks} for g in choose_cases(contents(looks))}
    assert groups == {
        "Found": {"hit", "unboxed hit"},
        "Off the mark": {"beside"},
        "Missed": {"missed"},
        "False alarms": {"alarm"},
        "Rightly silent": {"silent"},
    }


def test_without_truth_the_surest_and_the_least_sure_are_shown():
    looks = (*(look(f"f{i}", box=STRING, confidence=i / 10) for i in range(8)), look("quiet"))
    groups = {g.title: [f.frame for f in g.looks] for g in choose_cases(contents(timelines={"e1": looks}))}
    assert groups == {"Surest": ["f7", "f6", "f5"], "Least sure": ["f0", "f1", "f2"], "Nearly": ["quiet"]}


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.01, 1)), min_size=1, max_size=20))
def test_other_embryos_come_before_a_second_case_of_one(frames):
    looks = [
        evolve(look(f"f{i}", box=STRING, confidence=c), sequence=f"e{e}") for i, (e, c) in enumerate(frames)
    ]
    (surest, *_) = choose_cases(contents(timelines={"all": tuple(looks)}))
    embryos = {f"e{e}" for e, _ in frames}
    assert len({f.sequence for f in surest.looks}) == min(EACH, len(embryos))
    assert surest.looks[0].confidence == max(c for _, c in frames)


CARRIED = CarriedEvaluation(
    "drawn embryos",
    0.25,
    0.5,
    {
        "val": SplitEvaluation(20, 10, 5),
        "test": SplitEvaluation(40, 20, 10, Share(0.05, 0.01, 0.1), Share(0.75, 0.6, 0.9), None, Share(0.7)),
    },
)


def test_the_figures_of_the_bundle_are_quoted():
    text = " ".join(trust(contents(carried=CARRIED)))
    assert "On 40 frames (20 with strings) of 10 embryos" in text
    assert "(drawn embryos, split test)" in text
    assert "in 75% (60% to 90%) of those with strings and in 5% (1% to 10%) of those without" in text
    assert "centred on a string in 70% of" in text
    assert "from confidence" not in text
    asked = evolve(contents(carried=CARRIED), recipe={"pipeline": {"min_confidence": 0.05}})
    assert "from confidence 0.25 on; this run reports them from 0.05 on" in " ".join(trust(asked))
    point = {"boxes": {"sensitivity": 0.9, "specificity": 0.95}, "notes": ["adapted to 50 frames", "other"]}
    text = " ".join(trust(contents(bundle=point)))
    assert "in 90% of those with strings and in 5% of those without" in text
    assert text.startswith("Adapted to 50 frames.")


@pytest.mark.parametrize(
    ("rows", "alarms", "counted"),
    [
        ([row("e1", shown=2), row("e2")], (0.05, 0.75), True),
        ([row("e1", shown=2), row("e2")], (0.7, 0.75), False),
        ([row("e1", shown=1), *(row(f"e{i}") for i in range(9))], (0.05, 0.75), False),
    ],
    ids=["evidence", "as often without strings", "as rarely as false alarms"],
)
def test_no_headline_counts_what_frames_without_strings_get_too(rows, alarms, counted):
    wrong, right = alarms
    point = {"boxes": {"sensitivity": right, "specificity": 1 - wrong}}
    said = headline(contents(sequences=rows, bundle=point))
    assert said.startswith("Strings reported in") is counted
    assert ("than on frames without any" in said) is not counted

"""States of frames: what a model knows, and whether there is a cavity."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Frame
from cs_framework.pipeline.familiarity import Known, State, figures

SEEN = [
    {
        "embryo_diameter": 200.0 + i,
        "contrast": 20.0 + i,
        "anomaly_score": -1.0 + i / 10,
        "cavity_area": 0.3,
    }
    for i in range(20)
]
LABELS = [i % 2 for i in range(20)]
KNOWN = Known.of(SEEN, LABELS)


@given(st.integers(0, 19))
def test_what_was_seen_is_familiar(number: int) -> None:
    assert KNOWN.state(SEEN[number]) == State("familiar")


@pytest.mark.parametrize(
    ("figure", "value", "reason"),
    [
        ("contrast", 70.0, "contrast 70, seen in training: 12.6 to 62.1"),
        ("embryo_diameter", 80.0, "embryo diameter 80, seen"),
        ("anomaly_score", 30.0, "anomaly score 30, seen"),
    ],
)
def test_what_is_far_from_it_is_not(figure: str, value: float, reason: str) -> None:
    state = KNOWN.state({**SEEN[3], figure: value})
    assert state.name == "unfamiliar"
    assert state.reason.startswith(reason)


def test_a_filter_that_learns_on_keeps_what_frames_look_like() -> None:
    assert [known.name for known in KNOWN.of_frames.ranges] == ["embryo_diameter", "contrast"]
    assert KNOWN.of_frames.cavity == KNOWN.cavity


def test_a_frame_without_an_embryo_is_unfamiliar_where_all_had_one() -> None:
    bare = {name: value for name, value in SEEN[0].items() if name != "embryo_diameter"}
    assert KNOWN.state(bare) == State("unfamiliar", "no embryo found")
    assert Known.of([bare, *SEEN[:3]], [0] * 4).state(bare).name == "familiar"


def test_without_a_cavity_there_is_no_blastocyst() -> None:
    early = {**SEEN[0], "cavity_area": 0.001}
    assert KNOWN.state(early).name == "no-blastocyst"
    blind = [{name: value for name, value in one.items() if name != "cavity_area"} for one in SEEN]
    assert Known.of(blind, LABELS).cavity is None
    assert Known.of(blind, LABELS).state(early).name == "familiar"


def test_figures_are_those_of_the_embryo() -> None:
    grey = np.random.default_rng(0).integers(80, 120, (300, 300)).astype(np.uint8)
    plain = figures(Frame(np.dstack([grey] * 3), "a", circle=(0.5, 0.5, 0.3)), 2.0, {"mass_area": 0.1})
    assert (plain["embryo_diameter"], plain["anomaly_score"], plain["mass_area"]) == (180, 2.0, 0.1)
    soft = cv2.GaussianBlur(grey, (0, 0), 3)
    blurred = figures(Frame(np.dstack([soft] * 3), "a", circle=(0.5, 0.5, 0.3)), float("nan"), {})
    assert blurred["sharpness"] < plain["sharpness"] / 2
    assert blurred["contrast"] < plain["contrast"]
    assert "anomaly_score" not in blurred
    nowhere = figures(Frame(np.full((64, 64, 3), 90, np.uint8), "b"), 0.0, {})
    assert "embryo_diameter" not in nowhere

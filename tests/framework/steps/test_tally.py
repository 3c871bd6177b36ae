import logging

import pytest

from cs_framework.pipeline.familiarity import State
from cs_framework.pipeline.results import FrameResult
from cs_framework.steps.tally import Tally


def result(number: int, **known: object) -> FrameResult:
    return FrameResult(f"{number}.png", "e1", number, (9, 9), 0.5, True, **known)


def said(caplog: pytest.LogCaptureFixture, *results: FrameResult) -> list[str]:
    tally = Tally()
    for one in results:
        tally.add(one)
    with caplog.at_level(logging.INFO):
        tally.log()
    return [record.getMessage() for record in caplog.records]


def test_lost_embryos_and_unknown_frames_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    early, found = State("no-blastocyst", "small"), (4.0, 4.0, 3.0)
    lines = said(caplog, result(0, embryo=found, state=early), result(1, state=State("unfamiliar", "no")))
    assert lines[:2] == ["2 frames, 2 flagged, 0 strings reported", "embryo not found in 1 of 2 frames"]
    assert [line.rpartition(": ")[2] for line in lines[2:]] == ["unfamiliar", "no-blastocyst"]


@pytest.mark.parametrize(("largest", "warned"), [(4095, True), (1023, True), (16383, True), (16384, False)])
def test_files_that_use_little_of_their_depth_are_told(
    largest: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    lines = said(
        caplog, result(0, embryo=(4, 4, 3), depth=(7, 16)), result(1, embryo=(4, 4, 3), depth=(largest, 16))
    )
    assert (len(lines) == 2) == warned
    if warned:
        assert f"data.bits={largest.bit_length()}" in lines[1]
        assert "e1" in lines[1]

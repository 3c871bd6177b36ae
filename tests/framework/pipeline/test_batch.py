from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Frame, FrameError, SetupError
from cs_framework.api.components import NOT_DONE, Skipped
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.windows import FrameWindows
from cs_framework.errors import UnavailableError
from cs_framework.pipeline.batch import BATCH, UNIT, Batch, make_units


def ref(name: str, sequence: str = "e", index: int = 0) -> FrameRef:
    return FrameRef(id=name, path=Path(name), page=0, sequence=sequence, index=index)


def read(wanted: FrameRef) -> Frame:
    if "bad" in wanted.id:
        raise FrameError(f"{wanted.id}: cannot be read")
    return Frame(np.zeros((4, 4, 3), np.uint8), wanted.id)


@given(st.integers(0, 3 * UNIT))
def test_units_hold_every_frame_once_in_order(count):
    refs = [ref(str(i)) for i in range(count)]
    units = make_units(refs)
    assert [r for unit in units for r in unit.refs] == refs
    assert all(len(unit.refs) == UNIT for unit in units[:-1])
    pieces = [piece for unit in units for piece in unit.batches()]
    assert [r for piece in pieces for r in piece.refs] == refs
    assert all(0 < len(piece.refs) <= BATCH for piece in pieces)


def test_windows_stay_in_their_sequence_and_repeat_its_ends():
    refs = [ref(n, s) for n, s in [("a0", "a"), ("a1", "a"), ("a2", "a"), ("b0", "b")]]
    (unit,) = make_units(refs, context=2)
    assert [[r.id for r in window] for window in unit.windows] == [
        ["a0", "a0", "a0", "a1", "a2"],
        ["a0", "a0", "a1", "a2", "a2"],
        ["a0", "a1", "a2", "a2", "a2"],
        ["b0", "b0", "b0", "b0", "b0"],
    ]


def test_windows_reach_over_the_border_of_a_unit():
    first, second = make_units([ref(str(i), index=i) for i in range(UNIT + 1)], context=1)
    assert first.windows[-1][2].id == str(UNIT)
    assert second.windows[0][0].id == str(UNIT - 1)


def test_a_frame_that_cannot_be_read_for_now_is_not_done_nor_is_one_whose_neighbour_it_is():
    def unavailable(wanted: FrameRef) -> Frame:
        if wanted.id == "b":
            raise UnavailableError("b: Stale file handle")
        return read(wanted)

    (unit,) = make_units([ref(name, index=i) for i, name in enumerate("abcd")], context=1)
    batch = Batch(unit, unavailable)
    batch.each("read", batch.alive(), batch.frame)
    windows = batch.together("anomaly_filter", batch.alive(), lambda some: [batch.window(i) for i in some])
    assert list(windows) == [3]
    assert [batch.failed[i] for i in sorted(batch.failed)] == [
        Skipped(name, NOT_DONE, "b: Stale file handle") for name in "abc"
    ]


def test_a_frame_is_decoded_once():
    seen = []
    (unit,) = make_units([ref("a"), ref("b")], context=1)
    batch = Batch(unit, lambda r: seen.append(r.id) or read(r))
    for i in (0, 1, 0):
        batch.window(i)
        batch.frame(i)
    assert sorted(seen) == ["a", "b"]


def test_one_bad_frame_leaves_the_others():
    (unit,) = make_units([ref("a"), ref("bad"), ref("c")])
    batch = Batch(unit, read)
    frames = batch.each("read", batch.alive(), batch.frame)
    assert sorted(frames) == [0, 2]
    assert batch.failed[1].reason == "bad: cannot be read"

    def all_at_once(some):
        if len(some) > 1:
            raise ValueError("one of them is odd")
        if batch.unit.refs[some[0]].id == "c":
            raise ValueError("c is odd")
        return [len(some)]

    assert batch.together("embedder", batch.alive(), all_at_once) == {0: 1}
    assert (batch.failed[2].stage, batch.failed[2].reason) == ("embedder", "ValueError: c is odd")


def test_memory_that_runs_out_is_no_fault_of_a_frame():
    (unit,) = make_units([ref("a")])
    for asked in (lambda _: torch.empty(1 << 46), lambda _: np.ones(1 << 45)):
        batch = Batch(unit, read)
        with pytest.raises(MemoryError):
            batch.each("embedder", [0], asked)
        assert not batch.failed


def test_the_name_of_a_file_ends_no_run():
    (unit,) = make_units([ref("insufficient memory bad")])
    batch = Batch(unit, read)
    assert batch.each("read", [0], batch.frame) == {}
    assert batch.failed[0].stage == "read"


def test_an_unreadable_neighbour_is_replaced_by_the_frame():
    (unit,) = make_units([ref("a"), ref("bad")], context=1)
    assert [f.id for f in Batch(unit, read).window(0).frames] == ["a", "a", "a"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans()), max_size=12), st.integers(0, 3))
def test_fitting_and_scoring_see_the_same_windows(frames, context):
    refs = [
        ref(f"{'bad' if damaged else 'good'}{i}", sequence, i) for i, (sequence, damaged) in enumerate(frames)
    ]
    fitted = FrameWindows([LabelledFrame(r, 0) for r in refs], context, read)
    windows = [[frame.id for frame in window.frames] for window in fitted]
    scored = []
    for unit in make_units(refs, context):
        batch = Batch(unit, read)
        for i in batch.each("read", batch.alive(), batch.frame):
            scored.append([frame.id for frame in batch.window(i).frames])
    assert windows == scored


def test_what_no_frame_is_to_blame_for_is_raised():
    (unit,) = make_units([ref("a")])
    batch = Batch(unit, read)

    def fail(_):
        raise SetupError("no weights")

    with pytest.raises(SetupError):
        batch.each("embedder", [0], fail)
    with pytest.raises(SetupError):
        batch.together("embedder", [0], fail)

from __future__ import annotations

from collections import Counter

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.api.components import Detection
from cs_framework.outputs.tracks import by_embryo, link, sequence_row, track_rows, write_sequences
from cs_framework.pipeline.results import FrameResult

LEFT, RIGHT = (0.0, 0.0, 20.0, 10.0), (60.0, 50.0, 90.0, 60.0)


def frame(index, *found, sequence="e1", flagged=True, hours=None):
    """A result with (box, confidence) pairs."""
    name = f"{sequence}_{index}"
    detections = tuple(Detection(name, box, c, c, c, rank) for rank, (box, c) in enumerate(found))
    return FrameResult(name, sequence, index, (100, 100), 0.5, flagged, detections=detections, hours=hours)


def shifted(box, by):
    return (box[0] + by, box[1], box[2] + by, box[3])


def test_a_row_says_when_strings_show():
    frames = [frame(i, hours=i / 4) for i in range(10)]
    for i, confidence in ((3, 0.5), (4, 0.9), (5, 0.7), (8, 0.2)):
        frames[i] = frame(i, (LEFT, confidence), hours=i / 4)
    row = sequence_row(frames)
    assert row == {
        "sequence": "e1",
        "frames": 10,
        "frames_with_strings": 4,
        "fraction": pytest.approx(0.4),
        "first_index": 3,
        "last_index": 8,
        "first_hours": 0.75,
        "last_hours": 2.0,
        "longest_run": 3,
        "strings": 1,
        "confidence": pytest.approx(0.9),
        "smoothed_confidence": pytest.approx(0.5),
        "best_frame": "e1_4",
    }


def test_an_embryo_without_strings_has_no_first_frame():
    row = sequence_row([frame(0), frame(1, (LEFT, 0.9), flagged=False)])
    assert (row["frames_with_strings"], row["strings"], row["longest_run"], row["confidence"]) == (0, 0, 0, 0)
    assert "first_index" not in row


def test_one_high_frame_alone_raises_no_smoothed_confidence():
    frames = [frame(i, *([(LEFT, 0.99)] if i == 4 else [])) for i in range(9)]
    assert sequence_row(frames)["smoothed_confidence"] == 0


def test_strings_are_followed_while_they_move_and_over_short_gaps():
    frames = [frame(i, (shifted(LEFT, 5 * i), 0.9), (shifted(RIGHT, -3 * i), 0.8)) for i in range(5)]
    assert link(frames) == [[1, 2]] * 5
    frames[1:4] = [frame(i) for i in range(1, 4)]
    frames[4] = frame(4, (LEFT, 0.5))
    assert link(frames) == [[1, 2], [], [], [], [1]], "three frames are a gap"
    frames = [frame(0, (LEFT, 0.9)), *(frame(i) for i in range(1, 5)), frame(5, (LEFT, 0.9))]
    assert link(frames)[-1] == [2], "four are too many"


def test_boxes_go_to_the_string_that_they_overlap_most_in_all():
    """The first box overlaps both strings, and best the one that is all that the second box has."""
    a, b = (0.0, 0.0, 10.0, 10.0), (4.0, 0.0, 14.0, 10.0)
    first, second = (3.0, 0.0, 13.0, 10.0), (9.0, 0.0, 19.0, 10.0)
    assert link([frame(0, (a, 0.9), (b, 0.8)), frame(1, (first, 0.9), (second, 0.8))])[1] == [1, 2]


boxes = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(5, 40)] * 2).map(
    lambda v: (float(v[0]), float(v[1]), float(v[0] + v[2]), float(v[1] + v[3]))
)
found = st.lists(st.tuples(boxes, st.floats(0, 1, width=32)), max_size=4)
embryo = st.lists(found, min_size=1, max_size=8)


@given(st.lists(embryo, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_laws(embryos, random):
    frames = {
        f"e{number}": [frame(i, *looks, sequence=f"e{number}") for i, looks in enumerate(embryo)]
        for number, embryo in enumerate(embryos)
    }
    in_order = [f for each in frames.values() for f in each]
    shuffled = [f for each in frames.values() for f in random.sample(each, len(each))]
    told = [(sequence_row(each), track_rows(each)) for each in by_embryo(in_order)]
    assert told == [(sequence_row(each), track_rows(each)) for each in by_embryo(shuffled)]

    for row, tracks in told:
        own = frames[row["sequence"]]
        assert {t["sequence"] for t in tracks} <= {row["sequence"]}
        assert Counter((t["frame"], t["rank"]) for t in tracks) == Counter(
            (f.frame, d.rank) for f in own for d in f.detections
        ), "every reported box is of one string"
        assert max(Counter((t["track"], t["frame"]) for t in tracks).values(), default=1) == 1
        assert {t["track"] for t in tracks} == set(range(1, row["strings"] + 1))
        assert row["longest_run"] <= row["frames_with_strings"] <= row["frames"] == len(own)
        assert 0 <= row["smoothed_confidence"] <= row["confidence"] <= 1


def test_files_say_the_same_and_hold_a_row_per_embryo(tmp_path):
    results = [frame(i, (LEFT, 0.5), sequence=s, hours=0.5 * i) for s in ("e1", "<b>e2") for i in range(3)]
    write_sequences(tmp_path, results)
    rows = pq.read_table(tmp_path / "sequences.parquet").to_pylist()
    assert [row["sequence"] for row in rows] == ["e1", "<b>e2"]
    assert pyarrow.csv.read_csv(tmp_path / "sequences.csv")["strings"].to_pylist() == [1, 1]
    assert pq.read_table(tmp_path / "tracks.parquet").num_rows == 6

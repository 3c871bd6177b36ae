"""The answer per embryo: when strings show, how many they are, and which boxes are the same string."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from attrs import define, evolve
from scipy.optimize import linear_sum_assignment

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float32
from cs_framework.api.components import Detection
from cs_framework.outputs import tables
from cs_framework.pipeline.results import FrameResult

SAME_IOU = 0.25
"""Overlap from which two boxes of neighbouring frames show the same string."""
GAP = 3
"""Frames that a string may be missing from before it counts as another."""
SMOOTHING = 5
"""Frames, centred, whose median is the smoothed confidence of the middle one; fewer at the ends."""

SEQUENCES = pa.schema(
    [
        ("sequence", pa.string()),
        ("frames", pa.int32()),
        ("frames_with_strings", pa.int32()),
        ("fraction", pa.float32()),
        ("first_index", pa.int32()),
        ("last_index", pa.int32()),
        ("first_hours", pa.float64()),
        ("last_hours", pa.float64()),
        ("longest_run", pa.int32()),
        ("strings", pa.int32()),
        ("confidence", pa.float32()),
        ("smoothed_confidence", pa.float32()),
        ("best_frame", pa.string()),
    ]
)
"""One row per embryo; where no string shows, what tells of strings is 0 or null."""
TRACKS = pa.schema(
    [
        ("sequence", pa.string()),
        ("track", pa.int32()),
        ("frame", pa.string()),
        ("index", pa.int32()),
        ("hours", pa.float64()),
        ("rank", pa.int32()),
        *((edge, pa.float32()) for edge in ("x1", "y1", "x2", "y2")),
        ("confidence", pa.float32()),
    ]
)
"""One row per reported box. Boxes of one embryo and `track`, counted from 1, are one string; `frame` and
`rank` are those of ``detections``."""


def write_sequences(out: Path, results: Iterable[FrameResult]) -> None:
    """Write ``sequences`` and ``tracks`` as Parquet and CSV, one embryo in memory at a time.

    Args:
        out: the run folder.
        results: the frames, those of an embryo one after the other; gone through twice.
    """
    _write(out / "sequences", map(sequence_row, by_embryo(results)), SEQUENCES)
    _write(out / "tracks", chain.from_iterable(map(track_rows, by_embryo(results))), TRACKS)


def _write(stem: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> None:
    parts = (pa.Table.from_pylist(some, schema) for some in tables.batched(rows))
    tables.write_both(stem, parts, schema)


def by_embryo(results: Iterable[FrameResult]) -> Iterator[list[FrameResult]]:
    """The frames of one embryo after another, each in order of time."""
    for _, frames in groupby(results, key=lambda result: result.sequence):
        slim = (evolve(frame, proposals=bx.as_boxes([]), scores=None, ranked=()) for frame in frames)
        yield sorted(slim, key=lambda frame: (frame.index, frame.frame))


def sequence_row(frames: Sequence[FrameResult]) -> dict[str, Any]:
    """What to say of one embryo, as `SEQUENCES` has it.

    Args:
        frames: its frames in order of time, at least one.
    """
    confidences = frame_confidences(frames)
    shown = np.array([len(frame.reported) > 0 for frame in frames])
    row: dict[str, Any] = {
        "sequence": frames[0].sequence,
        "frames": len(frames),
        "frames_with_strings": int(shown.sum()),
        "fraction": float(shown.mean()),
        "longest_run": max((len(list(run)) for shows, run in groupby(shown) if shows), default=0),
        "strings": max((number for numbers in link(frames) for number in numbers), default=0),
        "confidence": float(confidences.max()),
        "smoothed_confidence": float(smooth(confidences).max()),
    }
    if shown.any():
        first, last = (frames[at] for at in np.flatnonzero(shown)[[0, -1]])
        row |= {"first_index": first.index, "last_index": last.index}
        row |= {"first_hours": first.hours, "last_hours": last.hours}
        row["best_frame"] = frames[int(confidences.argmax())].frame
    return row


def track_rows(frames: Sequence[FrameResult]) -> list[dict[str, Any]]:
    """The reported boxes of one embryo as `TRACKS` has them, string by string."""
    rows = [
        {
            "sequence": frame.sequence,
            "track": number,
            "frame": frame.frame,
            "index": frame.index,
            "hours": frame.hours,
            "rank": detection.rank,
            **dict(zip(("x1", "y1", "x2", "y2"), detection.box, strict=True)),
            "confidence": detection.confidence,
        }
        for frame, numbers in zip(frames, link(frames), strict=True)
        for detection, number in zip(frame.reported, numbers, strict=True)
    ]
    return sorted(rows, key=lambda row: row["track"])


def frame_confidences(frames: Sequence[FrameResult]) -> Float32:
    """(F,) the highest confidence of the boxes reported on each frame, 0 where there are none."""
    return np.array(
        [max((d.confidence for d in frame.reported), default=0.0) for frame in frames], np.float32
    )


def smooth(values: Float32) -> Float32:
    """(F,) the median of `SMOOTHING` frames around each, so that one frame alone raises nothing."""
    reach = SMOOTHING // 2
    windows = (values[max(at - reach, 0) : at + reach + 1] for at in range(len(values)))
    return np.array([np.median(window) for window in windows], np.float32)


def link(frames: Sequence[FrameResult]) -> list[list[int]]:
    """Number the strings of one embryo: for each frame, which string each of its reported boxes shows.

    Boxes are paired with the last known boxes of strings so that the sum of IoUs is largest (Kuhn 1955,
    "The Hungarian method for the assignment problem"); a box that has no partner starts a new string.

    Args:
        frames: in order of time.

    Returns:
        Numbers from 1, in the order of first appearance; one list per frame, in the order of its boxes.
    """
    numbers: list[list[int]] = []
    strings: list[_String] = []
    count = 0
    for at, frame in enumerate(frames):
        strings = [string for string in strings if at - string.seen <= GAP + 1]
        known = _pair(frame.reported, strings)
        numbers.append([])
        for place, detection in enumerate(frame.reported):
            if place not in known:
                count += 1
                known[place] = _String(count)
                strings.append(known[place])
            known[place].box, known[place].seen = detection.box, at
            numbers[-1].append(known[place].number)
    return numbers


@define
class _String:
    number: int
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    """Where it was seen last."""
    seen: int = 0
    """On which frame that was."""


def _pair(found: Sequence[Detection], strings: Sequence[_String]) -> dict[int, _String]:
    """Which of some strings each box shows, by the place of the box."""
    overlaps = bx.iou(bx.as_boxes([d.box for d in found]), bx.as_boxes([s.box for s in strings]))
    places, partners = linear_sum_assignment(np.where(overlaps >= SAME_IOU, overlaps, 0), maximize=True)
    return {
        int(place): strings[partner]
        for place, partner in zip(places, partners, strict=True)
        if overlaps[place, partner] >= SAME_IOU
    }

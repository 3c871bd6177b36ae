"""Tables of a run folder, with their schemas: detections, frames, judged frames, proposals, regions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from attrs import frozen

from cs_framework.api.arrays import Float64
from cs_framework.api.components import RegionTable, Skipped
from cs_framework.errors import CSError, DataError
from cs_framework.evaluation.bootstrap import Figure
from cs_framework.evaluation.matching import Overlaps
from cs_framework.files import whole_file
from cs_framework.pipeline.results import FrameResult, JudgedFrame

T = TypeVar("T")

ROW_GROUP = 65536
"""Rows of a Parquet file that are compressed, and held in memory, together."""

_BOX = [(name, pa.float32()) for name in ("x1", "y1", "x2", "y2")]
FRAME: list[tuple[str, pa.DataType]] = [
    ("frame", pa.string()),
    ("sequence", pa.string()),
    ("index", pa.int32()),
    ("hours", pa.float64()),
    ("width", pa.int32()),
    ("height", pa.int32()),
]
_SCORES = [("confidence", pa.float32()), ("probability", pa.float32()), ("quality", pa.float32())]

_EMBRYO = [(f"embryo_{name}", pa.float32()) for name in ("x", "y", "radius")]
FRAMES = pa.schema(
    [
        *FRAME,
        ("anomaly_score", pa.float32()),
        ("flagged", pa.bool_()),
        ("detections", pa.int32()),
        ("state", pa.string()),
        ("state_reason", pa.string()),
        ("embryo_found", pa.bool_()),
        *_EMBRYO,
        ("plane", pa.string()),
    ]
)
"""`state` is null where the bundle does not tell what its model knows. The circle of the embryo is in pixels
of the frame, and null where none was found; `plane` is null for frames with one plane."""
DETECTIONS = pa.schema([*FRAME, ("anomaly_score", pa.float32()), ("rank", pa.int32()), *_BOX, *_SCORES])
PROPOSALS = pa.schema([("frame", pa.string()), *_BOX, *_SCORES])
SKIPPED = pa.schema([("frame", pa.string()), ("stage", pa.string()), ("reason", pa.string())])

JUDGED = pa.schema(
    [
        ("split", pa.string()),
        *FRAME,
        ("content", pa.string()),
        ("label", pa.int8()),
        ("boxes", pa.list_(pa.list_(pa.float32(), 4))),
        ("anomaly_score", pa.float32()),
        ("flagged", pa.bool_()),
        ("detections", pa.list_(pa.list_(pa.float32(), 5))),
        ("reach", pa.list_(pa.float32())),
        ("state", pa.string()),
    ]
)
"""Predictions next to ground truth, one row per frame of val and test. `content` is a digest of the file;
`boxes` are the annotated ones, null where nobody drew any; `detections` are x1, y1, x2, y2 and confidence of
what is reported where a frame is flagged; `reach` is the best IoU of any proposal with each of `boxes`;
`state` changes no figure, and is null where the bundle does not tell it."""
TRUTH = ("split", "frame", "content", "sequence", "label", "boxes")
"""Columns of `JUDGED` that are the same for any two runs on the same frames."""


@frozen(eq=False)
class Evaluation:
    """The evaluation of a finished run.

    Runs on the same frames draw the same resamples, since nothing but the frames decides them. The difference
    of two figures, resample by resample, is therefore paired by frame and resampled by embryo, and a
    comparison needs no more of a run than the values that its intervals were read from.
    """

    metrics: dict[str, Any]
    """``metrics.json``"""
    frames: pa.Table
    """The judged frames, as `JUDGED` says."""
    resampled: dict[str, Float64]
    """(R,) values of each figure, by its place in the metrics, such as ``test/stage2/ap/0.5``."""


def frame_columns(result: FrameResult) -> dict[str, object]:
    """What every table says of a frame: the columns of `FRAME`, and its anomaly score, None for none."""
    height, width = result.size
    return {
        "frame": result.frame,
        "sequence": result.sequence,
        "index": result.index,
        "hours": result.hours,
        "width": width,
        "height": height,
        "anomaly_score": None if np.isnan(result.score) else result.score,
    }


def frames_schema(observed: Iterable[str]) -> pa.Schema:
    """`FRAMES`, and a column for everything that the filter observes.

    Raises:
        CSError: it is called as another column is.
    """
    schema = FRAMES
    for name in observed:
        if name in schema.names:
            raise CSError(f"the filter observes {name!r}, but a column of the frames has that name already")
        schema = schema.append(pa.field(name, pa.float32()))
    return schema


def frames_table(results: Iterable[FrameResult], schema: pa.Schema = FRAMES) -> pa.Table:
    """One row per frame: its anomaly score, whether it was flagged, how many boxes are reported.

    `schema` is that of `frames_schema` for what the filter observes.
    """
    rows = [
        {
            **frame_columns(r),
            "flagged": r.flagged,
            "detections": len(r.reported),
            "state": r.state.name or None,
            "state_reason": r.state.reason or None,
            "embryo_found": r.embryo is not None,
            **dict(zip((name for name, _ in _EMBRYO), r.embryo or (), strict=False)),
            "plane": r.plane,
            **r.observed,
        }
        for r in results
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def detections_table(results: Iterable[FrameResult]) -> pa.Table:
    """One row per reported box of a flagged frame, in the order of frames and ranks."""
    rows = [
        {
            **frame_columns(result),
            "rank": detection.rank,
            **dict(zip(("x1", "y1", "x2", "y2"), detection.box, strict=True)),
            "confidence": detection.confidence,
            "probability": detection.probability,
            "quality": detection.quality,
        }
        for result in results
        if result.flagged
        for detection in result.detections
    ]
    return pa.Table.from_pylist(rows, schema=DETECTIONS)


def proposals_table(results: Iterable[FrameResult]) -> pa.Table:
    """One row per scored box."""
    tables = [PROPOSALS.empty_table()]
    for result in results:
        if result.scores is None or not len(result.proposals):
            continue
        columns = [
            pa.array([result.frame] * len(result.proposals), pa.string()),
            *(pa.array(result.proposals[:, i], pa.float32()) for i in range(4)),
            *(pa.array(getattr(result.scores, name), kind) for name, kind in _SCORES),
        ]
        tables.append(pa.Table.from_arrays(columns, schema=PROPOSALS))
    return pa.concat_tables(tables)


def skipped_table(skipped: Iterable[Skipped]) -> pa.Table:
    """One row per frame that could not be read or processed."""
    rows = [{"frame": s.frame, "stage": s.stage, "reason": s.reason} for s in skipped]
    return pa.Table.from_pylist(rows, schema=SKIPPED)


def read_skipped(path: Path) -> list[Skipped]:
    """What `skipped_table` made of a CSV file; nothing where there is none.

    Raises:
        CSError: it is damaged.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Skipped(**row) for row in csv.DictReader(file)]
    except (TypeError, ValueError, csv.Error) as error:
        raise CSError(f"{path}: damaged ({error}); delete it, and the run forgets these frames") from error


def judged_table(judged: Mapping[str, Sequence[JudgedFrame]], content: Callable[[str], str]) -> pa.Table:
    """One row per judged frame of each split; `content` gives a digest of a frame's file by its id."""
    rows = [
        {
            **frame_columns(frame.result),
            "split": split,
            "content": content(frame.result.frame),
            "label": frame.label,
            "boxes": None if frame.boxes is None else frame.boxes.tolist(),
            "flagged": frame.result.flagged,
            "detections": [[*d.box, d.confidence] for d in frame.result.detections],
            "reach": Overlaps.of(frame).of_boxes.tolist(),
            "state": frame.result.state.name or None,
        }
        for split, frames in judged.items()
        for frame in frames
    ]
    return pa.Table.from_pylist(rows, schema=JUDGED)


def write_evaluation(folder: Path, frames: pa.Table, metrics: Mapping[str, Any]) -> None:
    """Write ``frames.parquet``, as `JUDGED` says, and ``resamples.parquet``, of the figures of `metrics`."""
    write_parquet(folder / "frames.parquet", frames)
    resampled = {place: figure.resampled for place, figure in figures_of(metrics["splits"])}
    write_parquet(folder / "resamples.parquet", pa.table(resampled))


def read_evaluation(run: Path) -> Evaluation:
    """Read what the step ``evaluate`` left in a run folder.

    Raises:
        DataError: something of it is missing.
    """
    try:
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        frames = pa.parquet.read_table(run / "evaluation" / "frames.parquet")
        resampled = pa.parquet.read_table(run / "evaluation" / "resamples.parquet")
    except FileNotFoundError as error:
        raise DataError(
            f"{run} holds no whole evaluation (metrics.json, evaluation/); remove the folder and run it anew"
        ) from error
    values = {name: resampled[name].to_numpy() for name in resampled.column_names}
    return Evaluation(metrics, frames, values)


def figures_of(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Figure]]:
    """The figures with an interval in a report, by their places, in order."""
    for key, value in figures.items():
        if isinstance(value, Figure):
            yield prefix + key, value
        elif isinstance(value, Mapping):
            yield from figures_of(value, f"{prefix}{key}/")


def region_table(table: RegionTable, frames: Sequence[str], split: str) -> pa.Table:
    """The regions a scorer was fitted on: box, IoU, label and split, without embeddings."""
    names = np.asarray(frames, dtype=object)[table.frames] if len(table) else np.zeros(0, object)
    columns = {
        "split": pa.array([split] * len(table), pa.string()),
        "frame": pa.array(names, pa.string()),
        "sequence": pa.array(table.sequences.astype(object), pa.string()),
        **{name: pa.array(table.boxes[:, i], pa.float32()) for i, (name, _) in enumerate(_BOX)},
        "iou": pa.array(table.iou, pa.float32()),
        "label": pa.array(table.labels, pa.int8()),
    }
    return pa.table(columns)


def embeddings_table(table: RegionTable, split: str) -> pa.Table:
    """The embeddings of `region_table`, row by row, as fixed-size lists of float16."""
    dim = table.embeddings.shape[1]
    flat = pa.array(table.embeddings.astype(np.float16).reshape(-1), pa.float16())
    lists = pa.FixedSizeListArray.from_arrays(flat, dim)
    return pa.table({"split": pa.array([split] * len(table), pa.string()), "embedding": lists})


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write one Parquet file, the same bytes for the same table."""
    with whole_file(path) as aside:
        pa.parquet.write_table(table, aside, compression="zstd")


def write_csv(path: Path, table: pa.Table) -> None:
    """Write one CSV file with a header."""
    with whole_file(path) as aside:
        pa.csv.write_csv(table, aside)


def write_both(stem: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """``stem.csv`` and ``stem.parquet`` of many small tables, never held at once."""
    with (
        whole_file(stem.with_suffix(".csv")) as rows,
        whole_file(stem.with_suffix(".parquet")) as columns,
        pa.csv.CSVWriter(rows, schema) as writer,
        pa.parquet.ParquetWriter(columns, schema, compression="zstd") as parquet,
    ):
        for table in _row_groups(tables, schema):
            writer.write_table(table)
            parquet.write_table(table)


def write_proposals(path: Path, results: Iterable[FrameResult]) -> None:
    """All scored boxes as Parquet, never held at once."""
    with whole_file(path) as aside, pa.parquet.ParquetWriter(aside, PROPOSALS, compression="zstd") as writer:
        for table in _row_groups(map(proposals_table, batched(results)), PROPOSALS):
            writer.write_table(table)


def batched(items: Iterable[T]) -> Iterator[list[T]]:
    """Items by the hundred, which is what these tables are made of."""
    remaining = iter(items)
    while batch := list(islice(remaining, 100)):
        yield batch


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of `ROW_GROUP` rows, however they came; the last is smaller."""
    held = schema.empty_table()
    for table in tables:
        held = pa.concat_tables([held, table])
        while len(held) >= ROW_GROUP:
            yield held.slice(0, ROW_GROUP).combine_chunks()
            held = held.slice(ROW_GROUP).combine_chunks()
    yield held.combine_chunks()

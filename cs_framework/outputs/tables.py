"""Results as Parquet and CSV: detections, frames, proposals and regions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cs_framework.interfaces import RegionTable, Skipped
from cs_framework.outputs.files import whole_file
from cs_framework.pipeline.results import FrameResult

_BOX = [(name, pa.float32()) for name in ("x1", "y1", "x2", "y2")]
_FRAME = [
    ("frame", pa.string()),
    ("sequence", pa.string()),
    ("index", pa.int32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
]
_SCORES = [("confidence", pa.float32()), ("probability", pa.float32()), ("quality", pa.float32())]

FRAMES = pa.schema(
    [*_FRAME, ("anomaly_score", pa.float32()), ("flagged", pa.bool_()), ("detections", pa.int32())]
)
DETECTIONS = pa.schema([*_FRAME, ("anomaly_score", pa.float32()), ("rank", pa.int32()), *_BOX, *_SCORES])
PROPOSALS = pa.schema([("frame", pa.string()), *_BOX, *_SCORES])
SKIPPED = pa.schema([("frame", pa.string()), ("stage", pa.string()), ("reason", pa.string())])


def _frame_columns(result: FrameResult) -> dict[str, object]:
    height, width = result.size
    return {
        "frame": result.frame,
        "sequence": result.sequence,
        "index": result.index,
        "width": width,
        "height": height,
        "anomaly_score": None if np.isnan(result.score) else result.score,
    }


def frames_table(results: Sequence[FrameResult]) -> pa.Table:
    """One row per frame: its anomaly score, whether it was flagged, how many boxes are reported."""
    rows = [
        {**_frame_columns(r), "flagged": r.flagged, "detections": len(r.detections) if r.flagged else 0}
        for r in results
    ]
    return pa.Table.from_pylist(rows, schema=FRAMES)


def detections_table(results: Sequence[FrameResult]) -> pa.Table:
    """One row per reported box of a flagged frame, in the order of frames and ranks."""
    rows = [
        {
            **_frame_columns(result),
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


def skipped_table(skipped: Sequence[Skipped]) -> pa.Table:
    """One row per frame that could not be read or processed."""
    rows = [{"frame": s.frame, "stage": s.stage, "reason": s.reason} for s in skipped]
    return pa.Table.from_pylist(rows, schema=SKIPPED)


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


def write_both(stem: Path, table: pa.Table) -> None:
    """``stem.csv`` and ``stem.parquet``."""
    write_csv(stem.with_suffix(".csv"), table)
    write_parquet(stem.with_suffix(".parquet"), table)

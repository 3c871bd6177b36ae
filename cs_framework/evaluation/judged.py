"""What a run made of every judged frame, beside the truth: what curves and cases are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cs_framework.evaluation.overlaps import Overlaps
from cs_framework.outputs.tables import FRAME, frame_columns, write_parquet
from cs_framework.pipeline.results import JudgedFrame

JUDGED = pa.schema(
    [
        ("split", pa.string()),
        *FRAME,
        ("label", pa.int8()),
        ("boxes", pa.list_(pa.list_(pa.float32(), 4))),
        ("anomaly_score", pa.float32()),
        ("flagged", pa.bool_()),
        ("detections", pa.list_(pa.list_(pa.float32(), 5))),
        ("reach", pa.list_(pa.float32())),
    ]
)
"""`boxes` are the annotated ones, null where nobody drew any; `detections` are x1, y1, x2, y2 and confidence
of what is reported where a frame is flagged; `reach` is the best IoU of any proposal with each of `boxes`."""


def write_judged(path: Path, judged: Mapping[str, Sequence[JudgedFrame]]) -> None:
    """Write the frames of every split as one Parquet file."""
    rows = [_row(split, frame) for split, frames in judged.items() for frame in frames]
    write_parquet(path, pa.Table.from_pylist(rows, schema=JUDGED))


def _row(split: str, frame: JudgedFrame) -> dict[str, Any]:
    result = frame.result
    return {
        **frame_columns(result),
        "split": split,
        "label": frame.label,
        "boxes": None if frame.boxes is None else frame.boxes.tolist(),
        "flagged": result.flagged,
        "detections": [[*d.box, d.confidence] for d in result.detections],
        "reach": Overlaps.of(frame).of_boxes.tolist(),
    }

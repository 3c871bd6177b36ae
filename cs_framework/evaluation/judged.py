"""What a run made of every judged frame, beside the truth: what curves and cases are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cs_framework.evaluation.overlaps import Overlaps
from cs_framework.outputs.tables import write_parquet
from cs_framework.pipeline.results import JudgedFrame

JUDGED = pa.schema(
    [
        ("split", pa.string()),
        ("frame", pa.string()),
        ("sequence", pa.string()),
        ("index", pa.int32()),
        ("hours", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
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
    height, width = result.size
    return {
        "split": split,
        "frame": result.frame,
        "sequence": result.sequence,
        "index": result.index,
        "hours": result.hours,
        "width": width,
        "height": height,
        "label": frame.label,
        "boxes": None if frame.boxes is None else frame.boxes.tolist(),
        "anomaly_score": None if np.isnan(result.score) else result.score,
        "flagged": result.flagged,
        "detections": [[*d.box, d.confidence] for d in result.detections],
        "reach": Overlaps.of(frame).of_boxes.tolist(),
    }

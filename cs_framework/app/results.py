"""Results of the app as tables and files, the same as a run writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.csv
from attrs import evolve

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float32
from cs_framework.api.components import Detection
from cs_framework.outputs.interchange import reported, write_coco
from cs_framework.outputs.tables import detections_table
from cs_framework.pipeline.results import FrameResult


def table(result: FrameResult, truth: Float32 | None) -> list[dict[str, Any]]:
    """A row for each box shown, best first."""
    rows = []
    for detection in result.detections:
        row: dict[str, Any] = {
            "#": detection.rank + 1,
            "confidence": detection.confidence,
            "probability": detection.probability,
            "quality": detection.quality,
        }
        if truth is not None and len(truth):
            overlaps = bx.iou(bx.as_boxes([detection.box]), truth)
            row["IoU"] = float(overlaps.max(initial=0))
        row["pixels"] = pixels(detection)
        rows.append(row)
    return rows


def pixels(detection: Detection) -> str:
    """Size and upper left corner of a box."""
    x1, y1, x2, y2 = detection.box
    return f"{x2 - x1:.0f} x {y2 - y1:.0f} at {x1:.0f}, {y1:.0f}"


def as_csv(results: Sequence[FrameResult]) -> bytes:
    """What is shown of some frames as ``detections.csv``; also of frames that stay below the threshold."""
    target = io.BytesIO()
    pyarrow.csv.write_csv(detections_table(_as_shown(results)), target)
    return target.getvalue()


def as_coco(results: Sequence[FrameResult]) -> bytes:
    """The same as ``detections.coco.json``."""
    with TemporaryDirectory(prefix="cs-app-") as folder:
        file = Path(folder, "detections.coco.json")
        write_coco(file, _as_shown(results), reported)
        return file.read_bytes()


def _as_shown(results: Sequence[FrameResult]) -> list[FrameResult]:
    """A run reports nothing of a frame below the threshold; here its boxes are on the screen."""
    return [evolve(result, flagged=True) for result in results]

"""What a comparison with other runs needs: the frames that were judged, and the resampled figures.

Runs on the same frames draw the same resamples, since nothing but the frames decides them. The difference
of two figures, resample by resample, is therefore paired by frame and resampled by embryo, and a comparison
needs no more of a run than the values that its intervals were read from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from cs_framework.errors import DataError
from cs_framework.evaluation.bootstrap import Figure
from cs_framework.evaluation.ranking import Float64
from cs_framework.outputs.tables import write_parquet
from cs_framework.pipeline.results import JudgedFrame

FRAMES = pa.schema(
    [
        ("split", pa.string()),
        ("frame", pa.string()),
        ("content", pa.string()),
        ("sequence", pa.string()),
        ("label", pa.int8()),
        ("boxes", pa.list_(pa.list_(pa.float32(), 4))),
    ]
)
"""`content` is a digest of the file; `boxes` is null where nobody drew boxes."""


@frozen(eq=False)
class Evaluation:
    """The evaluation of a finished run."""

    metrics: dict[str, Any]
    """``metrics.json``"""
    frames: pa.Table
    """The judged frames and what is true of them, as `FRAMES` says."""
    resampled: dict[str, Float64]
    """(R,) values of each figure, by its place in the metrics, such as ``test/stage2/ap/0.5``."""


def write_evaluation(
    folder: Path,
    judged: Mapping[str, Sequence[JudgedFrame]],
    content: Callable[[str], str],
    metrics: Mapping[str, Any],
) -> None:
    """Write ``frames.parquet`` and ``resamples.parquet``.

    Args:
        folder: where to.
        judged: frames of each split.
        content: gives a digest of a frame's file, by the frame's id.
        metrics: the figures as `evaluate` made them.
    """
    rows = [
        {
            "split": split,
            "frame": frame.result.frame,
            "content": content(frame.result.frame),
            "sequence": frame.result.sequence,
            "label": frame.label,
            "boxes": None if frame.boxes is None else frame.boxes.tolist(),
        }
        for split, frames in judged.items()
        for frame in frames
    ]
    write_parquet(folder / "frames.parquet", pa.Table.from_pylist(rows, schema=FRAMES))
    resampled = {place: figure.resampled for place, figure in figures_of(metrics["splits"])}
    write_parquet(folder / "resamples.parquet", pa.table(resampled))


def read_evaluation(run: Path) -> Evaluation:
    """Read what the step ``evaluate`` left in a run folder.

    Raises:
        DataError: something of it is missing.
    """
    try:
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        frames = pq.read_table(run / "evaluation" / "frames.parquet")
        resampled = pq.read_table(run / "evaluation" / "resamples.parquet")
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

"""The files of a run that hold boxes, each written whole.

`results` may be a list or anything else that can be gone through again and again, such as the parts of a
long run: nothing here holds them all at once.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from cs_framework.api.frames import Frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.errors import FrameError
from cs_framework.files import whole_folder
from cs_framework.outputs import interchange, overlays, tables
from cs_framework.pipeline.results import FrameResult

log = logging.getLogger(__name__)

DRAWN_PROPOSALS = 200
"""Proposals drawn on a picture at most, the most confident: all of them would hide the frame."""

Read = Callable[[str], Frame]
"""Decodes a frame, by its id; raises FrameError where it is no longer the one that was looked at."""


def detections(out: Path, results: Iterable[FrameResult]) -> None:
    """Frames and reported boxes as Parquet, CSV, COCO and YOLO."""
    first = next(iter(results), None)  # one filter sees all frames, so all have the same columns
    schema = tables.frames_schema(first.observed if first else ())
    frames = (tables.frames_table(some, schema) for some in tables.batched(results))
    tables.write_both(out / "frames", frames, schema)
    interchange.write_coco(out / "detections.coco.json", results, interchange.reported)
    with whole_folder(out / "labels") as folder:
        interchange.write_yolo(folder, results, interchange.reported, _names(results))
    found = map(tables.detections_table, tables.batched(results))
    tables.write_both(out / "detections", found, tables.DETECTIONS)


def pictures(
    folder: Path,
    results: Iterable[FrameResult],
    read: Read,
    truth: Mapping[str, LabelledFrame],
    limit: int,
    track: Callable[..., Iterable[FrameResult]],
) -> None:
    """Frames with their reported boxes, the most confident `limit` of them; annotated boxes where known."""
    found = (r for r in results if r.flagged and r.detections)
    best = heapq.nsmallest(limit, found, key=lambda r: (-r.detections[0].confidence, r.frame))
    names = _names(results)
    with whole_folder(folder) as new:
        for result in track(best, "overlays", len(best)):
            frame = _shown(result, read)
            if frame is not None:
                known = truth.get(result.frame)
                annotated = known.boxes(result.size) if known else None
                picture = overlays.draw(frame, result.detections, annotated=annotated)
                overlays.write_picture(new / f"{names[result.frame]}.png", picture)


def crops(folder: Path, results: Iterable[FrameResult], read: Read) -> None:
    """The pixels of every reported box."""
    names = _names(results)
    with whole_folder(folder) as new:
        for result in results:
            frame = _shown(result, read) if result.flagged and result.detections else None
            if frame is not None:
                for d in result.detections:
                    name = f"{names[result.frame]}_{d.rank + 1}.png"
                    overlays.write_picture(new / name, overlays.crop(frame, d.box))


def proposals(folder: Path, results: Iterable[FrameResult], read: Read, drawn: int) -> None:
    """All scored boxes as Parquet, COCO and YOLO; pictures of the first `drawn` frames."""
    names = _names(results)
    with whole_folder(folder) as new:
        tables.write_proposals(new / "proposals.parquet", results)
        interchange.write_coco(new / "proposals.coco.json", results, interchange.proposed)
        interchange.write_yolo(new / "labels", results, interchange.proposed, names)
        for result in islice((r for r in results if r.scores is not None), drawn):
            assert result.scores is not None
            frame = _shown(result, read)
            if frame is not None:
                best = np.argsort(-result.scores.confidence, kind="stable")[:DRAWN_PROPOSALS]
                picture = overlays.draw(frame, proposals=result.proposals[best])
                overlays.write_picture(new / "pictures" / f"{names[result.frame]}.png", picture)


def _names(results: Iterable[FrameResult]) -> dict[str, str]:
    return interchange.file_names(r.frame for r in results)


def _shown(result: FrameResult, read: Read) -> Frame | None:
    """The frame to draw on, or None with a warning where its file is gone or another by now."""
    try:
        return read(result.frame)
    except FrameError as error:
        log.warning("no picture of %s", error)
        return None

"""The files of a run that hold boxes, each written whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cs_framework.data.labels import LabelledFrame
from cs_framework.interfaces import Frame
from cs_framework.outputs import interchange, overlays, tables
from cs_framework.outputs.files import whole_folder, write_json
from cs_framework.pipeline.results import FrameResult

DRAWN_PROPOSALS = 200
"""Proposals drawn on a picture at most, the most confident: all of them would hide the frame."""

Read = Callable[[str], Frame]
"""Decodes a frame, by its id."""


def detections(out: Path, results: Sequence[FrameResult]) -> None:
    """Frames and reported boxes as Parquet, CSV, COCO and YOLO."""
    boxes = interchange.reported(results)
    tables.write_both(out / "frames", tables.frames_table(results))
    write_json(out / "detections.coco.json", interchange.coco(results, boxes))
    with whole_folder(out / "labels") as folder:
        interchange.write_yolo(folder, results, boxes)
    tables.write_both(out / "detections", tables.detections_table(results))


def pictures(
    folder: Path,
    results: Sequence[FrameResult],
    read: Read,
    truth: Mapping[str, LabelledFrame],
    limit: int,
    track: Callable[..., Iterable[FrameResult]],
) -> None:
    """Frames with their reported boxes, the most confident `limit` of them; annotated boxes where known."""
    found = [r for r in results if r.flagged and r.detections]
    best = sorted(found, key=lambda r: (-r.detections[0].confidence, r.frame))[:limit]
    names = interchange.file_names([r.frame for r in results])
    with whole_folder(folder) as new:
        for result in track(best, "overlays", len(best)):
            known = truth.get(result.frame)
            picture = overlays.draw(
                read(result.frame), result.detections, annotated=known.boxes(result.size) if known else None
            )
            overlays.write_picture(new / f"{names[result.frame]}.png", picture)


def crops(folder: Path, results: Sequence[FrameResult], read: Read) -> None:
    """The pixels of every reported box."""
    names = interchange.file_names([r.frame for r in results])
    with whole_folder(folder) as new:
        for result in results:
            if result.flagged and result.detections:
                frame = read(result.frame)
                for d in result.detections:
                    name = f"{names[result.frame]}_{d.rank + 1}.png"
                    overlays.write_picture(new / name, overlays.crop(frame, d.box))


def proposals(folder: Path, results: Sequence[FrameResult], read: Read, drawn: int) -> None:
    """All scored boxes as Parquet, COCO and YOLO; pictures of the first `drawn` frames."""
    boxes = interchange.proposed(results)
    names = interchange.file_names([r.frame for r in results])
    with whole_folder(folder) as new:
        tables.write_parquet(new / "proposals.parquet", tables.proposals_table(results))
        write_json(new / "proposals.coco.json", interchange.coco(results, boxes))
        interchange.write_yolo(new / "labels", results, boxes)
        for result in [r for r in results if r.scores is not None][:drawn]:
            assert result.scores is not None
            best = np.argsort(-result.scores.confidence, kind="stable")[:DRAWN_PROPOSALS]
            picture = overlays.draw(read(result.frame), proposals=result.proposals[best])
            overlays.write_picture(new / "pictures" / f"{names[result.frame]}.png", picture)

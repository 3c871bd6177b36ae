"""The region table: proposals of training frames, weakly labelled by their IoU with annotated boxes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from cs_framework import boxes as bx
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import FrameRef
from cs_framework.interfaces import Float32, Frame, RegionTable, Skipped
from cs_framework.pipeline.batch import Batch, Unit
from cs_framework.pipeline.regions import Float16, RegionMaker
from cs_framework.recipe.schema import TrainingSettings


def weak_labels(
    boxes: Float32, annotated: Float32, settings: TrainingSettings
) -> tuple[Float32, NDArray[np.int8], Float32]:
    """Label boxes by their largest IoU with any annotated box of the frame.

    Returns:
        iou (N,), labels (N,) 1 strictly above `positive_iou`, 0 strictly below `negative_iou`, -1 in
        between, and targets (N, 4) the annotated box of that IoU, NaN where it is 0.
    """
    overlap = bx.iou(boxes, annotated) if len(annotated) else np.zeros((len(boxes), 1), np.float32)
    iou = overlap.max(axis=1)
    labels = np.full(len(boxes), -1, np.int8)
    labels[iou > settings.positive_iou] = 1
    labels[iou < settings.negative_iou] = 0
    targets = np.full((len(boxes), 4), np.nan, np.float32)
    hit = iou > 0
    targets[hit] = annotated[overlap[hit].argmax(axis=1)] if hit.any() else 0
    return iou, labels, targets


@frozen(eq=False)
class FrameRegions:
    """The embedded regions of one frame."""

    frame: str
    sequence: str
    size: tuple[int, int]
    boxes: Float32
    embeddings: Float16
    annotated: Float32


@define(eq=False)
class RegionBatch:
    """The regions of a unit of frames."""

    regions: list[FrameRegions] = field(factory=list)
    skipped: list[Skipped] = field(factory=list)


def regions_of(
    unit: Unit,
    labelled: dict[str, LabelledFrame],
    maker: RegionMaker,
    read: Callable[[FrameRef], Frame],
    normal_regions: int | None,
    seed: int,
) -> RegionBatch:
    """Propose and embed; of a string-free frame at most `normal_regions` boxes, drawn by seed and frame."""
    found = RegionBatch()
    for piece in unit.batches():
        batch = Batch(piece, read)
        proposed = maker.propose(batch, batch.alive())
        chosen = {}
        for i, (_, boxes) in proposed.items():
            frame = labelled[piece.refs[i].id]
            if normal_regions is not None and frame.label == 0 and len(boxes) > normal_regions:
                rng = np.random.default_rng([seed, zlib.crc32(frame.ref.id.encode())])
                boxes = boxes[np.sort(rng.choice(len(boxes), normal_regions, replace=False))]  # noqa: PLW2901
            chosen[i] = boxes
        for i, embeddings in maker.embed(batch, chosen).items():
            frame, size = labelled[piece.refs[i].id], proposed[i][0]
            annotated = frame.boxes(size)
            assert annotated is not None, "only frames with known boxes come here"
            found.regions.append(
                FrameRegions(frame.ref.id, frame.ref.sequence, size, chosen[i], embeddings, annotated)
            )
        found.skipped += [batch.failed[i] for i in sorted(batch.failed)]
    return found


def make_table(regions: Sequence[FrameRegions], settings: TrainingSettings, dim: int) -> RegionTable:
    """One table of many frames' regions, weakly labelled; rows in the order of the frames."""
    labelled = [weak_labels(r.boxes, r.annotated, settings) for r in regions]
    counts = [len(r.boxes) for r in regions]

    def joined(parts: Sequence[NDArray[np.generic]], empty: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.concatenate(parts) if parts else empty

    return RegionTable(
        embeddings=joined([r.embeddings for r in regions], np.zeros((0, dim), np.float16)),  # type: ignore[arg-type]
        boxes=joined([r.boxes for r in regions], np.zeros((0, 4), np.float32)),  # type: ignore[arg-type]
        frame_sizes=np.repeat(np.array([r.size for r in regions], np.int32).reshape(-1, 2), counts, axis=0),
        iou=joined([iou for iou, _, _ in labelled], np.zeros(0, np.float32)),  # type: ignore[arg-type]
        labels=joined([label for _, label, _ in labelled], np.zeros(0, np.int8)),  # type: ignore[arg-type]
        targets=joined([target for _, _, target in labelled], np.zeros((0, 4), np.float32)),  # type: ignore[arg-type]
        frames=np.repeat(np.arange(len(regions), dtype=np.int32), counts),
        sequences=np.repeat(np.array([r.sequence for r in regions], dtype=str), counts),
    )

"""The region table: proposals of training frames, weakly labelled by their IoU with annotated boxes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float16, Float32
from cs_framework.api.components import RegionTable, Skipped
from cs_framework.api.frames import Frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.pipeline.batch import Batch, Unit
from cs_framework.pipeline.worker import Worker
from cs_framework.recipe.schema import TrainingSettings
from cs_framework.training.augment import Augmentation, is_drawn, orient, orient_boxes, orient_size


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


@frozen
class Sampling:
    """How a frame is altered, which of its regions are used, and how many ways string frames are turned."""

    augmentation: Augmentation
    normal_regions: int | None = None
    """Background regions taken at most of a frame that is string-free or has drawn strings; None for all."""
    orientations: int = 1

    def boxes(self, frame: LabelledFrame, boxes: Float32, annotated: Float32) -> Float32:
        """Boxes of a frame, the same for the same seed and frame; all that overlap an annotated box."""
        if self.normal_regions is None or (frame.label == 1 and not is_drawn(frame.ref)):
            return boxes
        overlapping = bx.iou(boxes, annotated).any(axis=1)
        background = np.flatnonzero(~overlapping)
        if len(background) <= self.normal_regions:
            return boxes
        rng = np.random.default_rng([self.augmentation.seed, zlib.crc32(frame.ref.id.encode())])
        chosen = rng.choice(background, self.normal_regions, replace=False)
        kept = np.sort(np.concatenate([np.flatnonzero(overlapping), chosen]))
        return np.asarray(boxes[kept])


@define(eq=False)
class AugmentedFrames:
    """Reads frames as their references say they are altered."""

    read: Callable[[FrameRef], Frame]
    augmentation: Augmentation
    drawn: dict[str, Float32] = field(factory=dict)
    """Boxes of the strings that were drawn, by the frame's id."""

    def __call__(self, ref: FrameRef) -> Frame:
        """The frame that `ref` names."""
        frame = self.read(ref)
        if not ref.variant:
            return frame
        frame, boxes = self.augmentation.apply(ref, frame)
        if boxes is not None:
            self.drawn[ref.id] = boxes
        return frame


@define(eq=False)
class RegionBatch:
    """The regions of a unit of frames."""

    regions: list[FrameRegions] = field(factory=list)
    skipped: list[Skipped] = field(factory=list)


def regions_of(
    worker: Worker, unit: Unit, labelled: dict[str, LabelledFrame], sampling: Sampling
) -> RegionBatch:
    """Propose and embed the regions of frames whose boxes are known."""
    found, maker = RegionBatch(), worker.regions
    for piece in unit.batches():
        altered = AugmentedFrames(worker.read, sampling.augmentation)
        batch = Batch(piece, altered)
        frames = [labelled[ref.id] for ref in piece.refs]
        proposed = maker.propose(batch, batch.alive())

        sizes = {i: size for i, (size, _) in proposed.items()}
        is_cropped = worker.loaded.recipe.data.crop != "none"
        truth = partial(_annotated, batch, frames, sizes, altered.drawn, is_cropped)
        annotated = batch.each("read", list(proposed), truth)
        chosen = {i: sampling.boxes(frames[i], proposed[i][1], annotated[i]) for i in annotated}
        for orientation in range(sampling.orientations):
            shown = {
                i: orient_boxes(boxes, sizes[i], orientation)
                for i, boxes in chosen.items()
                if orientation == 0 or frames[i].label == 1
            }
            view = partial(orient, orientation=orientation)
            for i, embeddings in maker.embed(batch, shown, view, orientation=orientation).items():
                found.regions.append(
                    FrameRegions(
                        frame=piece.refs[i].id,
                        sequence=piece.refs[i].sequence,
                        size=orient_size(sizes[i], orientation),
                        boxes=shown[i],
                        embeddings=embeddings,
                        annotated=orient_boxes(annotated[i], sizes[i], orientation),
                    )
                )
        found.skipped += [batch.failed[i] for i in sorted(batch.failed)]
    return found


def _annotated(
    batch: Batch,
    frames: Sequence[LabelledFrame],
    sizes: Mapping[int, tuple[int, int]],
    drawn: Mapping[str, Float32],
    is_cropped: bool,
    i: int,
) -> Float32:
    """Boxes of frame `i` of a batch; of drawn strings, only drawing tells."""
    if is_drawn(frames[i].ref):
        return drawn[batch.frame(i).id]
    crop = batch.frame(i).crop if is_cropped else None
    boxes = frames[i].boxes(crop.size if crop else sizes[i])
    assert boxes is not None, "only frames with known boxes come here"
    return bx.clip(crop.boxes_in_crop(boxes), sizes[i]) if crop else boxes


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

"""What the pipeline says of one frame: the common currency of evaluation and outputs."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32
from cs_framework.api.boxes import as_boxes
from cs_framework.api.components import Detection, RegionScores
from cs_framework.api.crop import Crop
from cs_framework.pipeline.familiarity import State


@frozen(eq=False)
class FrameResult:
    """Everything the two stages found on one frame.

    Stage 2 runs on every frame during evaluation, flagged or not, so that its figures do not depend on
    the gate; `detect` runs it on flagged frames only and leaves `proposals` empty elsewhere.
    """

    frame: str
    """The frame's id."""
    sequence: str
    index: int
    size: tuple[int, int]
    """(height, width)"""
    score: float
    """Raw anomaly score, higher = more unusual; NaN where there is no filter."""
    flagged: bool
    """Whether the score reached the gate's threshold."""
    proposals: Float32 = field(factory=lambda: np.zeros((0, 4), np.float32))
    """(N, 4) boxes that were scored (refined ones where the scorer refines)."""
    scores: RegionScores | None = None
    """(N,) scores of `proposals`; None where there are none."""
    ranked: tuple[Detection, ...] = ()
    """Boxes left after suppression, best first, at most 100; `min_confidence` and `top` not yet applied."""
    detections: tuple[Detection, ...] = ()
    """Those of `ranked` that are reported if the frame is flagged."""
    statistics: dict[str, float] = field(factory=dict)
    """Trivial cues of the whole frame, by name, to put beside the anomaly score."""
    observed: dict[str, float] = field(factory=dict)
    """What the filter says of the frame beside its score, by name; see `Observer`."""
    hours: float | None = None
    """The frame's time within its sequence, where it is known."""
    embryo: tuple[float, float, float] | None = None
    """x, y and radius of the embryo's circle in pixels of the frame; None where none is found."""
    state: State = field(factory=State)
    """Whether the model knows such frames; boxes of others may be withheld from `detections`."""
    depth: tuple[int, int] | None = None
    """As `Frame.depth`."""
    plane: str | None = None
    """Which of several z planes was read: a number, ``best-focus`` or ``max``; None of frames with one."""

    def in_frame(self, crop: Crop | None) -> FrameResult:
        """The result of a crop in pixels of its frame; itself where there is no crop."""
        if crop is None:
            return self
        boxes = crop.boxes_in_frame(as_boxes([d.box for d in self.ranked]))
        moved = {d: evolve(d, box=tuple(box)) for d, box in zip(self.ranked, boxes.tolist(), strict=True)}
        return evolve(
            self,
            size=crop.size,
            embryo=crop.embryo,
            proposals=crop.boxes_in_frame(self.proposals),
            ranked=tuple(moved[d] for d in self.ranked),
            detections=tuple(moved[d] for d in self.detections),
        )

    @property
    def reported(self) -> tuple[Detection, ...]:
        """What a run reports of the frame: `detections` if it is flagged, else nothing."""
        return self.detections if self.flagged else ()


@frozen(eq=False)
class JudgedFrame:
    """A result beside the truth."""

    result: FrameResult
    label: int
    """1 the frame shows a string, 0 it does not."""
    boxes: Float32 | None
    """(M, 4) annotated boxes, (0, 4) for a string-free frame, None where nobody drew boxes."""


def frame_cues(grey: NDArray[np.uint8]) -> dict[str, float]:
    """Trivial cues of a frame: a filter that does not beat them has learnt nothing of strings.

    Args:
        grey: (H, W) the grey plane of a frame.

    Returns:
        ``mean_intensity`` and ``standard_deviation`` in grey levels, ``laplacian_variance`` (of OpenCV's
        3 x 3 Laplacian, a usual measure of focus) in squared grey levels, and ``frame_size``, the square
        root of the number of pixels.
    """
    return {
        "mean_intensity": float(grey.mean()),
        "standard_deviation": float(grey.std()),
        "laplacian_variance": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        "frame_size": float(np.sqrt(grey.size)),
    }

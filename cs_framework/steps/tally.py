"""What detection came to, in a few lines of the log."""

from __future__ import annotations

import logging
from collections import Counter

from attrs import define, field

from cs_framework.pipeline.results import FrameResult

log = logging.getLogger(__name__)

UNJUDGED = {
    "unfamiliar": "unlike those that the model was trained on",
    "no-blastocyst": "without a cavity, before a blastocyst",
}
"""States of frames of which no boxes are reported, unless detect.unfamiliar asks for them."""


@define
class Tally:
    """Counts over the frames of a run."""

    frames: int = 0
    flagged: int = 0
    boxes: int = 0
    without_embryo: int = 0
    states: Counter[str] = field(factory=Counter)
    depths: dict[str, tuple[int, int]] = field(factory=dict)
    """The largest value of each embryo's frames and the bits they declare, of files of more than 8 bits."""

    def add(self, result: FrameResult) -> None:
        """Count a frame."""
        self.frames += 1
        self.flagged += result.flagged
        self.boxes += len(result.reported)
        self.without_embryo += result.embryo is None
        self.states[result.state.name] += 1
        if result.depth is not None:
            largest, bits = result.depth
            self.depths[result.sequence] = (max(largest, self.depths.get(result.sequence, (0, 0))[0]), bits)

    def log(self) -> None:
        """Say what came out, and what a reader of it has to know."""
        log.info("%d frames, %d flagged, %d strings reported", self.frames, self.flagged, self.boxes)
        if self.without_embryo:
            log.warning("embryo not found in %d of %d frames", self.without_embryo, self.frames)
        for name, what in UNJUDGED.items():
            if self.states[name]:
                log.warning("%d of %d frames are %s: %s", self.states[name], self.frames, what, name)
        shallow = {
            name: (largest, bits) for name, (largest, bits) in self.depths.items() if largest < 2**bits / 4
        }
        if shallow:
            name, (largest, bits) = next(iter(shallow.items()))
            log.warning(
                "frames of %d embryos, such as %s, use less than a quarter of the %d bits that their files "
                "declare: if the camera has fewer, such as %d, set data.bits=%d",
                *(len(shallow), name, bits, max(largest.bit_length(), 8), max(largest.bit_length(), 8)),
            )

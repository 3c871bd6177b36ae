"""Training frames altered before anything else sees them: strings drawn in, light and focus changed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from attrs import evolve, frozen

from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import FrameRef
from cs_framework.implants import implant
from cs_framework.interfaces import Float32, Frame
from cs_framework.pipeline.batch import Unit
from cs_framework.recipe.schema import TrainingSettings

_STRING = "+string"
"""Between the id of a frame and the number of a version of it with strings."""


@frozen
class Retouch:
    """Alters frames in a way that depends on nothing but its seed and the frame's id.

    A reference to an altered frame says so in `FrameRef.variant`, which makes it another frame for caches.
    """

    seed: int
    brightness: float = 0.0
    blur: float = 0.0

    @classmethod
    def of(cls, settings: TrainingSettings, seed: int) -> Retouch:
        """As a recipe asks for in training."""
        return cls(seed, settings.brightness, settings.blur)

    def plain(self, frames: Sequence[LabelledFrame]) -> list[LabelledFrame]:
        """The frames without drawn strings."""
        light = self._light()
        return [evolve(f, ref=evolve(f.ref, variant=light)) if light else f for f in frames]

    def with_strings(self, frames: Sequence[LabelledFrame], count: int) -> list[LabelledFrame]:
        """`count` frames with drawn strings, made of string-free ones: of each one, or several."""
        if not frames:
            return []
        order = np.random.default_rng(self.seed).permutation(len(frames))
        made = []
        for number in range(count):
            ref = frames[order[number % len(frames)]].ref
            name = f"{ref.id}{_STRING}{number // len(frames)}"
            made.append(LabelledFrame(evolve(ref, id=name, variant=f"string {self.seed} {self._light()}"), 1))
        return made

    def apply(self, ref: FrameRef, frame: Frame) -> tuple[Frame, Float32 | None]:
        """The frame as `ref` names it, and the boxes of its drawn strings, None where none are drawn."""
        rng = np.random.default_rng([self.seed, zlib.crc32(ref.id.encode())])
        boxes = None
        if is_drawn(ref):
            drawn = implant(frame, rng)
            frame, boxes = drawn.frame, drawn.boxes
        if self._light():
            frame = self._relit(frame, rng)
        return frame, boxes

    def _light(self) -> str:
        return f"light {self.seed} {self.brightness} {self.blur}" if self.brightness or self.blur else ""

    def _relit(self, frame: Frame, rng: np.random.Generator) -> Frame:
        gain, sigma = 1 + self.brightness * rng.uniform(-1, 1), self.blur * rng.random()
        image = np.asarray(cv2.convertScaleAbs(frame.image, alpha=gain), np.uint8)
        if sigma > 0:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
        return evolve(frame, image=image)


def amid_neighbours(drawn: Sequence[FrameRef], units: Sequence[Unit]) -> Unit:
    """Frames with drawn strings, each in the window that its string-free frame has in one of `units`."""
    windows = {ref.id: window for unit in units for ref, window in zip(unit.refs, unit.windows, strict=True)}

    def among(ref: FrameRef) -> tuple[FrameRef, ...]:
        window = windows[ref.id.rpartition(_STRING)[0]]
        middle = len(window) // 2
        return *window[:middle], ref, *window[middle + 1 :]

    return Unit(tuple(drawn), tuple(among(ref) for ref in drawn))


def is_drawn(ref: FrameRef) -> bool:
    """Whether the frame has drawn strings."""
    return ref.variant.startswith("string")

"""Training frames altered before anything else sees them: strings drawn in, light, focus, orientation."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from attrs import evolve, frozen

from cs_framework.api.arrays import Float32, UInt8
from cs_framework.api.embryo import Circle
from cs_framework.api.frames import Frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.pipeline.batch import Unit
from cs_framework.recipe.schema import TrainingSettings
from cs_framework.synthetic.implants import implant

_STRING = "+string"
"""Between the id of a frame and the number of a version of it with strings."""

# The eight symmetries of a square: quarter turns counter-clockwise, then mirrored left to right or not. The
# first two are as seen and mirrored, the next two upside down; only the others turn width into height.
_SYMMETRIES = ((0, False), (0, True), (2, True), (2, False), (1, False), (3, False), (1, True), (3, True))
ORIENTATIONS = len(_SYMMETRIES)


@frozen
class Augmentation:
    """Alters frames in a way that depends on nothing but its seed and the frame's id.

    A reference to an altered frame says so in `FrameRef.variant`, which makes it another frame for caches.
    """

    seed: int
    brightness: float = 0.0
    blur: float = 0.0

    @classmethod
    def of(cls, settings: TrainingSettings, seed: int) -> Augmentation:
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


def orient(frame: Frame, orientation: int) -> Frame:
    """The frame in one of eight orientations; 0 is the frame itself."""
    if orientation == 0:
        return frame
    image = np.ascontiguousarray(_turned(frame.image, orientation))
    return evolve(frame, image=image, circle=_turned_circle(frame.circle, orientation))


def orient_boxes(boxes: Float32, size: tuple[int, int], orientation: int) -> Float32:
    """The boxes (N, 4) of a frame of `size` (height, width), where `orient` puts them."""
    quarters, mirrored = _SYMMETRIES[orientation]
    height, width = size
    x1, y1, x2, y2 = boxes.T
    for _ in range(quarters):
        x1, y1, x2, y2 = y1, width - x2, y2, width - x1
        height, width = width, height
    if mirrored:
        x1, x2 = width - x2, width - x1
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.float32)


def orient_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(height, width) of the oriented frame."""
    return size if _SYMMETRIES[orientation][0] % 2 == 0 else size[::-1]


def _turned_circle(circle: Circle | None, orientation: int) -> Circle | None:
    """As fractions of the frame, the centre turns as a box without extent does in a frame of 1 x 1."""
    if circle is None:
        return None
    x, y, radius = circle
    centre = orient_boxes(np.array([[x, y, x, y]], np.float32), (1, 1), orientation)[0]
    return float(centre[0]), float(centre[1]), radius


def _turned(image: UInt8, orientation: int) -> UInt8:
    quarters, mirrored = _SYMMETRIES[orientation]
    image = np.rot90(image, quarters)
    return image[:, ::-1] if mirrored else image

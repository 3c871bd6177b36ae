"""Small deterministic inputs of every sort that components meet; nothing here is random between runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from attrs import frozen

from cs_framework.api.arrays import Float32, UInt8
from cs_framework.api.components import Regions, RegionTable
from cs_framework.api.frames import Frame, Window
from cs_framework.data.samples import Samples, to_rgb

SEED = 20240229
_EMBEDDING = 12
"""Length of the sample embeddings."""


def sample_frames() -> dict[str, Frame]:
    """One frame of every sort, by name, as consecutive frames of one sequence.

    ``grey`` and ``colour`` are 48 x 48, ``deep`` comes from 16-bit grey levels, ``wide`` is 40 x 72 and
    ``tall`` 72 x 40, ``constant`` has one grey level and ``pixel`` is 1 x 1. All but the last two show
    noise on a slope, and a thin bright line.
    """
    rng = np.random.default_rng(SEED)
    tint = np.array([1.0, 0.8, 0.6])
    images = {
        "grey": _rgb(_line_image(48, 48, rng)),
        "colour": (_line_image(48, 48, rng)[..., None] * tint).astype(np.uint8),
        "deep": to_rgb(Samples(_line_image(48, 48, rng).astype(np.uint16) * 257, bits=16)),
        "wide": _rgb(_line_image(40, 72, rng)),
        "tall": _rgb(_line_image(72, 40, rng)),
        "constant": np.full((48, 48, 3), 127, np.uint8),
        "pixel": np.full((1, 1, 3), 90, np.uint8),
    }
    return {
        name: Frame(image, id=f"{name}.png", sequence="embryo", index=index)
        for index, (name, image) in enumerate(images.items())
    }


def sample_boxes(size: tuple[int, int]) -> Float32:
    """(5, 4) boxes inside a frame of `size` (height, width), at least a pixel wide and high.

    The whole frame, the first pixel, the last one, one between pixels, and a strip at the right border.
    """
    height, width = size
    return np.array(
        [
            (0, 0, width, height),
            (0, 0, 1, 1),
            (width - 1, height - 1, width, height),
            (0.2 * (width - 1), 0.3 * (height - 1), 0.6 * (width - 1) + 1, 0.8 * (height - 1) + 1),
            (width - 1, 0, width, height),
        ],
        np.float32,
    )


def sample_batch() -> list[tuple[Frame, Float32]]:
    """What an embedder is given: every sort of frame with boxes, and one with none."""
    frames = sample_frames()
    boxed = [(frame, sample_boxes(frame.size)) for frame in frames.values()]
    return [*boxed, (frames["grey"], np.zeros((0, 4), np.float32))]


@frozen(eq=False)
class SampleWindows:
    """The [Windows][cs_framework.api.frames.Windows] of frames that are at hand, in order of time."""

    frames: Sequence[Frame]
    context: int
    labels: np.ndarray[tuple[int], np.dtype[np.int8]]

    @property
    def sequences(self) -> tuple[str, ...]:
        """(N,) the embryo of each window."""
        return tuple(frame.sequence for frame in self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Window:
        around = range(index - self.context, index + self.context + 1)
        last = len(self.frames) - 1
        return Window(tuple(self.frames[min(max(at, 0), last)] for at in around))

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))


def sample_windows(context: int = 0, abnormal: int = 0, normal: int = 6) -> SampleWindows:
    """Labelled windows to fit a filter on: normal frames of noise, and abnormal ones with a bright line."""
    rng = np.random.default_rng(SEED)
    images = [_line_image(48, 48, rng, bright=index >= normal) for index in range(normal + abnormal)]
    frames = [Frame(_rgb(image), f"{i}.png", "embryo", i) for i, image in enumerate(images)]
    return SampleWindows(frames, context, np.repeat([0, 1], [normal, abnormal]).astype(np.int8))


def sample_table(rows: int = 90, seed: int = SEED) -> RegionTable:
    """Weakly labelled regions to fit a scorer on, of three embryos: a third each of label 1, 0 and -1.

    The embeddings of strings lie apart from those of background, so there is something to learn.
    """
    rng = np.random.default_rng(seed)
    regions = sample_regions(rows, seed)
    labels = np.resize(np.array([1, 0, -1], np.int8), rows)
    ious = {1: (0.3, 0.9), 0: (0.0, 0.05), -1: (0.1, 0.2)}
    iou = np.array([rng.uniform(*ious[int(label)]) for label in labels], np.float32)
    embeddings = regions.embeddings + 2 * (labels == 1)[:, None]
    return RegionTable(
        embeddings=embeddings.astype(np.float16),
        boxes=regions.boxes,
        frame_sizes=regions.frame_sizes,
        iou=iou,
        labels=labels,
        targets=np.where(iou[:, None] > 0, regions.boxes, np.nan).astype(np.float32),
        frames=(np.arange(rows) // 10).astype(np.int32),
        sequences=np.array([f"embryo{row // 10 % 3}" for row in range(rows)]),
    )


def sample_regions(rows: int = 12, seed: int = SEED) -> Regions:
    """Embedded boxes of one frame of 60 x 80, as long as those of `sample_table`."""
    rng = np.random.default_rng(seed)
    height, width = 60, 80
    corners = rng.uniform(0, 0.6, (rows, 2)) * (width, height)
    extents = rng.uniform(4, 20, (rows, 2))
    return Regions(
        embeddings=rng.normal(size=(rows, _EMBEDDING)).astype(np.float16).astype(np.float32),
        boxes=np.concatenate([corners, corners + extents], axis=1).astype(np.float32),
        frame_sizes=np.tile(np.array([height, width], np.int32), (rows, 1)),
    )


def _line_image(height: int, width: int, rng: np.random.Generator, *, bright: bool = True) -> UInt8:
    """(height, width) noise on a slope, with a thin line from the lower left to the upper right."""
    image = rng.normal(0, 6, (height, width)) + np.linspace(70, 120, width)
    if bright:
        columns = np.arange(width)
        rows = ((height - 1) * (1 - columns / (width - 1))).round().astype(int)
        image[rows, columns] += 60
    return image.clip(0, 255).astype(np.uint8)


def _rgb(grey: UInt8) -> UInt8:
    return np.repeat(grey[..., None], 3, axis=2)

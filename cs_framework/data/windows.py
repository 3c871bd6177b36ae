"""Labelled frames as an anomaly filter wants them: decoded when asked for, with their neighbours in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

import numpy as np

from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import FrameRef, FrameSource
from cs_framework.errors import FrameError
from cs_framework.interfaces import Frame, Window


class WindowReader:
    """Reads frames with their neighbours of the same sequence.

    Frames read last are kept, so that going through sequences in order decodes each frame once.
    """

    def __init__(self, source: FrameSource, refs: Iterable[FrameRef], context: int = 0) -> None:
        """Take neighbours from `refs`, `context` on each side."""
        self._context = context
        self._sequences: dict[str, list[FrameRef]] = defaultdict(list)
        self._position: dict[str, int] = {}
        for ref in sorted(refs, key=lambda ref: ref.index):
            self._position[ref.id] = len(self._sequences[ref.sequence])
            self._sequences[ref.sequence].append(ref)
        self._read = lru_cache(maxsize=2 * context + 1)(source.read)

    def window(self, ref: FrameRef) -> Window:
        """The window of one of the frames.

        Where a sequence ends, and beyond a neighbour that cannot be read, the last frame before is repeated.

        Raises:
            FrameError: the frame itself cannot be read.
        """
        frame = self._read(ref)
        return Window((*reversed(self._side(ref, frame, -1)), frame, *self._side(ref, frame, 1)))

    def _side(self, ref: FrameRef, frame: Frame, step: int) -> list[Frame]:
        """The neighbours on one side, nearest first."""
        sequence, position = self._sequences[ref.sequence], self._position[ref.id]
        side: list[Frame] = []
        for _ in range(self._context):
            position += step
            if 0 <= position < len(sequence):
                with suppress(FrameError):
                    frame = self._read(sequence[position])
            side.append(frame)
        return side


class FrameWindows:
    """The [Windows][cs_framework.interfaces.Windows] of labelled frames.

    All frames have to be readable: leave out the others by
    [readable][cs_framework.data.windows.readable] first.
    """

    def __init__(
        self,
        frames: Sequence[LabelledFrame],
        source: FrameSource,
        context: int = 0,
        neighbours: Iterable[LabelledFrame] | None = None,
    ) -> None:
        """Make windows of `frames`.

        Args:
            frames: one window each.
            source: reads them.
            context: neighbours on each side.
            neighbours: where neighbours are taken from, such as the whole split where `frames` are its normal
                ones; `frames` themselves by default.
        """
        pool = frames if neighbours is None else neighbours
        self._frames = frames
        self._reader = WindowReader(source, [frame.ref for frame in pool], context)
        self.labels = np.array([frame.label for frame in frames], dtype=np.int8)
        self.sequences = tuple(frame.ref.sequence for frame in frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Window:
        return self._reader.window(self._frames[index].ref)

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))


def readable(
    frames: Iterable[LabelledFrame], source: FrameSource, skip: Callable[[FrameRef, FrameError], object]
) -> Iterator[LabelledFrame]:
    """Frames that can be read; the others are handed to `skip`.

    Only decoding tells, so this costs one pass: about a millisecond for a frame of 300 x 300.
    """
    for frame in frames:
        try:
            source.read(frame.ref)
        except FrameError as error:
            skip(frame.ref, error)
        else:
            yield frame

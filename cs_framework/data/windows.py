"""Labelled frames as an anomaly filter wants them: decoded when asked for, with their neighbours in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from cs_framework.api.components import NOT_DONE, Skipped
from cs_framework.api.frames import Frame, Window
from cs_framework.data.images import read_frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import FrameError, UnavailableError


class FrameWindows:
    """The [Windows][cs_framework.api.frames.Windows] of labelled frames.

    Frames that cannot be read are left out, so that nothing is missing in the midst of a fit. Only decoding
    tells, so making this costs one pass: about a millisecond for a frame of 300 x 300. Afterwards frames are
    decoded when asked for, and going through them in order decodes each once, whatever the context.
    """

    def __init__(
        self,
        frames: Sequence[LabelledFrame],
        context: int = 0,
        read: Callable[[FrameRef], Frame] = read_frame,
    ) -> None:
        """Make one window of each of `frames`, with `context` neighbours on each side.

        Neighbours are as `neighbours` says; `read` decodes a frame.
        """
        self.skipped: list[Skipped] = []
        """The frames that were left out."""
        kept: list[LabelledFrame] = []
        for frame in frames:
            try:
                read(frame.ref)
            except FrameError as error:
                stage = NOT_DONE if isinstance(error, UnavailableError) else "read"
                self.skipped.append(Skipped(frame.ref.id, stage, str(error)))
            else:
                kept.append(frame)
        self.labels = np.array([frame.label for frame in kept], dtype=np.int8)
        self.sequences = tuple(frame.ref.sequence for frame in kept)
        readable = {frame.ref.id for frame in kept}
        self._windows = [
            tuple(other if other.id in readable else frame.ref for other in window)
            for frame, window in zip(frames, neighbours([f.ref for f in frames], context), strict=True)
            if frame.ref.id in readable
        ]
        self._read = lru_cache(maxsize=2 * context + 1)(read)

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> Window:
        return Window(tuple(map(self._read, self._windows[index])))

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))


def neighbours(refs: Sequence[FrameRef], context: int) -> list[tuple[FrameRef, ...]]:
    """The window of each frame: `context` frames before and after it in time, itself in the middle.

    Neighbours are of the same sequence, among `refs`; where it ends, its first or last frame is repeated.
    An unreadable neighbour is only found out by decoding: the frame itself then takes its place, in training
    as in use.
    """
    sequences: dict[str, list[FrameRef]] = defaultdict(list)
    position: dict[str, int] = {}
    for ref in sorted(refs, key=lambda ref: (ref.index, ref.id)):
        position[ref.id] = len(sequences[ref.sequence])
        sequences[ref.sequence].append(ref)
    windows = []
    for ref in refs:
        sequence, middle = sequences[ref.sequence], position[ref.id]
        around = range(middle - context, middle + context + 1)
        windows.append(tuple(sequence[min(max(at, 0), len(sequence) - 1)] for at in around))
    return windows

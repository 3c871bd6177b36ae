"""References to frames: cheap and listed at once, while pixels are decoded when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from attrs import frozen

from cs_framework.api.embryo import Circle
from cs_framework.api.frames import Frame

UNLISTED = -1
"""In place of a page, of a file that could not be listed for now: its frames are not done."""


@frozen
class FrameRef:
    """Names one frame without decoding it."""

    id: str
    """Path relative to the source's root with ``/``, then ``#page`` where the file holds several frames."""
    path: Path
    page: int = 0
    """Which frame of the file, from 0: page, time point of a stack, frame of a video; or `UNLISTED`."""
    sequence: str = ""
    """The embryo; the file's own path where nothing tells the embryo."""
    index: int = 0
    """Time within the sequence: a number that ``index.csv`` or the file's name gives, else the position."""
    hours: float | None = None
    """The same in hours, where it is known."""
    z: int | str | None = None
    """Of a frame with several z planes: ``data.z``; else None."""
    circle: Circle | None = None
    """The embryo, where ``data.embryo`` says it; None where it is to be found."""
    variant: str = ""
    """How training alters the frame before use; empty for the frame as it is."""

    @property
    def file(self) -> str:
        """The id without ``#page``."""
        return self.id.removesuffix(f"#{self.page}")


class FrameSource(Protocol):
    """Frames that can be read in any order."""

    @property
    def refs(self) -> tuple[FrameRef, ...]:
        """Sequence by sequence in natural order, and within each in order of time."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results has to know, such as files that were passed over."""
        ...

    def read(self, ref: FrameRef) -> Frame:
        """Decode one frame.

        Raises:
            FrameError: naming the frame and why it cannot be read.
        """
        ...

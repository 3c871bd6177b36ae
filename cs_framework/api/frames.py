"""Frames of a time-lapse sequence and their neighbours: what components look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import UInt8
from cs_framework.api.crop import CIRCLE, Crop
from cs_framework.api.embryo import Circle, EmbryoRegion, find_embryo, grey_plane


def _read_only(image: UInt8) -> UInt8:
    view = image.view()
    view.flags.writeable = False
    return view


@frozen(eq=False)
class Frame:
    """One frame of a time-lapse sequence, decoded.

    `grey` and `embryo` are computed once, on first use, and shared by all components.
    """

    image: UInt8 = field(converter=_read_only)
    """RGB, uint8, (H, W, 3), read-only. Grey sources have three equal channels."""
    id: str
    """Unique in its source and free of absolute paths, such as ``test/abnormal/embryo7_012.png``."""
    sequence: str = ""
    """The embryo that the frame shows."""
    index: int = 0
    """Position within the sequence, ascending in time."""
    circle: Circle | None = None
    """The embryo where the user gives it, as `data.embryo` does; None where it is to be found."""
    depth: tuple[int, int] | None = None
    """Of a file of more than 8 bits a sample: the largest value of the frame, and the bits taken for full."""
    crop: Crop | None = None
    """What part of the file's frame this is, and at which scale; None where it is all of it, as it is."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @cached_property
    def grey(self) -> UInt8:
        """The grey plane, uint8, (H, W), read-only; ITU-R 601 weights for coloured frames."""
        return _read_only(grey_plane(self.image))

    @cached_property
    def embryo(self) -> EmbryoRegion:
        """The circle that holds the embryo, given or found, or the whole frame where none is found."""
        return EmbryoRegion.given(self.circle, self.size) if self.circle else find_embryo(self.grey)

    def cropped(self) -> Frame:
        """The embryo at the scale of all crops; the frame itself where none is found."""
        if not self.embryo.found:
            return self
        crop = Crop.around(self.embryo)
        return evolve(self, image=crop.cut(self.image), circle=CIRCLE, crop=crop)


@frozen(eq=False)
class Window:
    """A frame with its neighbours of the same sequence, as many as the filter's `context` asks for.

    At the ends of a sequence the first or last frame is repeated, so there are always
    ``2 * context + 1`` frames.
    """

    frames: tuple[Frame, ...]

    @property
    def frame(self) -> Frame:
        """The frame in question, in the middle."""
        return self.frames[len(self.frames) // 2]


class Windows(Protocol):
    """Labelled windows, decoded when asked for: what an anomaly filter is fitted on.

    Going through it decodes every frame, so a filter does so once and keeps what it derives.
    """

    @property
    def labels(self) -> NDArray[np.int8]:
        """(N,) 0 for normal, 1 for abnormal."""
        ...

    @property
    def sequences(self) -> Sequence[str]:
        """(N,) the embryo of each window."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Window: ...

    def __iter__(self) -> Iterator[Window]: ...


def embryo_region(frame: Frame) -> EmbryoRegion:
    """The embryo of a frame; found once and kept with the frame."""
    return frame.embryo

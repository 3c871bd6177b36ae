"""Frames of a video, decoded by FFmpeg through PyAV: exact, in any order, one at a time.

Frames are numbered in the order in which a player shows them. Going through a file reads its packets, which
tell when each frame is shown and where decoding may start, without decoding any; so a frame can be reached
from the key frame before it. Memory does not grow with the length of a video, but for 9 bytes a frame.
"""

from __future__ import annotations

import atexit
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import cast

import av
import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from cs_framework.data.samples import (
    MAX_FRAMES,
    MAX_PIXELS,
    Samples,
    UnreadableError,
    Version,
    check_size,
    upright,
)

EXTENSIONS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv"})
_OPEN_AT_ONCE = 4
_CUT_SHORT = "the file holds no readable video; it may have been cut short"
_TURNED = {
    **{(-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4, (0, 1, 1, 0): 5},
    **{(0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8},
}
"""Exif's number of how a player turns frames, by the signs of a, b, c, d: x' = a x + c y, y' = b x + d y."""


def container_of(head: bytes) -> str | None:
    """FFmpeg's name of the container that a file's first bytes announce, or None.

    FFmpeg is told the format rather than asked to guess it, since some formats that it knows are lists of
    other files, on this machine or elsewhere.
    """
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    return "matroska" if head[:4] == b"\x1a\x45\xdf\xa3" else None


def count_frames(version: Version) -> int:
    """How many frames a video holds.

    Raises:
        Exception: it cannot be read.
    """
    return _index(*version).count


def decode(version: Version, number: int) -> Samples:
    """Decode one frame; the next one costs the least.

    Raises:
        Exception: it cannot be read.
    """
    with _lock:
        return _opened(version).read(number)


@frozen(eq=False)
class _Index:
    """When frames are shown, in units of the stream."""

    count: int
    times: NDArray[np.int64] | None
    """(count,) ascending; None where the container does not tell them, as AVI with bidirectional frames."""
    keys: NDArray[np.int64]
    """Times of key frames."""


class _Video:
    """An open video and how far it is decoded."""

    def __init__(self, version: Version) -> None:
        self.index = _index(*version)
        self._container = _open(version[0])
        self._frames = self._decoded()
        self._number = -1  # of the last frame decoded
        self._orientation: int | None = None  # as Exif numbers it; known from the first frame on

    def close(self) -> None:
        self._container.close()

    def read(self, number: int) -> Samples:
        """Decode a frame, going on from the last one where that is the shortest way."""
        if number >= self.index.count:
            raise UnreadableError(
                f"there is no frame {number}: the video holds {self.index.count}"
                if self.index.count
                else "the video holds no frames"
            )
        if self.index.times is None:
            return self._read_by_counting(number)
        if number != self._number + 1 and not self._is_ahead(number):
            self._seek(int(self.index.times[number]))
        return self._forward(number)

    def _is_ahead(self, number: int) -> bool:
        """Is the frame ahead, with no key frame on the way to which a leap would be shorter?"""
        times, keys = self.index.times, self.index.keys
        assert times is not None
        if number <= self._number:
            return False
        reached = times[self._number] if self._number >= 0 else times[0]
        return bisect_right(keys, times[number]) == bisect_right(keys, reached)

    def _seek(self, time: int) -> None:
        self._container.seek(time, stream=self._container.streams.video[0])
        self._frames = self._decoded()

    def _forward(self, number: int, *, may_restart: bool = True) -> Samples:
        times = self.index.times
        assert times is not None
        wanted, self._number, first = int(times[number]), number, True
        for frame in self._frames:
            if frame.pts is not None and frame.pts >= wanted:
                break
            first = False
        else:
            raise UnreadableError("the video ends or is damaged there")
        if frame.pts == wanted:
            return self._shown(frame)
        self._number = int(np.searchsorted(times, frame.pts))
        if first and may_restart:  # the container's own index led past it
            self._restart()
            return self._forward(number, may_restart=False)
        raise UnreadableError("the video is damaged there")

    def _read_by_counting(self, number: int) -> Samples:
        if number <= self._number:
            self._restart()
        for frame in self._frames:
            self._number += 1
            if self._number == number:
                return self._shown(frame)
        raise UnreadableError("the video ends or is damaged there")

    def _shown(self, frame: av.VideoFrame) -> Samples:
        if self._orientation is None:  # asked for once, since a frame that was asked stays in memory for long
            self._orientation = _orientation(frame)
        samples = _samples(frame)
        return evolve(samples, values=upright(samples.values, self._orientation))

    def _restart(self) -> None:
        self._container.seek(0)
        self._frames, self._number = self._decoded(), -1

    def _decoded(self) -> Iterator[av.VideoFrame]:
        for packet in self._container.demux(video=0):
            with suppress(av.error.InvalidDataError):  # the frame will be found missing
                yield from packet.decode()


_videos: OrderedDict[Version, _Video] = OrderedDict()
_lock = RLock()


def _opened(version: Version) -> _Video:
    """The open video of a file; the few used last stay open, since frames are mostly read in order."""
    if version not in _videos:
        _videos[version] = _Video(version)
        if len(_videos) > _OPEN_AT_ONCE:
            _videos.popitem(last=False)[1].close()
    _videos.move_to_end(version)
    return _videos[version]


@atexit.register
def close_all() -> None:
    """Close the videos that are kept open, so that their files can be removed anywhere."""
    with _lock:
        while _videos:
            _videos.popitem()[1].close()


def _open(path: Path) -> av.container.InputContainer:
    with path.open("rb") as file:
        container = container_of(file.read(16))
    if container is None:
        raise UnreadableError("not a video of a known format (MP4, MOV, AVI or Matroska)")
    # max_pixels holds for every stream and for sizes that change on the way
    try:
        opened = av.open(f"file:{path}", format=container, options={"max_pixels": str(MAX_PIXELS)})
    except av.error.EOFError as error:
        raise UnreadableError("the video holds no frames") from error
    except av.error.InvalidDataError as error:
        raise UnreadableError(_CUT_SHORT) from error
    if not opened.streams.video:
        opened.close()
        raise UnreadableError("the file holds no video")
    stream = opened.streams.video[0]
    if not stream.codec_context:  # the file ends before it says how its frames are coded
        opened.close()
        raise UnreadableError(_CUT_SHORT)
    stream.thread_type, stream.thread_count = "NONE", 1
    size = stream.codec_context.width, stream.codec_context.height
    if not min(size):
        raise UnreadableError(f"its frames have no size, or more than {MAX_PIXELS // 10**6} million pixels")
    check_size(*size)
    return opened


@lru_cache(maxsize=64)
def _index(path: Path, size: int, modified: int) -> _Index:
    with _open(path) as container:
        shown: list[int] = []
        keys: list[int] = []
        # AVI keeps no times; those made up from the order of packets are wrong where it is not that shown
        stream = container.streams.video[0]
        complete = container.format.name != "avi" or not stream.codec_context.has_b_frames
        for packet in container.demux(video=0):
            if not packet.size or packet.is_discard:
                continue
            complete = complete and packet.pts is not None
            shown.append(packet.pts or 0)
            if packet.is_keyframe:
                keys.append(packet.pts or 0)
            if len(shown) > MAX_FRAMES:
                raise UnreadableError(f"more than {MAX_FRAMES} frames; cut the video into parts")
    times = np.unique(np.array(shown, dtype=np.int64))
    if complete and len(times) == len(shown):
        return _Index(len(times), times, np.unique(np.array(keys, dtype=np.int64)))
    with _open(path) as container:
        return _Index(sum(1 for _ in container.decode(video=0)), None, np.zeros(0, np.int64))


def _samples(frame: av.VideoFrame) -> Samples:
    if frame.is_corrupt:
        raise UnreadableError("the video is damaged there")
    grey = frame.format.name.startswith("gray")
    return Samples(frame.to_ndarray(format="gray" if grey else "rgb24"), 8)


def _orientation(frame: av.VideoFrame) -> int:
    """How players turn the frame, as Exif numbers it; 1 where they do not, or not by right angles."""
    sides = cast("Mapping[str, bytes]", frame.side_data)  # of which PyAV's stub knows one key only
    matrix = sides.get("DISPLAYMATRIX")
    if matrix is None:
        return 1
    a, b, _, c, d = np.sign(np.frombuffer(bytes(matrix), np.int32)[:5]).tolist()
    return _TURNED.get((a, b, c, d), 1)

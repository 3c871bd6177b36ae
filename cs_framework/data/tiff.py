"""Frames of a TIFF: each page, or each time point of a stack whose metadata tell its axes.

Axes come from OME metadata, ImageJ's, or those of other writers that tifffile knows. A frame is a point of
all axes but these: of the z planes one is taken, or all are projected; of several channels the first is
read; colour samples make RGB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from attrs import field, frozen
from numpy.typing import NDArray

from cs_framework.data.lzw import check_lzw
from cs_framework.data.ome import HOURS, read_ome
from cs_framework.data.samples import (
    MAX_FRAMES,
    Samples,
    Shot,
    UnreadableError,
    check_size,
    colours,
    eight_bits,
    upright,
)

EXTENSIONS = frozenset({".tif", ".tiff"})
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ORIENTATION = 0x0112
_C = tifffile.COMPRESSION
_BOUNDED = {
    *(_C.NONE, _C.CCITTRLE, _C.CCITT_T4, _C.CCITT_T6),
    *(_C.LZW, _C.ADOBE_DEFLATE, _C.DEFLATE, _C.PACKBITS, _C.LZMA, _C.ZSTD),
}
"""Compressions that never give more than is asked of them."""

_TYPED = {
    **dict.fromkeys(("msec", "msecs", "millisecond", "milliseconds"), HOURS["ms"]),
    **dict.fromkeys(("secs", "second", "seconds"), HOURS["s"]),
    **dict.fromkeys(("mins", "minute", "minutes"), HOURS["min"]),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), HOURS["h"]),
    **dict.fromkeys(("day", "days"), HOURS["d"]),
}
"""More units of time, since ImageJ keeps what a person types."""

_MOST_SAMPLES = 8
"""A pixel, of which all are decoded before three are taken: colours, alpha and what some writers add."""

Version = tuple[Path, int, int]


@frozen
class _Plane:
    """Where one plane lies."""

    directory: int
    """Offset of the page that describes it."""
    behind: int = 0
    """How many images lie before it behind that page, of writers that store one page for a whole stack."""


@frozen
class _Stacked:
    planes: tuple[_Plane, ...]
    """By z."""
    shot: Shot = field(factory=Shot)


def list_shots(version: Version) -> Sequence[Shot]:
    """The frames of a file.

    Raises:
        Exception: the file is damaged.
    """
    return [frame.shot for frame in _layout(*version)]


def decode(version: Version, number: int, z: int | str | None) -> Samples:
    """Decode one frame.

    Args:
        version: the file.
        number: of the frame, counted from 0.
        z: a plane, counted from 0; ``max`` for the brightest value of all planes at each pixel;
            ``best-focus`` (also None) for the plane whose Laplacian varies most, after Pech-Pacheco et al.,
            "Diatom autofocusing in brightfield microscopy", ICPR 2000.

    Raises:
        Exception: the frame cannot be read.
    """
    with tifffile.TiffFile(version[0]) as tiff:
        if number == 0 and z is None and not tiff.pages.is_multipage:
            return _decode_page(tiff, tiff.pages.first)
        frames = _layout(*version)
        if number >= len(frames):
            raise UnreadableError(f"there is no page {number}: the file has {len(frames)}")
        planes = frames[number].planes
        if isinstance(z, int):
            if len(planes) > 1 and z >= len(planes):
                raise UnreadableError(f"there is no z plane {z}, there are {len(planes)}; set data.z")
            planes = planes[min(z, len(planes) - 1) :][:1]
        best = _decode_plane(tiff, planes[0])
        sharpest = _sharpness(best) if len(planes) > 1 and z != "max" else 0.0
        for plane in planes[1:]:
            other = _decode_plane(tiff, plane)
            if z == "max":
                brightest = np.minimum if best.white_is_zero else np.maximum
                best = Samples(brightest(best.values, other.values), best.bits, best.white_is_zero)
            elif (sharpness := _sharpness(other)) > sharpest:
                best, sharpest = other, sharpness
        return best


def _sharpness(samples: Samples) -> float:
    import cv2

    return float(cv2.Laplacian(samples.values.astype(np.float32), cv2.CV_32F).var())


@lru_cache(maxsize=16)  # so that the pages are not gone through again for each of them
def _layout(path: Path, size: int, modified: int) -> tuple[_Stacked, ...]:
    with tifffile.TiffFile(path) as tiff:
        tiff.pages.useframes = True  # of all pages but the first only the place is wanted
        offsets = _offsets(tiff)
        if tiff.is_ome and tiff.ome_metadata:
            with suppress(Exception):  # damaged metadata are as good as none
                if frames := _of_ome(tiff.ome_metadata, path, offsets):
                    return frames
        elif len(offsets) > 1 or tiff.is_shaped or tiff.is_imagej:
            with suppress(Exception):
                if frames := _of_series(tiff, offsets, size):
                    return frames
        return tuple(_Stacked((_Plane(offset),)) for offset in offsets)


def _offsets(tiff: tifffile.TiffFile) -> list[int]:
    """Where the pages are described; tifffile itself would go round in circles."""
    offsets: dict[int, None] = {}
    for page in tiff.pages:
        if page.offset in offsets:
            raise UnreadableError("its pages follow each other in a circle")
        if len(offsets) == MAX_FRAMES:
            raise UnreadableError(f"more than {MAX_FRAMES} pages; cut the file into parts")
        offsets[page.offset] = None
    return list(offsets)


def _of_ome(xml: str, path: Path, offsets: list[int]) -> tuple[_Stacked, ...]:
    frames = read_ome(xml, path.name, len(offsets))
    several = len({frame.image for frame in frames}) > 1
    return tuple(
        _Stacked(
            tuple(_Plane(offsets[page]) for page in frame.planes),
            Shot(frame.hours, frame.image if several else "", len(frame.planes), frame.channels),
        )
        for frame in frames
    )


def _of_series(tiff: tifffile.TiffFile, offsets: list[int], size: int) -> tuple[_Stacked, ...]:
    """Frames by the axes that tifffile finds; empty where the metadata say nothing of axes."""
    step = _imagej_step(tiff)
    stacked: list[_Stacked] = []
    for series in tiff.series:
        if series.kind in {"uniform", "generic"}:
            return ()
        page = series.keyframe
        inner = len(page.shape)
        axes, shape = series.axes[:-inner], series.shape[:-inner]
        count = int(np.prod(shape, dtype=object))
        stored = len(offsets) - page.index
        if series.is_truncated or count > stored:
            if not page.is_contiguous or page.dataoffsets[0] + count * page.nbytes > size:
                return ()
            places = [_Plane(page.offset, number) for number in range(count)]
        else:
            places = [_Plane(offset) for offset in offsets[page.index : page.index + count]]
        stacked += _stacked(places, axes, shape, step)
    return tuple(stacked)


def _stacked(places: list[_Plane], axes: str, shape: tuple[int, ...], step: float | None) -> list[_Stacked]:
    numbers: NDArray[Any] = np.arange(len(places)).reshape(shape)
    channels = 1
    if "C" in axes:
        channels = shape[axes.index("C")]
        numbers, axes = numbers.take(0, axes.index("C")), axes.replace("C", "")
    numbers = np.moveaxis(numbers, axes.index("Z"), -1) if "Z" in axes else numbers[..., None]
    planes = numbers.shape[-1]
    return [
        _Stacked(
            tuple(places[number] for number in by_z),
            Shot(None if step is None else time * step, "", planes, channels),
        )
        for time, by_z in enumerate(numbers.reshape(-1, planes))
    ]


def _imagej_step(tiff: tifffile.TiffFile) -> float | None:
    """Hours between the frames of an ImageJ stack."""
    metadata = tiff.imagej_metadata or {}
    with suppress(KeyError, ValueError, TypeError):
        unit = str(metadata.get("tunit", "s")).strip().lower()
        return float(metadata["finterval"]) * (HOURS | _TYPED)[unit] or None
    return None


def _decode_plane(tiff: tifffile.TiffFile, plane: _Plane) -> Samples:
    tiff.filehandle.seek(plane.directory)
    page = tifffile.TiffPage(tiff, (0,))
    if not plane.behind:
        return _decode_page(tiff, page)
    kind = _kind(page)
    tiff.filehandle.seek(page.dataoffsets[0] + plane.behind * page.nbytes)
    assert page.dtype is not None  # as _kind has seen to
    values = tiff.filehandle.read_array(tiff.byteorder + page.dtype.char, page.size).reshape(page.shape)
    return _samples(tiff, page, kind, values.astype(page.dtype, copy=False))


def _decode_page(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> Samples:
    kind = _kind(page)
    _check_segments(page)
    return _samples(tiff, page, kind, page.asarray())


def _samples(tiff: tifffile.TiffFile, page: tifffile.TiffPage, kind: str, values: NDArray[Any]) -> Samples:
    bits = _depth(tiff, page)
    if kind == "PALETTE":
        palette = np.moveaxis(page.tags.valueof("ColorMap").reshape(3, -1), 0, -1)
        values, bits = eight_bits(16)[palette][values], 8
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    orientation = page.tags.valueof(_ORIENTATION, 1)
    return Samples(upright(colours(values), orientation), bits, kind == "MINISWHITE")


def _check_segments(page: tifffile.TiffPage) -> None:
    """Refuse what would lead a decoder astray, or may grow beyond the size that the page declares."""
    compression = _C(page.compression)
    if compression in _BOUNDED and compression != _C.LZW:
        return
    if compression not in {_C.LZW, _C.JPEG}:
        raise UnreadableError(f"compression {compression.name} is not read; save it with LZW or Deflate")
    data: Any
    for data, _ in page.parent.filehandle.read_segments(page.dataoffsets, page.databytecounts):
        if compression == _C.LZW:
            check_lzw(data or b"", page.fillorder)
        else:
            check_size(*_jpeg_size(data or b""))


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height that the frame header of a JPEG gives; (0, 0) where there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 1 if marker == 0xFF else 2 + length
    return 0, 0


def _kind(page: tifffile.TiffPage) -> str:
    """The photometric interpretation of a page that can be read here, before it is decoded."""
    check_size(page.imagewidth, page.imagelength)
    check_size(page.tilewidth, page.tilelength)  # 0 where there are none; a tile may be larger than its page
    if page.samplesperpixel > _MOST_SAMPLES:
        raise UnreadableError(f"{page.samplesperpixel} samples a pixel are not those of a grey or RGB image")
    if page.axes not in {"YX", "YXS", "SYX"}:
        raise UnreadableError(f"axes {page.axes} are not those of a grey or RGB image")
    if page.dtype is None or page.dtype.kind not in "bu" or page.bitspersample > 16:
        raise UnreadableError(
            f"samples of type {page.dtype} have no known range; save them as unsigned 8 or 16 bit"
        )
    kind = tifffile.PHOTOMETRIC(page.photometric).name
    # tifffile turns the YCbCr of a JPEG into RGB, and only that of a JPEG
    from_jpeg = kind == "YCBCR" and "JPEG" in _C(page.compression).name
    if kind not in {"MINISBLACK", "MINISWHITE", "PALETTE", "RGB"} and not from_jpeg:
        raise UnreadableError(f"colour mode {kind} is not read; save it as grey or RGB")
    return kind


def _depth(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> int:
    stored = int(page.bitspersample)
    if stored <= 8:
        return stored
    if tiff.ome_metadata and (found := re.search(r'SignificantBits="(\d+)"', tiff.ome_metadata)):
        return min(stored, max(8, int(found[1])))
    # Some writers put the largest value found into MaxSampleValue, which says nothing of the depth.
    declared = page.tags.valueof("MaxSampleValue", 0)
    largest = max(declared) if isinstance(declared, tuple) else declared
    depth = int(largest).bit_length()
    return depth if 8 < depth <= stored and largest == (1 << depth) - 1 else stored

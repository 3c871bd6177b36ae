"""Decoding the frames of a TIFF.

Of the z planes of a frame one is taken, or all are projected; of several channels the first is read; colour
samples make RGB.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from cs_framework.data.lzw import check_lzw
from cs_framework.data.samples import (
    Samples,
    UnreadableError,
    Version,
    check_size,
    colours,
    eight_bits,
    upright,
)
from cs_framework.data.stacks import Plane, layout

EXTENSIONS = frozenset({".tif", ".tiff"})
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ORIENTATION = 0x0112
_C = tifffile.COMPRESSION
_BOUNDED = {
    *(_C.NONE, _C.CCITTRLE, _C.CCITT_T4, _C.CCITT_T6),
    *(_C.LZW, _C.ADOBE_DEFLATE, _C.DEFLATE, _C.PACKBITS, _C.LZMA, _C.ZSTD),
}
"""Compressions that never give more than is asked of them."""

_MOST_SAMPLES = 8
"""A pixel, of which all are decoded before three are taken: colours, alpha and what some writers add."""


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
        stacks = layout(*version).stacks
        if number >= len(stacks):
            raise UnreadableError(f"there is no page {number}: the file has {len(stacks)}")
        planes = stacks[number].planes
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


def _decode_plane(tiff: tifffile.TiffFile, plane: Plane) -> Samples:
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
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    if kind == "PALETTE":
        if values.ndim == 3:  # the others are alpha
            values = values[..., 0]
        palette = np.moveaxis(page.tags.valueof("ColorMap").reshape(3, -1), 0, -1)
        values, bits = eight_bits(16)[palette][values], 8
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

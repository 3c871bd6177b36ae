"""Decoding one image file, or one page of one, to the RGB of a [Frame][cs_framework.interfaces.Frame].

PNG, JPEG, BMP and TIFF are recognised by their content: grey, RGB or palette, with or without alpha, of 1 to
16 bits. Pillow decodes all but two: TIFF goes to tifffile, and PNG of 16 bits, of whose colours Pillow keeps
only the high byte, to imagecodecs.

- **Depth.** A value ``v`` of a file of ``b`` bits becomes ``v * 255 / (2**b - 1)``, rounded. ``b`` is what
  the file declares: the bits of its samples, or fewer where ``SignificantBits`` of an OME-TIFF or a TIFF's
  ``MaxSampleValue`` of the form ``2**b - 1`` says so (PNG has its values fill the range). The setting
  ``data.bits`` overrides that for samples wider than 8 bits. The depth is never guessed from the values,
  since the frames of one sequence would then differ in scale.
- **Alpha** is dropped, not blended. **White-is-zero** TIFFs are inverted.
- **Orientation**, as Exif or TIFF give it, is applied: pixels and boxes refer to the frame that viewers show.
- **Size.** Images above `MAX_PIXELS` are refused before memory is taken for them.
"""

from __future__ import annotations

import hashlib
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from attrs import frozen
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cs_framework.errors import FrameError
from cs_framework.interfaces import Frame, UInt8

if TYPE_CHECKING:
    from cs_framework.data.source import FrameRef

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
FORMATS = "PNG, JPEG, BMP or TIFF"
MAX_PIXELS = 64_000_000
"""Width times height of the largest image that is read."""

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_pillow_lock = threading.Lock()


class _UnreadableError(Exception):
    """Why an image cannot be read, still without its name."""


@frozen(eq=False)
class Samples:
    """What an image file holds, decoded but not yet scaled to 8 bits."""

    values: NDArray[Any]
    """uint8 or uint16, (H, W) for grey or (H, W, 3) for RGB."""
    bits: int
    """Depth: values reach from 0 to ``2**bits - 1``."""
    white_is_zero: bool = False


def read_image(path: Path, page: int = 0, bits: int | None = None) -> UInt8:
    """Decode an image, or one page of a TIFF.

    Args:
        path: the file.
        page: counted from 0.
        bits: depth of files whose samples are wider than 8 bits, instead of what they declare.

    Returns:
        RGB, uint8, (H, W, 3).

    Raises:
        FrameError: naming the file and why it cannot be read.
    """
    with _named(str(path)):
        return to_rgb(_decode(path, page, bits))


def read_samples(ref: FrameRef, bits: int | None = None) -> Samples:
    """Decode a frame without scaling it to 8 bits.

    Raises:
        FrameError: naming the frame and why it cannot be read.
    """
    with _named(ref.id):
        return _decode(ref.path, ref.page, bits)


def read_frame(ref: FrameRef, bits: int | None = None) -> Frame:
    """Decode the frame that `ref` names; see [read_image][cs_framework.data.images.read_image].

    Raises:
        FrameError: naming the frame and why it cannot be read.
    """
    image = to_rgb(read_samples(ref, bits))
    return Frame(image, id=ref.id, sequence=ref.sequence, index=ref.index)


def count_pages(path: Path) -> int:
    """How many frames a file holds: the pages of a TIFF, otherwise 1; also 1 where it cannot be read."""
    if path.suffix.lower() in {".tif", ".tiff"}:
        with suppress(Exception), tifffile.TiffFile(path) as tiff:
            return max(1, len(tiff.pages))
    return 1


def content_hash(ref: FrameRef) -> str:
    """A digest of what `ref` shows: the bytes of its file, and its page.

    Raises:
        FrameError: the file cannot be read.
    """
    with _named(ref.id):
        of_file = _file_digest(*_version(ref.path))
    return hashlib.blake2b(of_file + ref.page.to_bytes(4, "big"), digest_size=20).hexdigest()


def _version(path: Path) -> tuple[Path, int, int]:
    """A file as it is now: what is remembered of it holds as long as this does."""
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=16)  # so that a stack is not read again for each of its pages
def _file_digest(path: Path, size: int, modified: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def to_rgb(samples: Samples) -> UInt8:
    """Scale samples to 8 bits and give grey ones three equal channels: uint8, (H, W, 3)."""
    values: UInt8 = samples.values
    if samples.bits != 8 or values.dtype != np.uint8:
        values = _eight_bits(samples.bits)[values]
    if samples.white_is_zero:
        values = 255 - values
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2)
    return np.ascontiguousarray(values)


@lru_cache
def _eight_bits(bits: int) -> UInt8:
    """The rule of this module's docstring as a table, in exact integers; no value is ever halfway."""
    largest = (1 << bits) - 1
    return ((np.arange(largest + 1) * 255 + largest // 2) // largest).astype(np.uint8)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Whatever is raised inside becomes a FrameError that says `name`."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise FrameError(f"{name}: not an image of a known format ({FORMATS})") from error
    except Exception as error:  # decoders raise anything at all on damaged files
        # What the system says of a file repeats its path, which results must not hold.
        reason = (
            (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        )
        raise FrameError(f"{name}: {reason}") from error


def _decode(path: Path, page: int, bits: int | None) -> Samples:
    with path.open("rb") as file:
        head = file.read(32)
        file.seek(0)
        if not head:
            raise _UnreadableError("the file is empty")
        if head.startswith(_TIFF_MAGIC):
            samples = _decode_tiff(path, page)
        elif page:
            raise _UnreadableError(f"there is no page {page}: only TIFF files have several")
        else:
            samples = _decode_other(file, is_deep_png=head.startswith(_PNG_MAGIC) and head[24:25] == b"\x10")
    if samples.values.dtype.itemsize == 1:
        return samples
    depth, largest = bits or samples.bits, int(samples.values.max())
    if largest >= 1 << depth:
        raise _UnreadableError(
            f"a value of {largest} does not fit {depth} bits; set data.bits to the depth of the camera"
        )
    return Samples(samples.values, depth, samples.white_is_zero)


def _decode_other(file: BinaryIO, *, is_deep_png: bool) -> Samples:
    with _pillow_quiet():
        picture: Image.Image = Image.open(file, formats=("PNG", "JPEG", "BMP"))
    _check_size(*picture.size)
    orientation = _exif_orientation(picture.info.get("exif", b""))
    if is_deep_png:
        file.seek(0)
        return Samples(_upright(_colours(imagecodecs.png_decode(file.read())), orientation), 16)
    if picture.mode in {"P", "PA"}:
        # RGBA also where alpha is absent: converting straight to RGB warns of transparency that is lost
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in {"L", "LA", "RGB", "RGBA"}:
        raise _UnreadableError(f"colour mode {picture.mode} is not read; save it as grey or RGB")
    return Samples(_upright(_colours(np.asarray(picture)), orientation), 8)


@contextmanager
def _pillow_quiet() -> Iterator[None]:
    """Pillow's remarks on metadata are no concern of a run; filters are global, hence the lock."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _UnreadableError(f"{width} x {height} pixels; at most {MAX_PIXELS // 10**6} million are read")


def _exif_orientation(block: bytes) -> int:
    exif = Image.Exif()
    with suppress(Exception), _pillow_quiet():  # a damaged block is as good as none
        exif.load(block)
        return int(exif.get(_ORIENTATION, 1))
    return 1


def _colours(values: NDArray[Any]) -> NDArray[Any]:
    """Drop alpha: (H, W) or (H, W, C) to (H, W) for grey or (H, W, 3) for RGB."""
    if values.ndim == 2:
        return values
    return values[..., :3] if values.shape[2] > 2 else values[..., 0]


def _upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn by an Exif orientation, 1 to 8; anything else leaves the image as it is."""
    if orientation in {5, 6, 7, 8}:
        values = values.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    return values


@lru_cache(maxsize=16)  # so that the chain of pages is not followed from the start for each of them
def _page_offsets(path: Path, size: int, modified: int) -> list[int]:
    with tifffile.TiffFile(path) as tiff:
        return [page.offset for page in tiff.pages]


def _decode_tiff(path: Path, page: int) -> Samples:
    with tifffile.TiffFile(path) as tiff:
        image = tiff.pages.first
        if page:
            offsets = _page_offsets(*_version(path))
            if page >= len(offsets):
                raise _UnreadableError(f"there is no page {page}: the file has {len(offsets)}")
            tiff.filehandle.seek(offsets[page])
            image = tifffile.TiffPage(tiff, (page,))
        kind = _tiff_kind(image)
        values = image.asarray()
        bits = _tiff_depth(tiff, image)
        orientation = image.tags.valueof(_ORIENTATION, 1)
        if kind == "PALETTE":
            colours = np.moveaxis(image.tags.valueof("ColorMap").reshape(3, -1), 0, -1)
            values, bits = _eight_bits(16)[colours][values], 8
    if image.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    return Samples(_upright(_colours(values), orientation), bits, kind == "MINISWHITE")


def _tiff_kind(image: tifffile.TiffPage) -> str:
    """The photometric interpretation of an image that can be read here, before it is decoded."""
    _check_size(image.imagewidth, image.imagelength)
    if image.axes not in {"YX", "YXS", "SYX"}:
        raise _UnreadableError(f"axes {image.axes} are not those of a grey or RGB image")
    if image.dtype is None or image.dtype.kind not in "bu" or image.bitspersample > 16:
        raise _UnreadableError(
            f"samples of type {image.dtype} have no known range; save them as unsigned 8 or 16 bit"
        )
    kind = tifffile.PHOTOMETRIC(image.photometric).name
    # tifffile turns the YCbCr of a JPEG into RGB, and only that of a JPEG
    from_jpeg = kind == "YCBCR" and "JPEG" in tifffile.COMPRESSION(image.compression).name
    if kind not in {"MINISBLACK", "MINISWHITE", "PALETTE", "RGB"} and not from_jpeg:
        raise _UnreadableError(f"colour mode {kind} is not read; save it as grey or RGB")
    return kind


def _tiff_depth(tiff: tifffile.TiffFile, image: tifffile.TiffPage) -> int:
    stored = int(image.bitspersample)
    if stored <= 8:
        return stored
    if tiff.ome_metadata and (found := re.search(r'SignificantBits="(\d+)"', tiff.ome_metadata)):
        return min(stored, max(8, int(found[1])))
    # Some writers put the largest value found into MaxSampleValue, which says nothing of the depth.
    declared = image.tags.valueof("MaxSampleValue", 0)
    largest = max(declared) if isinstance(declared, tuple) else declared
    depth = int(largest).bit_length()
    return depth if 8 < depth <= stored and largest == (1 << depth) - 1 else stored

"""Decoding one frame of a file to the RGB of a [Frame][cs_framework.api.frames.Frame].

Files are recognised by their content: PNG, JPEG, BMP and TIFF, grey, RGB or palette, with or without alpha,
of 1 to 16 bits; MP4, MOV, AVI and Matroska videos. Pillow decodes the images but two: TIFF goes to tifffile,
and PNG of 16 bits, of whose colours Pillow keeps only the high byte, to imagecodecs. FFmpeg decodes videos,
and makes 8 bits of deeper ones.

- **Depth.** A value ``v`` of a file of ``b`` bits becomes ``v * 255 / (2**b - 1)``, rounded. ``b`` is what
  the file declares: the bits of its samples, or fewer where ``SignificantBits`` of an OME-TIFF or a TIFF's
  ``MaxSampleValue`` of the form ``2**b - 1`` says so (PNG has its values fill the range). The setting
  ``data.bits`` overrides that for samples wider than 8 bits. The depth is never guessed from the values,
  since the frames of one sequence would then differ in scale.
- **Alpha** is dropped, not blended. **White-is-zero** TIFFs are inverted.
- **Orientation**, as Exif, TIFF or a video give it, is applied: pixels and boxes refer to what viewers show.
- **Size.** Frames above `MAX_PIXELS` are refused before memory is taken for them.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar

import imagecodecs
import numpy as np
from PIL import Image, UnidentifiedImageError

from cs_framework.api.arrays import UInt8
from cs_framework.api.frames import Frame
from cs_framework.data import tiff, video
from cs_framework.data.faults import passing
from cs_framework.data.samples import (
    Samples,
    Shot,
    Shots,
    UnreadableError,
    Version,
    check_size,
    colours,
    to_rgb,
    upright,
)
from cs_framework.data.stacks import layout
from cs_framework.errors import FrameError, UnavailableError

if TYPE_CHECKING:
    from cs_framework.data.refs import FrameRef
    from cs_framework.recipe.schema import DataSettings

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp"}) | tiff.EXTENSIONS | video.EXTENSIONS
FORMATS = "PNG, JPEG, BMP, TIFF, MP4, MOV, AVI or MKV"

T = TypeVar("T")
log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds before a file is tried again that could not be read for now."""
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_ORIENTATION = 0x0112
_pillow_lock = threading.Lock()


def read_image(path: Path, page: int = 0, bits: int | None = None, z: int | str | None = None) -> UInt8:
    """Decode an image, or one frame of a stack or video.

    Args:
        path: the file.
        page: which frame, counted from 0.
        bits: depth of files whose samples are wider than 8 bits, instead of what they declare.
        z: which plane of a stack; see [tiff.decode][cs_framework.data.tiff.decode].

    Returns:
        RGB, uint8, (H, W, 3).

    Raises:
        FrameError: naming the file and why it cannot be read.
    """
    return _named(str(path), lambda: to_rgb(_decode(path, page, bits, z)))


def read_samples(ref: FrameRef, bits: int | None = None) -> Samples:
    """Decode a frame without scaling it to 8 bits.

    Raises:
        FrameError: naming the frame and why it cannot be read.
    """
    return _named(ref.id, lambda: _decode(ref.path, _listed(ref), bits, ref.z))


def read_frame(ref: FrameRef, bits: int | None = None, crop: Literal["none", "embryo"] = "none") -> Frame:
    """Decode the frame that `ref` names; see [read_image][cs_framework.data.images.read_image].

    With `crop` "embryo" it is cut around its embryo and scaled, where one is found.

    Raises:
        FrameError: naming the frame and why it cannot be read.
    """
    samples = read_samples(ref, bits)
    frame = Frame(
        to_rgb(samples),
        id=ref.id,
        sequence=ref.sequence,
        index=ref.index,
        circle=ref.circle,
        depth=(int(samples.values.max()), samples.bits) if samples.bits > 8 else None,
    )
    return frame.cropped() if crop == "embryo" else frame


def frame_reader(settings: DataSettings) -> Callable[[FrameRef], Frame]:
    """Decodes frames as components see them: with the recipe's depth and crop."""
    return partial(read_frame, bits=settings.bits, crop=settings.crop)


def list_shots(path: Path) -> Shots:
    """The frames of a file, without decoding them: one for an image, and one where nothing can be read."""
    try:
        return _named(path.name, lambda: _shots(path))
    except UnavailableError as error:
        return Shots([Shot()], (f"it cannot be listed: {passing(error)}",), listed=False)
    except FrameError as error:  # which is said of the frame, too, where it cannot be read
        notes = (str(error.__cause__),) if isinstance(error.__cause__, UnreadableError) else ()
        return Shots([Shot()], notes)


def _shots(path: Path) -> Shots:
    if path.suffix.lower() in tiff.EXTENSIONS:
        found = layout(*_version(path))
        return Shots([stack.shot for stack in found.stacks] or [Shot()], found.notes)
    if path.suffix.lower() in video.EXTENSIONS:
        return Shots([Shot()] * max(video.count_frames(_version(path)), 1))
    return Shots([Shot()])


def content_hash(ref: FrameRef) -> str:
    """A digest of what `ref` shows: the bytes of its file, its page and plane, and how it is altered.

    Raises:
        FrameError: the file cannot be read.
    """
    of_file = _named(ref.id, lambda: _file_digest(*_version(ref.path)))
    altered = f"{ref.id}\0{ref.variant}" if ref.variant else ""
    plane = "" if ref.z is None else f"z={ref.z}\0"
    shown = of_file + _listed(ref).to_bytes(4, "big") + plane.encode() + altered.encode()
    return hashlib.blake2b(shown, digest_size=20).hexdigest()


def _listed(ref: FrameRef) -> int:
    """Which frame of its file it is."""
    if ref.page < 0:
        raise UnavailableError(f"{ref.id}: it could not be listed when the run began")
    return ref.page


def _version(path: Path) -> Version:
    """A file as it is now: what is remembered of it holds as long as this does."""
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=16)  # so that a stack is not read again for each of its pages
def _file_digest(path: Path, size: int, modified: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _named(name: str, read: Callable[[], T]) -> T:
    """What `read` gives; whatever it raises becomes a FrameError that says `name`.

    What may pass is tried once more, after a pause.
    """
    try:
        return _once(name, read)
    except UnavailableError:
        sleep(PAUSE)
        return _once(name, read)


def _once(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except UnidentifiedImageError as error:
        raise FrameError(f"{name}: not an image of a known format ({FORMATS})") from error
    except UnreadableError as error:
        raise FrameError(f"{name}: {error}") from error
    except FrameError:
        raise
    except Exception as error:  # decoders raise anything at all on damaged files
        if fault := passing(error):
            raise UnavailableError(f"{name}: {fault}") from error
        # What the system says of a file repeats its path, which results must not hold.
        reason = (
            getattr(error, "strerror", None) or f"damaged, or not of a kind that is read ({_told(error)})"
        )
        raise FrameError(f"{name}: {reason}") from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _decode(path: Path, page: int, bits: int | None, z: int | str | None) -> Samples:
    with path.open("rb") as file:
        head = file.read(32)
        file.seek(0)
        if not head:
            raise UnreadableError("the file is empty")
        if head.startswith(tiff.MAGIC):
            samples = tiff.decode(_version(path), page, z)
        elif video.container_of(head):
            samples = video.decode(_version(path), page)
        elif page:
            raise UnreadableError(f"there is no page {page}: only TIFF files and videos have several")
        else:
            samples = _decode_other(file, is_deep_png=head.startswith(_PNG_MAGIC) and head[24:25] == b"\x10")
    if samples.values.dtype.itemsize == 1:
        return samples
    depth, largest = bits or samples.bits, int(samples.values.max())
    if largest >= 1 << depth:
        raise UnreadableError(
            f"a value of {largest} does not fit {depth} bits; set data.bits to the depth of the camera"
        )
    return Samples(samples.values, depth, samples.white_is_zero)


def _decode_other(file: BinaryIO, *, is_deep_png: bool) -> Samples:
    with _pillow_quiet():
        picture: Image.Image = Image.open(file, formats=("PNG", "JPEG", "BMP"))
    check_size(*picture.size)
    orientation = _exif_orientation(picture.info.get("exif", b""))
    if is_deep_png:
        file.seek(0)
        return Samples(upright(colours(imagecodecs.png_decode(file.read())), orientation), 16)
    if picture.mode in {"P", "PA"}:
        # RGBA also where alpha is absent: converting straight to RGB warns of transparency that is lost
        picture = picture.convert("RGBA")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in {"L", "LA", "RGB", "RGBA"}:
        raise UnreadableError(f"colour mode {picture.mode} is not read; save it as grey or RGB")
    return Samples(upright(colours(np.asarray(picture)), orientation), 8)


@contextmanager
def _pillow_quiet() -> Iterator[None]:
    """Pillow's remarks on metadata are no concern of a run; filters are global, hence the lock."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _exif_orientation(block: bytes) -> int:
    exif = Image.Exif()
    with suppress(Exception), _pillow_quiet():  # a damaged block is as good as none
        exif.load(block)
        return int(exif.get(_ORIENTATION, 1))
    return 1

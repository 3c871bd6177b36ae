"""Which planes of a TIFF make which frame: by metadata that tell its axes, else each page by itself.

Axes come from OME metadata, ImageJ's, or those of other writers that tifffile knows. What metadata declare
beyond what the file holds is left out, with a note.
"""

from __future__ import annotations

import logging
import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import tifffile
from attrs import field, frozen

from cs_framework.data.faults import passing
from cs_framework.data.ome import HOURS, read_ome
from cs_framework.data.samples import MAX_FRAMES, Shot, UnreadableError

# What is wrong with a file is said of its frames; the library would say it on the terminal, too.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_TYPED = {
    **dict.fromkeys(("msec", "msecs", "millisecond", "milliseconds"), HOURS["ms"]),
    **dict.fromkeys(("secs", "second", "seconds"), HOURS["s"]),
    **dict.fromkeys(("mins", "minute", "minutes"), HOURS["min"]),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), HOURS["h"]),
    **dict.fromkeys(("day", "days"), HOURS["d"]),
}
"""More units of time, since ImageJ keeps what a person types."""
_SUBFILE_TYPE, _REDUCED, _MASK = 254, 1, 4
_MOST_ENTRIES = 65_535
"""Of a directory: more are damage."""


@frozen
class Plane:
    """Where one plane lies."""

    directory: int
    """Offset of the page that describes it."""
    behind: int = 0
    """How many images lie before it behind that page, of writers that store one page for a whole stack."""


@frozen
class Stack:
    """One frame."""

    planes: tuple[Plane, ...]
    """By z."""
    shot: Shot = field(factory=Shot)


@frozen
class Layout:
    """The frames of a file."""

    stacks: tuple[Stack, ...]
    notes: tuple[str, ...] = ()
    """What was left out."""


@lru_cache(maxsize=16)  # so that the pages are not gone through again for each of them
def layout(path: Path, size: int, modified: int) -> Layout:
    """The frames of a file as it is now.

    Raises:
        Exception: the file is damaged.
    """
    with tifffile.TiffFile(path) as tiff:
        pages = _pages(tiff)
        offsets = list(pages)
        described = bool(tiff.is_ome or tiff.is_shaped or tiff.is_imagej)
        found = Layout(())
        try:
            if tiff.is_ome and tiff.ome_metadata:
                found = _of_ome(tiff.ome_metadata, path, offsets)
            elif len(pages) > 1 or described:
                found = _of_series(tiff, offsets, size)
        except UnreadableError:
            raise
        except Exception as error:  # damaged metadata are as good as none
            if passing(error):
                raise
            logging.getLogger(__name__).debug("%s: the metadata are damaged", path, exc_info=True)
    return found if found.stacks else _of_pages(pages, described=described)


def _pages(tiff: tifffile.TiffFile) -> dict[int, int]:
    """Where the pages are described, each with its subfile type.

    The chain is followed here, since tifffile goes round in circles and wants all pages to be alike.
    """
    order, file = tiff.byteorder, tiff.filehandle
    head, entry, pointer = ("Q", 20, "Q") if tiff.is_bigtiff else ("H", 12, "I")

    def number(kind: str) -> int:
        data = file.read(struct.calcsize(kind))
        return int(struct.unpack(order + kind, data)[0]) if len(data) == struct.calcsize(kind) else 0

    file.seek(8 if tiff.is_bigtiff else 4)
    pages: dict[int, int] = {}
    while at := number(pointer):
        if at in pages:
            raise UnreadableError("its pages follow each other in a circle")
        if len(pages) == MAX_FRAMES:
            raise UnreadableError(f"more than {MAX_FRAMES} pages; cut the file into parts")
        file.seek(at)
        count = number(head)
        if count > _MOST_ENTRIES:
            break
        entries = file.read(count * entry)
        pages[at] = _subfile_type(entries[:entry], order)
    return pages


def _subfile_type(first: bytes, order: str) -> int:
    """What the first entry of a directory says; there it is, since entries are in the order of their tags."""
    if len(first) < 12 or struct.unpack(f"{order}H", first[:2])[0] != _SUBFILE_TYPE:
        return 0
    value = first[8:12] if len(first) == 12 else first[12:16]
    return int(struct.unpack(f"{order}I", value)[0])


def _of_pages(pages: dict[int, int], *, described: bool) -> Layout:
    """Each page is a frame, but for those that show another page once more."""
    whole = [at for at, kind in pages.items() if not kind & (_REDUCED | _MASK)] or list(pages)
    notes = []
    if described and len(pages) > 1:
        notes.append("its metadata do not fit its pages, so each page is a frame")
    elif described:
        notes.append("its metadata declare more than its one page, which is read as one frame")
    if left := len(pages) - len(whole):
        notes.append(f"{left} pages are thumbnails, masks or levels of a pyramid, and were passed over")
    return Layout(tuple(Stack((Plane(offset),)) for offset in whole), tuple(notes))


def _of_ome(xml: str, path: Path, offsets: Sequence[int]) -> Layout:
    frames, left = read_ome(xml, path.name, len(offsets))
    several = len({frame.image for frame in frames}) > 1
    stacks = tuple(
        Stack(
            tuple(Plane(offsets[page]) for page in frame.planes),
            Shot(frame.hours, frame.image if several else "", len(frame.planes), frame.channels),
        )
        for frame in frames
    )
    note = f"its OME metadata name {left} planes that its {len(offsets)} pages do not hold, or hold once"
    return Layout(stacks, (f"{note}; these were passed over",) if left else ())


def _of_series(tiff: tifffile.TiffFile, offsets: Sequence[int], size: int) -> Layout:
    """Frames by the axes that tifffile finds; none where the metadata say nothing of axes."""
    step = _imagej_step(tiff)
    stacks: list[Stack] = []
    declared = held = 0
    for series in tiff.series:
        if series.kind in {"uniform", "generic"}:
            return Layout(())
        page = series.keyframe
        inner = len(page.shape)
        axes, shape = series.axes[:-inner], series.shape[:-inner]
        count = math.prod(shape)
        stored = offsets[page.index :][:count]
        whole = count == len(stored) and not series.is_truncated  # else one page may stand for a whole stack
        behind = (size - page.dataoffsets[0]) // page.nbytes if page.is_contiguous and not whole else 0
        here = min(count, max(behind, len(stored)))
        declared, held = declared + count, held + here
        if held > MAX_FRAMES:
            raise UnreadableError(f"more than {MAX_FRAMES} images; cut the file into parts")
        if behind >= here:
            places = [Plane(page.offset, number) for number in range(here)]
        else:
            places = [Plane(offset) for offset in stored]
        stacks += _stacked(places, axes, shape, step)
    note = f"its metadata declare {declared} images, of which it holds {held}"
    return Layout(tuple(stacks), (note,) if held < declared else ())


def _stacked(places: Sequence[Plane], axes: str, shape: Sequence[int], step: float | None) -> list[Stack]:
    """Frames of images whose numbers count through some axes, the last one fastest."""
    planes: dict[int, dict[int, Plane]] = defaultdict(dict)
    for number, place in enumerate(places):
        rest, time, times, channel, z = number, 0, 1, 0, 0
        for axis, length in zip(reversed(axes), reversed(shape), strict=True):
            rest, at = divmod(rest, length)
            if axis == "Z":
                z = at
            elif axis == "C":
                channel = at
            else:
                time, times = time + at * times, times * length
        if channel == 0:
            planes[time][z] = place
    channels = shape[axes.index("C")] if "C" in axes else 1
    return [
        Stack(
            tuple(by_z[z] for z in sorted(by_z)),
            Shot(None if step is None else time * step, "", len(by_z), channels),
        )
        for time, by_z in sorted(planes.items())
    ]


def _imagej_step(tiff: tifffile.TiffFile) -> float | None:
    """Hours between the frames of an ImageJ stack."""
    metadata = tiff.imagej_metadata or {}
    with suppress(KeyError, ValueError, TypeError):
        unit = str(metadata.get("tunit", "s")).strip().lower()
        return float(metadata["finterval"]) * (HOURS | _TYPED)[unit] or None
    return None

"""What the metadata of an OME-TIFF say: which page shows which image, plane, channel and time.

Read here rather than by tifffile, which would open whatever files the metadata name and take memory for as
many planes as they declare.

Source: the OME-TIFF specification, https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from xml.etree import ElementTree as ET

from attrs import define, frozen

HOURS = {"s": 1 / 3600, "sec": 1 / 3600, "ms": 1 / 3.6e6, "µs": 1 / 3.6e9, "min": 1 / 60, "h": 1.0, "d": 24.0}
"""Units of time."""


@frozen
class OmeFrame:
    """One time point of one image."""

    planes: tuple[int, ...]
    """Numbers of the pages of the first channel, by z."""
    hours: float | None
    image: str
    """Name of the image, or its number where it has none, or both where images share a name."""
    channels: int


def read_ome(xml: str, file_name: str, pages: int) -> tuple[list[OmeFrame], int]:
    """The frames of this file, image by image and in order of time; none where the pages are not described.

    Args:
        xml: the metadata.
        file_name: the file's own name; pages of other files are left out.
        pages: how many pages the file has.

    Returns:
        The frames, and how many planes were left out: those on pages that are not there or taken already.

    Raises:
        Exception: the metadata are damaged.
    """
    root = ET.fromstring(xml)
    images = _all(root, "Image")
    names = [image.get("Name") or str(number) for number, image in enumerate(images)]
    if len(set(names)) < len(names):
        names = [f"{name} {number}" for number, name in enumerate(names)]
    frames = []
    placing = _Placing(file_name, root.get("UUID"), pages, list(range(pages)))
    for image, name in zip(images, names, strict=True):
        for pixels in _all(image, "Pixels"):
            frames += _frames(pixels, name, placing)
    return frames, placing.left


def _frames(pixels: ET.Element, name: str, placing: _Placing) -> list[OmeFrame]:
    sizes = {axis: max(1, int(pixels.get(f"Size{axis}", "1"))) for axis in "ZCT"}
    samples = next((int(channel.get("SamplesPerPixel", "1")) for channel in _all(pixels, "Channel")), 1)
    sizes["C"] = max(1, sizes["C"] // max(1, samples))
    order = pixels.get("DimensionOrder", "XYZCT")[2:]
    planes: dict[int, dict[int, int]] = defaultdict(dict)
    for page, position in placing.placed(pixels, order, sizes):
        if position["C"] == 0 and planes[position["T"]].setdefault(position["Z"], page) != page:
            placing.left += 1
    hours = _times(pixels)
    return [
        OmeFrame(tuple(by_z[z] for z in sorted(by_z)), hours(time), name, sizes["C"])
        for time, by_z in sorted(planes.items())
    ]


@define
class _Placing:
    """Gives each page of a file one place."""

    file_name: str
    uuid: str | None
    pages: int
    free: list[int]
    """Pages that have no place yet, in ascending order."""
    left: int = 0
    """Planes that got no page."""

    def placed(
        self, pixels: ET.Element, order: str, sizes: dict[str, int]
    ) -> Iterator[tuple[int, dict[str, int]]]:
        """Pages of this file, each with its z, channel and time."""
        for element in _all(pixels, "TiffData") or [ET.Element("TiffData")]:
            if not _is_here(element, self.uuid, self.file_name):
                continue
            page = int(element.get("IFD", "0"))
            default = 1 if "IFD" in element.attrib else self.pages
            count = int(element.get("PlaneCount", default))
            place, stride = 0, 1
            for axis in order:
                place += stride * int(element.get(f"First{axis}", "0"))
                stride *= sizes[axis]
            last = page + min(count, stride - place) if page >= 0 and place >= 0 else page
            at, end = bisect_left(self.free, page), bisect_left(self.free, last)
            taken = self.free[at:end]
            del self.free[at:end]
            self.left += max(count - len(taken), 0) if "PlaneCount" in element.attrib else 0
            for number in taken:
                rest, position = place + number - page, {}
                for axis in order:
                    rest, position[axis] = divmod(rest, sizes[axis])
                yield number, position


def _is_here(element: ET.Element, uuid: str | None, file_name: str) -> bool:
    """Whether a ``TiffData`` speaks of pages of this file."""
    for other in _all(element, "UUID"):
        same_name = other.get("FileName", file_name).lower() == file_name.lower()
        return same_name or (uuid is not None and other.text == uuid)
    return True


def _times(pixels: ET.Element) -> Callable[[int], float | None]:
    """Time point -> hours: ``DeltaT`` of its first plane, else ``TimeIncrement``, else None."""
    known: dict[int, float] = {}
    for plane in _all(pixels, "Plane"):
        with suppress(KeyError, ValueError):
            unit = HOURS[plane.get("DeltaTUnit", "s")]
            known.setdefault(int(plane.attrib["TheT"]), float(plane.attrib["DeltaT"]) * unit)
    step: float | None = None
    with suppress(KeyError, ValueError):
        step = float(pixels.attrib["TimeIncrement"]) * HOURS[pixels.get("TimeIncrementUnit", "s")]

    def hours(time: int) -> float | None:
        if known:
            return known.get(time)
        return None if step is None else time * step

    return hours


def _all(element: ET.Element, tag: str) -> list[ET.Element]:
    return [child for child in element if _tag(child) == tag]


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]

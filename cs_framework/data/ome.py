"""What the metadata of an OME-TIFF say: which page shows which image, plane, channel and time.

Read here rather than by tifffile, which would open whatever files the metadata name and take memory for as
many planes as they declare.

Source: the OME-TIFF specification, https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from xml.etree import ElementTree as ET

from attrs import frozen

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


def read_ome(xml: str, file_name: str, pages: int) -> list[OmeFrame]:
    """The frames of this file, image by image and in order of time; empty where the pages are not described.

    Args:
        xml: the metadata.
        file_name: the file's own name; pages of other files are left out.
        pages: how many pages the file has.

    Raises:
        Exception: the metadata are damaged.
    """
    root = ET.fromstring(xml)
    images = _all(root, "Image")
    names = [image.get("Name") or str(number) for number, image in enumerate(images)]
    if len(set(names)) < len(names):
        names = [f"{name} {number}" for number, name in enumerate(names)]
    frames = []
    for image, name in zip(images, names, strict=True):
        for pixels in _all(image, "Pixels"):
            frames += _frames(pixels, name, root.get("UUID"), file_name, pages)
    return frames


def _frames(pixels: ET.Element, name: str, uuid: str | None, file_name: str, pages: int) -> list[OmeFrame]:
    sizes = {axis: max(1, int(pixels.get(f"Size{axis}", "1"))) for axis in "ZCT"}
    samples = next((int(channel.get("SamplesPerPixel", "1")) for channel in _all(pixels, "Channel")), 1)
    sizes["C"] = max(1, sizes["C"] // max(1, samples))
    order = pixels.get("DimensionOrder", "XYZCT")[2:]
    planes: dict[int, dict[int, int]] = defaultdict(dict)
    for page, position in _placed(pixels, order, sizes, uuid, file_name, pages):
        if position["C"] == 0:
            planes[position["T"]].setdefault(position["Z"], page)
    hours = _times(pixels)
    return [
        OmeFrame(tuple(by_z[z] for z in sorted(by_z)), hours(time), name, sizes["C"])
        for time, by_z in sorted(planes.items())
    ]


def _placed(
    pixels: ET.Element, order: str, sizes: dict[str, int], uuid: str | None, file_name: str, pages: int
) -> Iterator[tuple[int, dict[str, int]]]:
    """Pages of this file, each with its z, channel and time."""
    data = _all(pixels, "TiffData") or [ET.Element("TiffData")]
    for element in data:
        if not _is_here(element, uuid, file_name):
            continue
        page = int(element.get("IFD", "0"))
        default = 1 if "IFD" in element.attrib else pages
        count = int(element.get("PlaneCount", default))
        place, stride = 0, 1
        for axis in order:
            place += stride * int(element.get(f"First{axis}", "0"))
            stride *= sizes[axis]
        for step in range(min(count, pages - page, stride - place)):
            rest, position = place + step, {}
            for axis in order:
                rest, position[axis] = divmod(rest, sizes[axis])
            yield page + step, position


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

"""Pascal VOC's XML, one file a frame.

Coordinates are corners in pixels, counted from 0 and half-open, as CVAT and most tools of today write them;
the files of the VOC challenge itself count from 1. They are written with two decimals. Confidences have no
place in the format and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

from cs_framework.data.formats.boxed import CLASS, BoxedFrame, Found, Size, without_extension
from cs_framework.data.groups import inside
from cs_framework.data.listing import natural_key, relative_name, walk
from cs_framework.errors import DataError


def read(path: Path, wanted: str | None = None) -> list[BoxedFrame]:
    """Frames and boxes of one file, or of all ``.xml`` files of a folder and its subfolders.

    Raises:
        DataError: naming everything that is wrong.
    """
    root = path if path.is_dir() else path.parent
    files = [file for file in walk(path) if file.suffix == ".xml"] if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no .xml files")
    found = Found(str(path))
    for name, file in sorted(((relative_name(f, root), f) for f in files), key=lambda f: natural_key(f[0])):
        try:
            _read_file(found, name, ET.parse(file).getroot())
        except (ET.ParseError, OSError, TypeError, ValueError, LookupError) as error:
            found.problem(name, f"not a Pascal VOC file: {error}")
    return found.frames(wanted)


def _read_file(found: Found, file: str, root: ET.Element) -> None:
    frame = inside(_text(root, "filename"), f"{found.where}: {file}")
    if "/" not in frame:
        frame = (PurePosixPath(file).parent / frame).as_posix()
    found.frame(frame, _size(root))
    for element in root.iter("object"):
        corners = [float(_text(element, f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
        found.box(frame, _text(element, "name"), corners)


def _size(root: ET.Element) -> Size | None:
    size = root.find("size")
    return (int(_text(size, "height")), int(_text(size, "width"))) if size is not None else None


def _text(element: ET.Element, key: str) -> str:
    text = element.findtext(key)
    if not text:
        raise ValueError(f"{key} is missing")
    return text


def write(folder: Path, frames: Iterable[BoxedFrame]) -> None:
    """Write a file for each frame, in folders like those of the frames.

    Raises:
        DataError: the size of a frame is not known, or two frames differ by their extension only.
    """
    for frame in frames:
        height, width = frame.known_size
        path = folder / f"{without_extension(frame.name)}.xml"
        if path.exists():
            raise DataError(f"{frame.name}: another frame has the same name but for its extension")
        root = ET.Element("annotation")
        ET.SubElement(root, "filename").text = frame.name
        size = ET.SubElement(root, "size")
        for key, value in (("width", width), ("height", height), ("depth", 3)):
            ET.SubElement(size, key).text = str(value)
        for corners in frame.boxes.tolist():
            element = ET.SubElement(root, "object")
            ET.SubElement(element, "name").text = CLASS
            for key in ("truncated", "difficult"):
                ET.SubElement(element, key).text = "0"
            box = ET.SubElement(element, "bndbox")
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
                ET.SubElement(box, key).text = f"{value:.2f}"
        ET.indent(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)

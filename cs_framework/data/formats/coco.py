"""COCO's JSON for object detection, as FiftyOne, CVAT and the COCO evaluators read it.

Source: https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from cs_framework.data.formats.boxed import CLASS, BoxedFrame, Found, read_json, write_items
from cs_framework.data.groups import inside
from cs_framework.errors import DataError

CATEGORY_ID = 1

_HEAD = f"""{{"info": {{"description": "boxes written by cytoplasmic-strings"}},
"licenses": [],
"categories": [{{"id": {CATEGORY_ID}, "name": "{CLASS}", "supercategory": "embryo"}}],
"images": ["""


def read(path: Path, wanted: str | None = None) -> list[BoxedFrame]:
    """Frames and boxes of a COCO file; regions marked as crowds are passed over.

    Raises:
        DataError: naming everything that is wrong.
    """
    document = read_json(path)
    found = Found(str(path))
    if not isinstance(document, dict) or not isinstance(document.get("images"), list):
        raise DataError(f"{path}: not a COCO file: it has no list of images")
    names: dict[Any, str] = {}
    for number, image in enumerate(document["images"]):
        try:
            name = inside(str(image["file_name"]), f"{path}: image {number}")
            if (other := names.setdefault(image["id"], name)) != name:
                found.problem(f"image {number}", f"{name} has the id of {other}, {image['id']}")
            sized = image.get("height") and image.get("width")
            found.frame(name, (int(image["height"]), int(image["width"])) if sized else None)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            found.problem(f"image {number}", _reason(error))
    kinds = {}
    for number, category in enumerate(_items(document, "categories")):
        try:
            kinds[category["id"]] = str(category["name"])
        except (KeyError, TypeError) as error:
            found.problem(f"category {number}", _reason(error))
    for number, annotation in enumerate(_items(document, "annotations")):
        try:
            if annotation.get("iscrowd"):
                continue
            x, y, width, height = map(float, annotation["bbox"])
            score = annotation.get("score")
            found.box(
                names[annotation["image_id"]],
                kinds[annotation["category_id"]],
                (x, y, x + width, y + height),
                None if score is None else float(score),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            found.problem(f"annotation {number}", _reason(error))
    return found.frames(wanted)


def write(path: Path, frames: Iterable[BoxedFrame]) -> None:
    """Write a COCO file.

    Args:
        path: to write to; it must not exist.
        frames: gone through twice, never held at once.

    Raises:
        DataError: the size of a frame is not known.
    """
    write_items(path, _HEAD, _images(frames), '],\n"annotations": [')
    write_items(path, "", _annotations(frames), "]}\n")


def _images(frames: Iterable[BoxedFrame]) -> Iterator[dict[str, Any]]:
    for number, frame in enumerate(frames, start=1):
        height, width = frame.known_size
        yield {"id": number, "file_name": frame.name, "width": width, "height": height}


def _annotations(frames: Iterable[BoxedFrame]) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    for image, frame in enumerate(frames, start=1):
        for at, (x1, y1, x2, y2) in enumerate(frame.boxes.tolist()):
            yield {
                "id": next(numbers),
                "image_id": image,
                "category_id": CATEGORY_ID,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "segmentation": [],
                "iscrowd": 0,
                **({} if frame.scores is None else {"score": float(frame.scores[at])}),
            }


def _items(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    return value if isinstance(value, list) else []


def _reason(error: Exception) -> str:
    return f"{error} is missing or names nothing" if isinstance(error, KeyError) else str(error)

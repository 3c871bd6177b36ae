"""Label Studio's JSON of tasks with rectangles: its export, and pre-annotations for a person to correct.

Source: https://labelstud.io/guide/task_format and https://labelstud.io/guide/predictions.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from cs_framework.data.formats.boxed import CLASS, BoxedFrame, Found, Size, read_json, write_items
from cs_framework.data.groups import inside
from cs_framework.errors import DataError

log = logging.getLogger(__name__)

_LOCAL = "/data/local-files/?d="
_UPLOADED = re.compile(r"/data/upload/\d+/[0-9a-f]{8}-(.+)")


def read(path: Path, wanted: str | None = None) -> list[BoxedFrame]:
    """Frames and boxes of an export in the format JSON.

    Of a task's annotations the last one that was not cancelled counts; without any, the last prediction.
    A task that everybody skipped is left out. A turned rectangle becomes the box around it.

    Raises:
        DataError: naming everything that is wrong.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise DataError(f"{path}: not an export of Label Studio in the format JSON, which is a list of tasks")
    found = Found(str(path))
    skipped = 0
    urls: dict[str, str] = {}
    for number, task in enumerate(tasks):
        place = f"task {task.get('id', number)}"
        try:
            drawn, predicted = (task.get(key) or [] for key in ("annotations", "predictions"))
            kept = [one for one in drawn if not one.get("was_cancelled")]
            if drawn and not kept:
                skipped += 1
                continue
            url = str(task["data"]["image"])
            name = _frame_name(url, f"{path}: {place}")
            if (other := urls.setdefault(name, url)).partition("?")[0] != url.partition("?")[0]:
                found.problem(place, f"{other} and {url} would both be the frame {name}")
            results = _results(kept or predicted)
            size = next((_size(result) for result in results), None)
            found.frame(name, size)
            for result in results:
                score = result.get("score")
                found.box(name, _kind(result), _corners(result), None if score is None else float(score))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            found.problem(place, f"{error!r}: is this the format JSON, with rectangles of images?")
    if skipped:
        log.warning("%s: %d tasks that were skipped are left out", path, skipped)
    return found.frames(wanted)


def write(path: Path, frames: Iterable[BoxedFrame]) -> None:
    """Write pre-annotations: a task for each frame, its boxes as predictions.

    Label Studio finds the frames below its ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT``. The labelling
    interface has an ``Image`` named ``image`` and ``RectangleLabels`` named ``label``.

    Raises:
        DataError: the size of a frame is not known.
    """
    write_items(path, "[", _tasks(frames), "]\n")


def _tasks(frames: Iterable[BoxedFrame]) -> Iterator[dict[str, Any]]:
    for frame in frames:
        height, width = frame.known_size
        results = []
        for at, (x1, y1, x2, y2) in enumerate(frame.boxes.tolist()):
            percent = {
                "x": 100 * x1 / width,
                "y": 100 * y1 / height,
                "width": 100 * (x2 - x1) / width,
                "height": 100 * (y2 - y1) / height,
            }
            results.append(
                {
                    "id": f"box{at}",
                    "type": "rectanglelabels",
                    "from_name": "label",
                    "to_name": "image",
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {**percent, "rotation": 0, "rectanglelabels": [CLASS]},
                    **({} if frame.scores is None else {"score": float(frame.scores[at])}),
                }
            )
        scored = frame.scores is not None and len(frame.scores)
        best = {"score": float(max(frame.scores))} if scored else {}  # type: ignore[arg-type]
        yield {
            "data": {"image": _LOCAL + quote(frame.name)},
            "predictions": [{"model_version": "cytoplasmic-strings", **best, "result": results}],
        }


def _results(candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rectangles of the last annotation or prediction."""
    chosen = candidates[-1] if candidates else {}
    return [one for one in chosen.get("result") or () if one["type"] == "rectanglelabels"]


def _size(result: dict[str, Any]) -> Size:
    return int(result["original_height"]), int(result["original_width"])


def _kind(result: dict[str, Any]) -> str:
    return str(result["value"]["rectanglelabels"][0])


def _corners(result: dict[str, Any]) -> list[float]:
    """The box around a rectangle, which is turned clockwise about its upper left corner."""
    value, (frame_height, frame_width) = result["value"], _size(result)
    x, width = (float(value[key]) / 100 * frame_width for key in ("x", "width"))
    y, height = (float(value[key]) / 100 * frame_height for key in ("y", "height"))
    angle = math.radians(float(value.get("rotation") or 0))
    along, across = (math.cos(angle), math.sin(angle)) if angle else (1.0, 0.0)
    xs = [x + along * right - across * down for right in (0, width) for down in (0, height)]
    ys = [y + across * right + along * down for right in (0, width) for down in (0, height)]
    return [min(xs), min(ys), max(xs), max(ys)]


def _frame_name(url: str, place: str) -> str:
    """The frame of a task: its path below the root of local files, or the name of what was uploaded."""
    parts = urlsplit(url)
    if parts.path == "/data/local-files/":
        return inside(parse_qs(parts.query)["d"][0], place)
    if uploaded := _UPLOADED.fullmatch(parts.path):
        return inside(unquote(uploaded[1]), place)
    if parts.scheme:
        return inside(unquote(parts.path).rpartition("/")[2], place)
    return inside(url, place)

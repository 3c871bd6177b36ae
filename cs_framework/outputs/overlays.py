"""Pictures of frames with their boxes.

A box is a hairline just outside the pixels it encloses, with strong corners that point outwards: it is found
at a glance and never hides the string that it marks. Colours are those of Okabe and Ito, told apart with any
colour vision, and a dark rim keeps them legible on every grey, one of which is the green to some eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from cs_framework.api.arrays import Bool, Float32, UInt8
from cs_framework.api.components import Detection
from cs_framework.api.frames import Frame
from cs_framework.files import whole_file

DETECTED = (230, 159, 0)  # orange
ANNOTATED = (86, 180, 233)  # sky blue
PROPOSED = (0, 158, 115)  # bluish green
_RIM = (0, 0, 0)
_SHORTEST = 480
_LETTERS = 0.55

Corner = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def draw(
    frame: Frame,
    detections: tuple[Detection, ...] = (),
    annotated: Float32 | None = None,
    proposals: Float32 | None = None,
) -> UInt8:
    """The frame, enlarged where small, with boxes: uint8 RGB (H', W', 3).

    Detections are orange with their confidence, annotated boxes blue, proposals green.
    """
    scale = max(1, -(-_SHORTEST // max(min(frame.size), 1))) if min(frame.size) > 1 else 1
    height, width = frame.size
    wanted = (width * scale, height * scale)
    canvas = cv2.resize(frame.image, wanted, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    for box in proposals if proposals is not None else ():
        _rectangle(canvas, box, scale, PROPOSED, strong=False)
    for box in annotated if annotated is not None else ():
        _rectangle(canvas, box, scale, ANNOTATED)
    for detection in detections:
        _rectangle(canvas, np.array(detection.box), scale, DETECTED)
        _caption(canvas, detection, scale)
    return canvas


def heat(values: Float32, mask: Bool | None = None) -> UInt8:
    """A map such as a residual as colours, dark blue to yellow: uint8 RGB (H, W, 3).

    Args:
        values: (H, W); the highest thousandth is cut, so that one pixel does not darken the rest.
        mask: (H, W); a light grey, which the colours have no part in, lies where it does not reach.
    """
    low, high = float(values.min()), float(np.quantile(values, 0.999))
    grey = np.clip((values - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    coloured = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS), cv2.COLOR_BGR2RGB)
    if mask is not None:
        coloured = np.where(mask[..., None], coloured, np.uint8(225))
    return np.asarray(coloured, np.uint8)


def write_picture(path: Path, picture: UInt8) -> None:
    """Write an RGB picture as PNG."""
    with whole_file(path) as aside:
        _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        aside.write_bytes(encoded.tobytes())  # imwrite says nothing of a disk that is full


def crop(frame: Frame, box: tuple[float, float, float, float]) -> UInt8:
    """The pixels that a box touches, at least one."""
    height, width = frame.size
    x1, y1 = min(int(box[0]), width - 1), min(int(box[1]), height - 1)
    x2, y2 = max(int(np.ceil(box[2])), x1 + 1), max(int(np.ceil(box[3])), y1 + 1)
    return frame.image[y1:y2, x1:x2]


def outline(box: Sequence[float], size: tuple[float, float], gap: float) -> tuple[float, float, float, float]:
    """Where to draw a box: `gap` outside of it, but inside the picture, where its edge can still be seen.

    Args:
        box: x1, y1, x2, y2.
        size: height and width of the picture, in the same unit.
        gap: how far outside.
    """
    height, width = size
    low = max(box[0] - gap, 1), max(box[1] - gap, 1)
    high = min(box[2] + gap, width - 1), min(box[3] + gap, height - 1)
    return (*low, *high)


def corners(box: Sequence[float], most: float = 16) -> list[Corner]:
    """Three points of each corner of a box: along it, the corner, down it.

    Args:
        box: x1, y1, x2, y2.
        most: how far the outer points lie from the corner at most; else at a quarter of the shorter side.
    """
    x1, y1, x2, y2 = box
    reach = max(min((x2 - x1) / 4, (y2 - y1) / 4, most), 3)
    return [
        ((x + across, y), (x, y), (x, y + down))
        for x, across in ((x1, reach), (x2, -reach))
        for y, down in ((y1, reach), (y2, -reach))
    ]


def _rectangle(
    canvas: UInt8, box: Float32, scale: int, colour: tuple[int, int, int], strong: bool = True
) -> None:
    """Draw a box; lines are thicker on large pictures, since those are looked at in small."""
    height, width = canvas.shape[:2]
    unit = _unit(canvas)
    x1, y1, x2, y2 = outline([float(v) * scale for v in box], (height, width), gap=2 * unit)
    low, high = (int(np.floor(x1)), int(np.floor(y1))), (int(np.ceil(x2)) - 1, int(np.ceil(y2)) - 1)
    around = (low[0] - unit, low[1] - unit, high[0] + unit, high[1] + unit)
    cv2.rectangle(canvas, around[:2], around[2:], _RIM, unit)
    if strong:
        ticks = [np.round(np.array(corner)).astype(np.int32) for corner in corners(around, 16 * unit)]
        cv2.polylines(canvas, ticks, isClosed=False, color=_RIM, thickness=3 * unit)
        cv2.polylines(canvas, ticks, isClosed=False, color=colour, thickness=unit)
    cv2.rectangle(canvas, low, high, colour, unit)


def _caption(canvas: UInt8, detection: Detection, scale: int) -> None:
    text, unit = f"{detection.rank + 1}: {detection.confidence:.2f}", _unit(canvas)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, _LETTERS * unit, unit)
    x = int(np.clip(detection.box[0] * scale, 0, max(canvas.shape[1] - width - 1, 0)))
    above = int(detection.box[1] * scale) - 6 * unit
    y = above if above > height else int(detection.box[3] * scale) + height + 6 * unit
    y = int(np.clip(y, height, canvas.shape[0] - 2))
    around = [(across, down) for across in (-unit, 0, unit) for down in (-unit, 0, unit)]
    for across, down in around:  # a bolder text would be wider
        _write(canvas, text, (x + across, y + down), _RIM)
    _write(canvas, text, (x, y), DETECTED)


def _write(canvas: UInt8, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    unit = _unit(canvas)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, _LETTERS * unit, colour, unit, cv2.LINE_AA)


def _unit(canvas: UInt8) -> int:
    """Pixels of a hairline."""
    return max(1, int(min(canvas.shape[:2]) / 600 + 0.5))

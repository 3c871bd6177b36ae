"""Pictures of frames with their boxes.

A box is drawn just outside the pixels it encloses, thin and without filling, so that it never hides the
string that it marks. Colours are those of Okabe and Ito, told apart with any colour vision.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from cs_framework.interfaces import Detection, Float32, Frame, UInt8
from cs_framework.outputs.files import whole_file

DETECTED = (230, 159, 0)  # orange
ANNOTATED = (86, 180, 233)  # sky blue
PROPOSED = (0, 158, 115)  # bluish green
_SHORTEST = 480


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
        _rectangle(canvas, box, scale, PROPOSED, outline=False)
    for box in annotated if annotated is not None else ():
        _rectangle(canvas, box, scale, ANNOTATED)
    for detection in detections:
        _rectangle(canvas, np.array(detection.box), scale, DETECTED)
        _caption(canvas, detection, scale)
    return canvas


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


def _rectangle(
    canvas: UInt8, box: Float32, scale: int, colour: tuple[int, int, int], outline: bool = True
) -> None:
    low = (int(np.floor(box[0] * scale)) - 2, int(np.floor(box[1] * scale)) - 2)
    high = (int(np.ceil(box[2] * scale)) + 1, int(np.ceil(box[3] * scale)) + 1)
    # A box that reaches the border of the frame is closed at the border, where its edge can still be seen.
    last = (canvas.shape[1] - 2, canvas.shape[0] - 2)
    low, high = (max(low[0], 1), max(low[1], 1)), (min(high[0], last[0]), min(high[1], last[1]))
    if outline:  # a dark rim keeps the line legible on bright and on dark grey
        cv2.rectangle(canvas, (low[0] - 1, low[1] - 1), (high[0] + 1, high[1] + 1), (0, 0, 0), 1)
    cv2.rectangle(canvas, low, high, colour, 1)


def _caption(canvas: UInt8, detection: Detection, scale: int) -> None:
    text = f"{detection.rank + 1}: {detection.confidence:.2f}"
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
    x = int(np.clip(detection.box[0] * scale, 0, max(canvas.shape[1] - width - 1, 0)))
    above = int(detection.box[1] * scale) - 6
    y = above if above > height else int(detection.box[3] * scale) + height + 6
    y = int(np.clip(y, height, canvas.shape[0] - 2))
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(canvas, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, DETECTED, 1, cv2.LINE_AA)

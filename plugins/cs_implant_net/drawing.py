"""What the network learns from: views with strings drawn into them, seen under many conditions."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import Frame, implant
from cs_implant_net.views import View

UInt8 = NDArray[np.uint8]
What = Literal["strings", "look-alikes", "nothing"]
"""What is drawn into a view; where there are strings, there are look-alikes, too."""


@frozen(eq=False)
class Drawn:
    """A view to learn from."""

    plane: UInt8
    """(S, S) grey."""
    mask: UInt8
    """(S, S) 1 where a drawn string can be seen."""
    inside: UInt8
    """(S, S) 1 on the embryo."""


def as_frame(view: View, name: str) -> Frame:
    """A view as a frame of its own, which takes no more memory than its plane."""
    image = np.broadcast_to(view.plane[..., None], (*view.plane.shape, 3))
    return Frame(image, name, circle=view.circle)


def draw(
    frame: Frame,
    inside: NDArray[np.bool_],
    rng: np.random.Generator,
    what: What,
    boldness: float = 1.0,
) -> Drawn:
    """Draw into a view.

    Args:
        frame: a view, from `as_frame`.
        inside: (S, S) the embryo.
        rng: decides everything.
        what: to draw.
        boldness: factor of the contrast of all that is drawn.
    """
    if what == "nothing":
        return undrawn(frame.grey, inside)
    drawn = implant(frame, rng, None if what == "strings" else 0)
    before = frame.grey.astype(np.float32)
    plane = np.clip(before + boldness * (drawn.frame.grey - before), 0, 255)
    return Drawn(np.rint(plane).astype(np.uint8), drawn.mask.astype(np.uint8), inside.astype(np.uint8))


def undrawn(plane: UInt8, inside: NDArray[np.bool_]) -> Drawn:
    """A view (S, S) as it is."""
    return Drawn(plane, np.zeros(plane.shape, np.uint8), inside.astype(np.uint8))


def vary(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """The same as another instrument might have seen it: turned, larger, blurred, noisier, brighter."""
    size = len(drawn.plane)
    turn, zoom = rng.uniform(0, 360), np.exp(rng.uniform(np.log(0.85), np.log(1.25)))
    affine = cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, turn, zoom)
    affine[:, 2] += rng.uniform(-0.06, 0.06, 2) * size
    if rng.random() < 0.5:
        affine = affine @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]])

    def moved(plane: UInt8, way: int, border: int) -> UInt8:
        return np.asarray(cv2.warpAffine(plane, affine, (size, size), flags=way, borderMode=border))

    plane = moved(drawn.plane, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101).astype(np.float32)
    if rng.random() < 0.3:
        plane = cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.3:
        plane += rng.uniform(0.3, 1.2) * (plane - cv2.GaussianBlur(plane, (0, 0), 1.5))
    plane = 255 * np.clip(plane / 255, 0, 1) ** np.exp(rng.uniform(-0.4, 0.4))
    plane = plane * rng.uniform(0.7, 1.4) + rng.uniform(-30, 30)
    plane += rng.normal(0, rng.uniform(0, 2), plane.shape)
    return Drawn(
        plane=np.clip(np.rint(plane), 0, 255).astype(np.uint8),
        mask=moved(drawn.mask, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
        inside=moved(drawn.inside, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
    )

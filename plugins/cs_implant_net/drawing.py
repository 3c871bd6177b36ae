"""What the network learns from: views with strings drawn into them, and embryos that are drawn as a whole."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import Frame, Scene, implant, render_embryo
from cs_implant_net.views import AROUND, View

UInt8 = NDArray[np.uint8]
_PLAIN = (0.8, 3.0)
"""How visible the strings of a drawn embryo are at least, in units of the detail around them."""
BOLD = 3.0
"""Largest factor of the contrast of what is drawn into frames; the smallest is 1. Training on the faintest
strings alone makes texture look like strings; annotated ones were visible to those who marked them."""
_FOUND = 1.12
"""Radius of the circle that is found in real frames, in radii of the embryo without its zona."""
_ROOM = 0.04
"""Share of the view that is cavity, from which on there is room for strings."""
_STRING_FREE = 3
"""Number of an embryo of the first generator that never has a string."""
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
    places: UInt8 | None = None
    """(2, S, S) 1 in the cavity, and 1 on the inner cell mass; None where nobody knows."""


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
    where: NDArray[np.bool_] | None = None,
) -> Drawn:
    """Draw into a view.

    Args:
        frame: a view, from `as_frame`.
        inside: (S, S) the embryo.
        rng: decides everything.
        what: to draw.
        boldness: factor of the contrast of all that is drawn.
        where: (S, S) the cavity, where it is known.
    """
    if what == "nothing":
        return undrawn(frame.grey, inside)
    drawn = implant(frame, rng, None if what == "strings" else 0, where=where)
    before = frame.grey.astype(np.float32)
    plane = np.clip(before + boldness * (drawn.frame.grey - before), 0, 255)
    return Drawn(np.rint(plane).astype(np.uint8), drawn.mask.astype(np.uint8), inside.astype(np.uint8))


def undrawn(plane: UInt8, inside: NDArray[np.bool_]) -> Drawn:
    """A view (S, S) as it is."""
    return Drawn(plane, np.zeros(plane.shape, np.uint8), inside.astype(np.uint8))


def both_sides(scene: Scene) -> list[Drawn]:
    """A drawn embryo without its strings, and with them: nothing else tells the two apart."""
    return _sides(scene.plain, scene.image, (scene.strings > 0).astype(np.uint8), scene)


def implanted_sides(scene: Scene, rng: np.random.Generator) -> list[Drawn]:
    """A drawn embryo with look-alikes, and with the same and strings, all drawn as into real frames."""
    size = len(scene.plain)
    x, y, radius = (value / size for value in scene.embryo)
    image = np.broadcast_to(scene.plain[..., None], (size, size, 3))
    frame = Frame(image, "drawn", circle=(x, y, _FOUND * radius))
    where = cv2.erode((scene.cavity & ~scene.mass).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return _sides(*_with_and_without(frame, rng, where if where.mean() > _ROOM else None), scene)


def earlier_sides(size: int, rng: np.random.Generator) -> list[Drawn]:
    """The same of four frames of an embryo as the first generator draws them, under varied conditions."""
    sides, side = [], round(rng.uniform(280, 360))
    for drawn in render_embryo(int(rng.integers(1 << 31)), _STRING_FREE, 4, side):
        image = np.broadcast_to(drawn.image[..., None], (side, side, 3))
        view = View.of(Frame(image, "drawn"), size)
        conditions = int(rng.integers(1 << 31))
        pair = _sides(*_with_and_without(as_frame(view, "drawn"), rng, view.inside))
        sides += [vary(one, np.random.default_rng(conditions)) for one in pair]
    return sides


def _with_and_without(
    frame: Frame, rng: np.random.Generator, where: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], UInt8]:
    """A frame with look-alikes, the same with strings if there is room for them, and where strings are."""
    seed, boldness = int(rng.integers(1 << 31)), rng.uniform(1, BOLD)
    plain, drawn = (
        implant(frame, np.random.default_rng(seed), strings, where=where)  # the same look-alikes
        for strings in (0, 0 if where is None else None)
    )
    before = frame.grey.astype(np.float32)
    planes = [before + boldness * (one.frame.grey - before) for one in (plain, drawn)]
    return planes[0], planes[1], drawn.mask.astype(np.uint8)


def _sides(
    before: NDArray[Any], after: NDArray[Any], strings: UInt8, scene: Scene | None = None
) -> list[Drawn]:
    """A pair of views; what counts as the embryo is the circle that a view is cut around."""
    inside = _disc(len(before))
    places = None
    if scene is not None:
        places = np.stack([scene.cavity & ~scene.mass, scene.mass]).astype(np.uint8)
    planes = [np.rint(np.clip(plane, 0, 255)).astype(np.uint8) for plane in (before, after)]
    plain = Drawn(planes[0], np.zeros_like(strings), inside, places)
    return [plain, Drawn(planes[1], strings, inside, places)] if strings.any() else [plain]


def _disc(size: int) -> UInt8:
    """(S, S) the circle that a view is cut around."""
    offset = np.arange(size) + 0.5 - size / 2
    return (offset**2 + offset[:, None] ** 2 <= (size / 2 / AROUND) ** 2).astype(np.uint8)


def turn(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """The same turned by some right angles, perhaps mirrored: all that a drawn embryo has no direction of."""
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))

    def turned(plane: UInt8) -> UInt8:
        plane = np.rot90(plane, turns, (-2, -1))
        return np.ascontiguousarray(plane[..., ::-1] if mirrored else plane)

    places = None if drawn.places is None else turned(drawn.places)
    return Drawn(turned(drawn.plane), turned(drawn.mask), turned(drawn.inside), places)


def vary(drawn: Drawn, rng: np.random.Generator) -> Drawn:
    """The same as another instrument might have seen it: turned, larger, blurred, noisier, brighter."""
    size = len(drawn.plane)
    angle, zoom = rng.uniform(0, 360), np.exp(rng.uniform(np.log(0.85), np.log(1.25)))
    affine = np.asarray(cv2.getRotationMatrix2D(((size - 1) / 2,) * 2, angle, zoom), np.float64)
    affine[:, 2] += rng.uniform(-0.06, 0.06, 2) * size
    if rng.random() < 0.5:
        affine = affine @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]])

    def moved(plane: UInt8, way: int, border: int) -> UInt8:
        return np.asarray(cv2.warpAffine(plane, affine, (size, size), flags=way, borderMode=border))

    plane = moved(drawn.plane, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    return Drawn(
        plane=_as_taken(plane.astype(np.float32), rng),
        mask=moved(drawn.mask, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
        inside=moved(drawn.inside, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT),
    )


def _as_taken(plane: NDArray[np.floating], rng: np.random.Generator) -> UInt8:
    """A plane (S, S) as another camera might have taken it: focus, light, exposure, noise, compression."""
    if rng.random() < 0.4:
        plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), rng.uniform(0.3, 1.2)), np.float32)
    if rng.random() < 0.3:
        plane = plane + rng.uniform(0.3, 1.2) * (plane - cv2.GaussianBlur(plane, (0, 0), 1.5))
    plane = 255 * np.clip(plane / 255, 0, 1) ** np.exp(rng.uniform(-0.5, 0.5))
    plane = plane * np.exp(rng.uniform(-0.5, 0.4)) + rng.uniform(-30, 30)
    slope = np.linspace(-1, 1, len(plane), dtype=np.float32)
    across, down = rng.normal(0, 0.12, 2)
    plane = plane * (1 + across * slope + down * slope[:, None])
    bright = np.sqrt(np.clip(plane, 1, 255) / 128)  # a share of the noise is of the light itself
    noise = rng.uniform(0, 2.5) + rng.uniform(0, 2.5) * bright
    plane = plane + noise * rng.standard_normal(plane.shape, dtype=np.float32)
    taken = np.clip(np.rint(plane), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        written = cv2.imencode(".jpg", taken, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])[1]
        taken = np.asarray(cv2.imdecode(written, cv2.IMREAD_GRAYSCALE), np.uint8)
    return taken

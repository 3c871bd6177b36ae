"""The dish around the embryo: medium, well, neighbours; and the borders and text of a frame."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.synthetic.drawing.grid import Bool, Float32, Grain, Grid, line, step
from cs_framework.synthetic.drawing.relief import Paint

UInt8 = NDArray[np.uint8]


def medium(grid: Grid, light: float, rng: np.random.Generator) -> Float32:
    """(S, S) light that comes through medium, well and dish; 1 in the medium."""
    grey = 1 + rng.uniform(-0.12, 0.12) * grid.xs + rng.uniform(-0.12, 0.12) * grid.ys
    if rng.random() < 0.15:
        return np.asarray(grey, np.float32)
    radius = rng.uniform(1.25, 2.7)
    away, turn = (radius - rng.uniform(0.95, 1.3)) * np.sqrt(rng.random()), rng.uniform(0, 2 * np.pi)
    xs, ys = grid.xs - np.float32(away * np.cos(turn)), grid.ys - np.float32(away * np.sin(turn))
    distance = np.sqrt(xs * xs + ys * ys)
    facing = (xs * np.float32(np.cos(light)) + ys * np.float32(np.sin(light))) / np.maximum(distance, 0.1)
    beyond = distance - np.float32(radius)
    lit = np.clip(1 + rng.uniform(0, 1) * facing, 0, 2)
    width = rng.uniform(0.03, 0.15)
    rim = line(beyond, width) * lit * rng.uniform(0.2, 2.2)
    outside = step(beyond, rng.uniform(0.05, 0.3))
    left = rng.uniform(0, 0.45) * lit
    rings = 1 + rng.uniform(0, 0.3) * np.sin(beyond * rng.uniform(15, 60)) * np.exp(-beyond.clip(0, 5) * 2)
    return np.asarray(grey * (1 - outside) + rim + outside * left * rings, np.float32)


def neighbours(paint: Paint, grid: Grid, grain: Grain, rng: np.random.Generator) -> None:
    """Rims of other embryos that reach into the frame, soft debris, scratches."""
    if rng.random() < 0.08:
        turn, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.2)
        away = rng.uniform(1.9, 2.4)
        xs, ys = grid.xs - np.float32(away * np.cos(turn)), grid.ys - np.float32(away * np.sin(turn))
        edge = np.float32(radius) - np.sqrt(xs * xs + ys * ys)
        paint.thick[...] += 8 * step(edge, 0.05) + 2 * step(edge, 0.02) * grain.fine
    for _ in range(int(rng.choice((0, 1, 2, 4), p=(0.5, 0.25, 0.15, 0.1)))):
        turn, away = rng.uniform(0, 2 * np.pi), rng.uniform(1.1, 2.2)
        start = np.array([away * np.cos(turn), away * np.sin(turn)])
        heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.9)
        ends = start + np.outer((0, length), (np.cos(heading), np.sin(heading)))
        sheet = np.zeros_like(paint.shade)
        points = np.rint(grid.to_pixels(ends) * 8).astype(np.int32)
        cv2.polylines(sheet, [points], False, float(rng.uniform(-30, 30)), 1, cv2.LINE_AA, shift=3)
        outside = grid.distance > 1.03
        paint.shade[...] += np.where(outside, cv2.GaussianBlur(sheet, (0, 0), rng.uniform(0.5, 2)), 0)


@frozen
class Border:
    """What a camera, a cropping hand or an operator did to the frame; the same for both of a pair."""

    box: tuple[int, int, int, int]
    """x1, y1, x2, y2 of the picture within the frame; beyond it the border is continued or black."""
    black: bool
    text: str
    corner: tuple[int, int]
    height: float

    @classmethod
    def draw(cls, grid: Grid, view: str, rng: np.random.Generator) -> Border:
        """Borders that hardly ever reach over the embryo."""
        size, reach = grid.size, 0.97 * grid.radius
        sides = [grid.x - reach, grid.y - reach, grid.x + reach, grid.y + reach]
        share = {"embryo": 0.45, "frame": 0.08, "raw": 0.12}[view]
        box = [0, 0, size, size]
        if rng.random() < share:
            for side in rng.choice(4, int(rng.integers(1, 4)), replace=False):
                gone = rng.random() ** 2
                end = box[side] + (np.clip(sides[side], 0, size) - box[side]) * gone
                box[side] = round(end)
        text = ""
        if rng.random() < {"embryo": 0.02, "frame": 0.08, "raw": 0.35}[view]:
            text = rng.choice(
                (f"{rng.uniform(0, 140):.1f} h", f"Well {rng.integers(1, 13)}", "RUN 042", "D5 AM")
            )
        corner = (int(rng.uniform(0, 0.5) * size), int(rng.choice((0.06, 0.97)) * size))
        black = view != "embryo"
        return cls((box[0], box[1], box[2], box[3]), black, str(text), corner, size / rng.uniform(400, 700))

    def seen(self, mask: Bool) -> Bool:
        """The part of a mask that lies in the picture."""
        x1, y1, x2, y2 = self.box
        kept = np.zeros_like(mask)
        kept[y1:y2, x1:x2] = mask[y1:y2, x1:x2]
        return kept

    def apply(self, image: UInt8) -> UInt8:
        """The image (S, S) with the frame's borders and text."""
        size = len(image)
        x1, y1, x2, y2 = self.box
        way = cv2.BORDER_CONSTANT if self.black else cv2.BORDER_REPLICATE
        if (x1, y1, x2, y2) != (0, 0, size, size):
            image = np.asarray(
                cv2.copyMakeBorder(image[y1:y2, x1:x2], y1, size - y2, x1, size - x2, way), np.uint8
            )
        if self.text:
            image = image.copy()
            cv2.putText(
                image, self.text, self.corner, cv2.FONT_HERSHEY_SIMPLEX, self.height, 255, 1, cv2.LINE_AA
            )
        return image

"""Paints the embryo without its strings: well, zona, cells, inner cell mass, cavity, debris."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from attrs import frozen

from cs_framework.boxes import Float32
from cs_framework.data.synthetic.anatomy import Embryo, Float64, Pose
from cs_framework.data.synthetic.optics import Texture, blur, relief, smooth_step

REFERENCE = 320
"""Side of the frame in pixels for which lengths in pixels are written down; they scale with the frame."""
TURN_STEPS = 4097
"""Directions at which an outline is computed: finer than the pixels of any frame."""


@frozen(eq=False)
class Painter:
    """Everything of an embryo that does not change between its frames."""

    embryo: Embryo
    size: int
    xs: Float32  # (size, size) middles of the pixels, as shares of the side
    ys: Float32
    medium: Float32
    grain: Texture
    mottle: Texture
    flow: Texture

    @classmethod
    def prepare(cls, embryo: Embryo, size: int, rng: np.random.Generator) -> Painter:
        """Draw what frames of `size` pixels share."""
        ys, xs = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size
        scale = size / REFERENCE
        textures = [Texture.draw(rng, int(size * 1.5), sigma * scale) for sigma in (1.0, 2.6, 8.0)]
        return cls(embryo, size, xs, ys, _medium(embryo, xs, ys), *textures)

    def paint(self, pose: Pose, time: float) -> Float32:
        """Grey levels (size, size) at a time of the course, before strings, noise and exposure."""
        size, embryo = self.size, self.embryo
        scale = size / REFERENCE
        dx, dy = self.xs - float(pose.centre[0]), self.ys - float(pose.centre[1])
        distance, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        depth = _around(pose.outline, angle) - distance  # below the outer membrane, negative outside
        cell_depth = _around(pose.cell_thickness, angle)
        inside = smooth_step(depth, 0.0, 0.008)
        zoom = pose.radius / 0.37
        grain = self.grain.at(4 * time, zoom, size)
        mottle = self.mottle.at(3 * time, zoom, size)
        flow = self.flow.at(3 * time, zoom, size)
        folds, seams = self._folds(pose, flow)
        far = 0.75 * blur(folds, (2.0 + 2.5 * time) * scale) + 0.25 * folds
        focus = 1 - 0.75 * time  # far cells leave the focal plane as the cavity grows

        lens = np.maximum(1 - (2 * depth / cell_depth - 1) ** 2, 0) ** np.float32(0.7)
        cells = smooth_step(depth, 0.0, 0.006) * (1 - smooth_step(depth - cell_depth, 0.0, 0.006))
        mx, my = self.xs - float(pose.mass_centre[0]), self.ys - float(pose.mass_centre[1])
        mass_edge = _around(pose.mass_outline, np.arctan2(my, mx)) * (1 + 0.12 * flow)
        mass = smooth_step(mass_edge - np.hypot(mx, my), 0.0, 0.03) * inside
        cavity = inside * (1 - mass) * (1 - 0.7 * cells)
        open_view = blur(inside * (1 - 0.8 * mass - 0.6 * cells), 3 * scale)
        zona = smooth_step(-depth, 0.0, 0.006)
        zona *= 1 - smooth_step(-depth, pose.zona * 0.92, pose.zona * 0.35)

        thick = 15 * lens * np.minimum(cell_depth * 12, 1)
        thick += mass * (8 + 7 * far + (2.6 + 1.4 * flow) * mottle + 1.1 * grain)
        thick += cells * (1.7 * grain + 2.4 * mottle)
        thick += open_view * (36 * far + 5 * flow)
        thick += cavity * ((0.1 + 0.3 * focus) * grain + (0.3 + 1.1 * focus) * mottle)
        thick += zona * (1.5 + 0.8 * grain)
        for x, y, radius in [*pose.vacuoles, *pose.debris]:
            _add_bubble(thick, x * size, y * size, radius * size, 0.8 * scale)

        shade = (
            mass * (3 * mottle - 20)
            + cells * (5 * mottle + 3 * grain - 20)
            - zona * (8 + 3 * grain)
            - 6 * inside
        )
        shade += open_view * (22 * far + 6 * flow) - 14 * focus * cavity * seams
        shade -= 40 * _line(depth, 0.0055)
        facing = 1 - 0.5 * np.cos(angle - embryo.light)
        shade += 26 * _line(depth - 0.010, 0.004) * facing
        shade -= 12 * _line(depth + pose.zona, 0.006) * time
        shade += (16 + 8 * mottle) * _line(cell_depth - depth, 0.0045) * inside * (1 - mass)
        grey = self.medium + embryo.gain * (20 * scale * relief(thick, embryo.light) + shade)
        return blur(grey, embryo.blur * scale)

    def _folds(self, pose: Pose, flow: Float32) -> tuple[Float32, Float32]:
        """Domes (0..1) of the cells above and below the focal plane, and the seams (0..1) between them."""
        bent = 0.014 * flow[::2, ::2]
        xs, ys = self.xs[::2, ::2] + bent, self.ys[::2, ::2] - bent  # soft enough for half the resolution
        first = np.full_like(xs, np.inf)
        second = first
        for x, y, flatness in pose.folds.astype(np.float32):
            away = flatness * ((xs - x) ** 2 + (ys - y) ** 2)
            second = np.minimum(second, np.maximum(first, away))
            first = np.minimum(first, away)
        reach = pose.radius * 0.27
        dome = np.sqrt(np.maximum(1 - first / reach**2, 0))
        seam = np.exp(-(((np.sqrt(second) - np.sqrt(first)) / 0.008) ** 2))
        shape = (self.size, self.size)
        return cv2.resize(dome, shape), cv2.resize(seam, shape)


def _medium(embryo: Embryo, xs: Float32, ys: Float32) -> Float32:
    """The well: even in the middle, a bright rim, dark beyond."""
    well = np.hypot(xs - embryo.well_centre[0], ys - embryo.well_centre[1]) - embryo.well_radius
    grey = embryo.level + embryo.tilt[0] * (xs - 0.5) + embryo.tilt[1] * (ys - 0.5)
    facing = 0.6 + 0.4 * np.cos(np.arctan2(ys - 0.5, xs - 0.5) + embryo.light)
    grey += embryo.level * 1.3 * facing * np.exp(-((np.minimum(well - 0.01, 0) / 0.035) ** 2))
    return np.asarray(grey * (1 - 0.75 * smooth_step(well, 0.05, 0.08)), np.float32)


def _add_bubble(thick: Float32, x: float, y: float, radius: float, steepness: float) -> None:
    """Add a ball of `radius` pixels to an optical thickness."""
    y1, x1 = max(int(y - radius), 0), max(int(x - radius), 0)
    patch = thick[y1 : int(y + radius) + 1, x1 : int(x + radius) + 1]
    rows, columns = np.ogrid[: patch.shape[0], : patch.shape[1]]
    away = ((rows + y1 + 0.5 - y) ** 2 + (columns + x1 + 0.5 - x) ** 2) / radius**2
    patch += (steepness * radius * np.sqrt(np.maximum(1 - away, 0))).astype(np.float32)


def _around(profile: Callable[[Float64], Float64], angle: Float32) -> Float32:
    """A function of the direction, at every pixel's direction."""
    table = profile(np.linspace(-np.pi, np.pi, TURN_STEPS)).astype(np.float32)
    return table[((angle + np.float32(np.pi)) * np.float32((TURN_STEPS - 1) / (2 * np.pi))).astype(np.int32)]


def _line(offset: Float32, width: float) -> Float32:
    """1 where `offset` is 0, fading over `width`."""
    return np.exp(-((offset / np.float32(width)) ** 2))

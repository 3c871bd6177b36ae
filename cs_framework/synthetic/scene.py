"""Paints the embryo without its strings: well, zona, cells, inner cell mass, cavity, debris."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from attrs import frozen

from cs_framework.api.arrays import Float32, Float64
from cs_framework.synthetic.anatomy import Embryo, Pose
from cs_framework.synthetic.optics import Texture, blur, relief, smooth_step

REFERENCE = 320
"""Side of the frame in pixels for which lengths in pixels are written down; they scale with the frame."""
TURN_STEPS = 4097
"""Directions at which an outline is computed: finer than the pixels of any frame."""


@frozen(eq=False)
class _Layers:
    """Maps (size, size) of one frame; regions are 0..1, textures have mean 0 and standard deviation 1."""

    angle: Float32  # direction from the centre of the embryo
    depth: Float32  # below the outer membrane as a share of the side, negative outside
    cell_depth: Float32  # thickness of the trophectoderm in that direction
    inside: Float32  # the embryo
    cells: Float32  # trophectoderm
    mass: Float32  # inner cell mass
    cavity: Float32
    view: Float32  # where cells above and below are seen through the cavity; softer than the cavity
    zona: Float32
    far: Float32  # those cells
    seams: Float32  # and their borders, as far as they are in focus
    focus: float
    grain: Float32
    mottle: Float32
    flow: Float32


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
        textures = [Texture.draw(rng, int(size * 1.5), sigma * scale) for sigma in (1.0, 3.0, 8.0)]
        return cls(embryo, size, xs, ys, _medium(embryo, xs, ys), *textures)

    def paint(self, pose: Pose, time: float) -> Float32:
        """Grey levels (size, size) at a time of the course, before strings, noise and exposure."""
        scale = self.size / REFERENCE
        layers = self._layers(pose, time)
        slopes = relief(self._thickness(layers, pose), self.embryo.light)
        grey = self.medium + self.embryo.gain * (20 * scale * slopes + self._shade(layers, pose, time))
        return blur(grey, self.embryo.blur * scale)

    def _layers(self, pose: Pose, time: float) -> _Layers:
        """Where what is, and its texture."""
        dx, dy = self.xs - float(pose.centre[0]), self.ys - float(pose.centre[1])
        angle = np.arctan2(dy, dx)
        depth = _around(pose.outline, angle) - np.hypot(dx, dy)
        cell_depth = _around(pose.cell_thickness, angle)
        grain, mottle, flow = [
            texture.at(pace * time, pose.radius / 0.37, self.size)
            for texture, pace in ((self.grain, 4), (self.mottle, 3), (self.flow, 3))
        ]
        inside = smooth_step(depth, 0.0, 0.008)
        cells = smooth_step(depth, 0.0, 0.006) * (1 - smooth_step(depth - cell_depth, 0.0, 0.006))
        mx, my = self.xs - float(pose.mass_centre[0]), self.ys - float(pose.mass_centre[1])
        mass_edge = _around(pose.mass_outline, np.arctan2(my, mx)) * (1 + 0.12 * flow)
        mass = smooth_step(mass_edge - np.hypot(mx, my), 0.0, 0.03) * inside
        zona = smooth_step(-depth, 0.0, 0.006)
        zona *= 1 - smooth_step(-depth, pose.zona * 0.92, pose.zona * 0.35)
        folds, seams = self._folds(pose, flow)
        focus = 1 - 0.75 * time  # far cells leave the focal plane as the cavity grows
        far = blur(folds, (2.0 + 3.0 * time) * self.size / REFERENCE)
        return _Layers(
            angle=angle,
            depth=depth,
            cell_depth=cell_depth,
            inside=inside,
            cells=cells,
            mass=mass,
            cavity=inside * (1 - mass) * (1 - 0.7 * cells),
            view=blur(inside * (1 - 0.8 * mass - 0.6 * cells), 3 * self.size / REFERENCE),
            zona=zona,
            far=far + 0.3 * focus * (folds - far),
            seams=focus * seams,
            focus=focus,
            grain=grain,
            mottle=mottle,
            flow=flow,
        )

    def _thickness(self, a: _Layers, pose: Pose) -> Float32:
        """Optical thickness: its slopes are what is bright on one side and dark on the other."""
        lens = np.maximum(1 - (2 * a.depth / a.cell_depth - 1) ** 2, 0) ** np.float32(0.7)
        thick = 15 * lens * np.minimum(a.cell_depth * 12, 1)
        thick += a.mass * (8 + 7 * a.far + (2.6 + 1.4 * a.flow) * a.mottle + 1.3 * a.grain)
        thick += a.cells * (1.5 * a.grain + 2.4 * a.mottle)
        thick += a.view * (38 * a.far + 5 * a.flow)
        thick += a.cavity * ((0.1 + 0.3 * a.focus) * a.grain + 1.7 * a.mottle)
        thick += a.zona * (1.5 + 0.8 * a.grain)
        for bubble in (*pose.vacuoles, *pose.debris):
            _add_bubble(thick, *(bubble * self.size), steepness=0.8 * self.size / REFERENCE)
        return np.asarray(thick, np.float32)

    def _shade(self, a: _Layers, pose: Pose, time: float) -> Float32:
        """Grey levels at gain 1 that do not depend on slopes: absorption, membranes, rims."""
        shade = a.mass * (3 * a.mottle - 20) + a.cells * (5 * a.mottle + 3 * a.grain - 20)
        shade += a.view * (16 * a.far + 6 * a.flow) + 10 * a.cavity * a.seams
        shade -= a.zona * (8 + 3 * a.grain) + 12 * a.inside
        shade -= 32 * _line(a.depth, 0.0055)
        shade += 20 * _line(a.depth - 0.010, 0.004) * (1 - 0.5 * np.cos(a.angle - self.embryo.light))
        shade -= 12 * _line(a.depth + pose.zona, 0.006) * time
        surface = a.cell_depth - a.depth
        shade += (13 + 7 * a.mottle) * _line(surface, 0.0045) * a.inside * (1 - a.mass)
        shade -= 8 * _line(surface - 0.009, 0.005) * a.cells
        return shade

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
        return np.asarray(cv2.resize(dome, shape)), np.asarray(cv2.resize(seam, shape))


def _medium(embryo: Embryo, xs: Float32, ys: Float32) -> Float32:
    """The well: even in the middle, a bright rim, dark beyond."""
    well = np.hypot(xs - embryo.well_centre[0], ys - embryo.well_centre[1]) - embryo.well_radius
    grey = embryo.level + embryo.tilt[0] * (xs - 0.5) + embryo.tilt[1] * (ys - 0.5)
    facing = 0.6 + 0.4 * np.cos(np.arctan2(ys - 0.5, xs - 0.5) + embryo.light)
    grey += embryo.level * 1.3 * facing * np.exp(-((np.minimum(well - 0.01, 0) / 0.035) ** 2))
    return np.asarray(grey * (1 - 0.75 * smooth_step(well, 0.05, 0.08)), np.float32)


def _add_bubble(thick: Float32, x: float, y: float, radius: float, *, steepness: float) -> None:
    """Add a ball of `radius` pixels to an optical thickness."""
    y1, x1 = max(int(y - radius), 0), max(int(x - radius), 0)
    patch = thick[y1 : int(y + radius) + 1, x1 : int(x + radius) + 1]
    rows, columns = np.ogrid[: patch.shape[0], : patch.shape[1]]
    away = ((rows + y1 + 0.5 - y) ** 2 + (columns + x1 + 0.5 - x) ** 2) / radius**2
    patch += (steepness * radius * np.sqrt(np.maximum(1 - away, 0))).astype(np.float32)


def _around(profile: Callable[[Float64], Float64], angle: Float32) -> Float32:
    """A function of the direction, at every pixel's direction."""
    table = profile(np.linspace(-np.pi, np.pi, TURN_STEPS)).astype(np.float32)
    steps = ((angle + np.float32(np.pi)) * np.float32((TURN_STEPS - 1) / (2 * np.pi))).astype(np.int32)
    return np.asarray(table[steps])


def _line(offset: Float32, width: float) -> Float32:
    """1 where `offset` is 0, fading over `width`."""
    return np.asarray(np.exp(-((offset / np.float32(width)) ** 2)))

"""What is in the dish: one embryo, its growth over a time-lapse course, and where everything is at a time."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from cs_framework.api.arrays import Float64


@frozen(eq=False)
class Pose:
    """The embryo at one time. Lengths are shares of the frame's side, angles radians from x to y."""

    centre: Float64  # (2,)
    radius: float  # of the embryo proper, inside the zona
    zona: float  # thickness
    lobes: Float64  # (K,) amplitude of the outline's harmonics 2, 3, ...
    lobe_phases: Float64
    cell_edges: (
        Float64  # (N + 1,) ascending angles between trophectoderm cells, the last one turn after the first
    )
    cell_heights: Float64  # (N,) how far each bulges into the cavity
    mass_centre: Float64  # (2,) inner cell mass
    mass_radius: float
    folds: Float64  # (M, 3) x, y, flatness of the cells above and below the focal plane
    vacuoles: Float64  # (V, 3) x, y, radius
    debris: Float64  # (D, 3) x, y, radius; outside the embryo

    def outline(self, angle: ArrayLike) -> Float64:
        """Distance from the centre to the embryo's outer membrane."""
        angle = np.asarray(angle, float)
        orders = np.arange(2, 2 + len(self.lobes))
        waves = np.cos(np.multiply.outer(angle, orders) + self.lobe_phases) @ self.lobes
        return np.asarray(self.radius * (1 + waves))

    def cell_thickness(self, angle: ArrayLike) -> Float64:
        """Thickness of the trophectoderm: lens-shaped cells with thin seams between them."""
        turned = self.cell_edges[0] + (np.asarray(angle, float) - self.cell_edges[0]) % (2 * np.pi)
        cell = np.clip(
            np.searchsorted(self.cell_edges, turned, side="right") - 1, 0, len(self.cell_heights) - 1
        )
        left, right = self.cell_edges[cell], self.cell_edges[cell + 1]
        across = (2 * turned - left - right) / (right - left)
        return np.asarray(0.012 + self.cell_heights[cell] * np.sqrt(np.maximum(1 - across**2, 0)))

    def mass_outline(self, angle: ArrayLike) -> Float64:
        """Distance from the middle of the inner cell mass to its surface."""
        angle = np.asarray(angle, float)
        waves = np.cos(np.multiply.outer(angle, (3, 5)) + self.lobe_phases[:2]) @ (0.08, 0.05)
        return np.asarray(self.mass_radius * (1 + waves))

    def wall(self, angle: float) -> Float64:
        """The point (2,) of the trophectoderm in a direction, a little below its surface to the cavity."""
        reach = self.outline(angle) - 0.7 * self.cell_thickness(angle)
        return np.asarray(self.centre + reach * np.array([np.cos(angle), np.sin(angle)]))

    def in_cavity(self, points: Float64) -> NDArray[np.bool_]:
        """Which points (K, 2) lie in the cavity, where a string is seen against nothing but far cells."""
        dx, dy = (points - self.centre).T
        angle = np.arctan2(dy, dx)
        in_wall = np.hypot(dx, dy) > self.outline(angle) - self.cell_thickness(angle)
        mx, my = (points - self.mass_centre).T
        in_mass = np.hypot(mx, my) < self.mass_outline(np.arctan2(my, mx))
        return np.asarray(~in_wall & ~in_mass)


@frozen(eq=False)
class Embryo:
    """One embryo and its instrument, drawn once; `pose` tells its course."""

    light: float  # direction of the oblique illumination, radians
    level: float  # grey level of the medium
    gain: float  # grey levels per unit of slope
    blur: float  # of the optics, pixels at a frame of 320
    noise: float  # grey levels
    well_centre: Float64
    well_radius: float
    tilt: Float64  # (2,) grey levels of uneven light over the frame
    place: Float64  # (2,) of the centre
    drift: Float64  # (2,)
    growth: tuple[float, float]  # radius at the start and end of the course
    thinning: tuple[float, float]  # zona
    lobes: Float64
    lobe_phases: Float64
    cell_edges: Float64
    cell_heights: Float64
    mass_angle: float
    mass_radius: tuple[float, float]
    folds: Float64  # (M, 3) x, y in the unit disc, flatness
    vacuoles: Float64  # (V, 4) x, y in the unit disc, radius, phase
    debris: Float64  # (D, 4) angle, distance beyond the zona, radius, phase
    phases: Float64  # (8,) for everything that sways

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Embryo:
        """An embryo of its own."""
        uniform = rng.uniform
        cells = int(rng.integers(13, 20))
        widths = uniform(0.55, 1.45, cells)
        turns = np.r_[0, np.cumsum(widths) / widths.sum()] * 2 * np.pi
        start = uniform(0.30, 0.35)
        level = uniform(80, 118)
        fold_count, vacuole_count = int(rng.integers(14, 24)), int(rng.integers(1, 6))
        debris_count = int(rng.integers(2, 7))
        return cls(
            light=np.pi / 2 + uniform(-0.6, 0.6) + np.pi * int(rng.integers(2)),
            level=level,
            gain=level / 95 * uniform(0.9, 1.15),
            blur=uniform(0.55, 0.8),
            noise=uniform(0.3, 0.8),
            well_centre=0.5 + uniform(-0.08, 0.08, 2),
            well_radius=uniform(0.58, 0.68),
            tilt=uniform(-10, 10, 2),
            place=0.5 + uniform(-0.02, 0.02, 2),
            drift=uniform(-0.015, 0.015, 2),
            growth=(start, uniform(0.39, 0.43)),
            thinning=(uniform(0.085, 0.12), uniform(0.025, 0.05)),
            lobes=uniform(-1, 1, 4) * [0.035, 0.025, 0.015, 0.012],
            lobe_phases=uniform(0, 2 * np.pi, 4),
            cell_edges=turns + uniform(0, 2 * np.pi),
            cell_heights=0.36 * np.diff(turns) * uniform(0.25, 0.62, cells),
            mass_angle=uniform(0, 2 * np.pi),
            mass_radius=(uniform(0.16, 0.19), uniform(0.10, 0.14)),
            folds=np.c_[_disc(rng, fold_count), uniform(0.6, 1.6, fold_count)],
            vacuoles=np.c_[
                _disc(rng, vacuole_count) * 0.8,
                uniform(0.012, 0.035, vacuole_count),
                uniform(0, 2 * np.pi, vacuole_count),
            ],
            debris=np.c_[
                uniform(0, 2 * np.pi, debris_count),
                uniform(0.0, 0.06, debris_count),
                uniform(0.004, 0.018, debris_count),
                uniform(0, 2 * np.pi, debris_count),
            ],
            phases=uniform(0, 2 * np.pi, 8),
        )

    def pose(self, time: float) -> Pose:
        """Where everything is at `time`, 0 at the start of the course and 1 at its end."""
        sway = np.sin(self.phases + 2 * np.pi * time * np.arange(1, 9) / 4)
        radius = _between(self.growth, time) * (1 + 0.01 * float(sway[0]))
        zona = _between(self.thinning, time)
        centre = self.place + self.drift * (time - 0.5) + 0.004 * sway[1:3]
        turn = 0.10 * sway[3]
        mass_radius = _between(self.mass_radius, time)
        mass_angle = self.mass_angle + 0.15 * sway[4]
        reach = radius - 0.85 * mass_radius
        flat = 1.15 - 0.6 * time  # cells flatten as the cavity grows
        swell = 1 + 0.15 * np.sin(2 * np.pi * time + np.arange(len(self.cell_heights)))
        beyond = radius + zona + self.debris[:, 1]
        angles = self.debris[:, 0] + 0.1 * np.sin(self.debris[:, 3] + 2 * np.pi * time)
        circling = np.stack(
            [np.cos(self.vacuoles[:, 3] + 5 * time), np.sin(self.vacuoles[:, 3] + 5 * time)], axis=1
        )
        wander = 0.06 * np.sin(4 * time + np.outer(np.arange(len(self.folds)), (1, 2)))
        return Pose(
            centre=centre,
            radius=radius,
            zona=zona,
            lobes=self.lobes * (1.3 - time),
            lobe_phases=self.lobe_phases,
            cell_edges=self.cell_edges + turn,
            cell_heights=self.cell_heights * flat * swell,
            mass_centre=centre + reach * np.array([np.cos(mass_angle), np.sin(mass_angle)]),
            mass_radius=mass_radius,
            folds=np.c_[centre + radius * (self.folds[:, :2] + wander), self.folds[:, 2]],
            vacuoles=np.c_[centre + radius * (self.vacuoles[:, :2] + 0.03 * circling), self.vacuoles[:, 2]],
            debris=np.c_[
                centre + beyond[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1),
                self.debris[:, 2],
            ],
        )


def _between(ends: tuple[float, float], time: float) -> float:
    eased = time * time * (3 - 2 * time)
    return ends[0] + (ends[1] - ends[0]) * eased


def _disc(rng: np.random.Generator, count: int) -> Float64:
    """Points (count, 2) spread evenly over the unit disc: a jittered sunflower."""
    index = np.arange(count) + 0.5
    distance = np.sqrt(index / count) + rng.normal(0, 0.07, count)
    angle = index * np.pi * (3 - np.sqrt(5)) + rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.2, count)
    return np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=1)

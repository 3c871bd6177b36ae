"""Pixel grid around an embryo, and the fields that every part of a drawing is made of."""

from __future__ import annotations

import cv2
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

TURNS = 1024
"""Directions at which an outline is computed."""
_REFERENCE = 115.0
"""Radius of an embryo in pixels for which lengths in pixels are written down."""
_FAINT = 16.0
"""Negative logarithm of what is too little to be seen."""
_GRAIN = 1.5
"""Standard deviation in pixels at which noise is drawn before it is enlarged: coarse noise costs little."""


@frozen(eq=False)
class Grid:
    """Pixels of a square frame, measured from the embryo in radii of the embryo."""

    size: int
    x: float
    """Centre of the embryo in pixels; a pixel's own centre lies at its index + 0.5."""
    y: float
    radius: float
    """Of the embryo in pixels."""
    xs: Float32 = field(init=False)
    """(S, S) distance to the right of the embryo's centre in radii; `ys` below it."""
    ys: Float32 = field(init=False)
    distance: Float32 = field(init=False)
    turn: NDArray[np.intp] = field(init=False)
    """(S, S) direction from the centre as an index of a table of `TURNS` values."""

    def __attrs_post_init__(self) -> None:
        pixels = np.arange(self.size, dtype=np.float32) + np.float32(0.5)
        xs, ys = np.meshgrid((pixels - self.x) / self.radius, (pixels - self.y) / self.radius)
        distance, degrees = cv2.cartToPolar(xs, ys, angleInDegrees=True)
        turn = (degrees * np.float32(TURNS / 360)).astype(np.intp) % TURNS
        for name, value in (("xs", xs), ("ys", ys), ("distance", distance), ("turn", turn)):
            object.__setattr__(self, name, value)

    @property
    def scale(self) -> float:
        """Enlargement against an embryo of 230 px across."""
        return self.radius / _REFERENCE

    @property
    def pixel(self) -> float:
        """One pixel of the reference in radii: lines are not thinner, however small the frame."""
        return max(1 / _REFERENCE, 0.8 / self.radius)

    def around(self, table: Float64) -> Float32:
        """(S, S) values of a table (TURNS,) in the direction of each pixel."""
        return np.asarray(table.astype(np.float32).take(self.turn))

    def to_pixels(self, points: Float64) -> Float64:
        """Points (..., 2) in radii from the embryo's centre as pixels of the frame."""
        return np.asarray(points * self.radius + np.array([self.x, self.y]))

    def halved(self) -> Grid:
        """The same frame in half as many pixels a side, for what is out of focus."""
        return Grid(self.size // 2, self.x / 2, self.y / 2, self.radius / 2)

    def noise(self, rng: np.random.Generator, grain: float, stretch: float = 1.0) -> Float32:
        """(S, S) noise with mean 0 and standard deviation 1.

        Args:
            rng: draws it.
            grain: standard deviation of its grains, in radii.
            stretch: how much longer than high the grains are.
        """
        high = max(grain * self.radius, 0.3)
        wide = high * stretch
        steps = [max(sigma / _GRAIN, 1.0) for sigma in (wide, high)]
        columns, rows = (int(np.ceil(self.size / step)) + 6 for step in steps)
        coarse = rng.standard_normal((rows, columns), dtype=np.float32)
        soft = cv2.GaussianBlur(coarse, (0, 0), min(wide, _GRAIN), sigmaY=min(high, _GRAIN))
        whole = (round(columns * steps[0]), round(rows * steps[1]))
        fine = np.asarray(cv2.resize(soft, whole, interpolation=cv2.INTER_CUBIC), np.float32)
        top, left = (whole[1] - self.size) // 2, (whole[0] - self.size) // 2
        fine = fine[top : top + self.size, left : left + self.size]
        mean, deviation = cv2.meanStdDev(soft)
        return (fine - np.float32(mean[0, 0])) * np.float32(1 / max(deviation[0, 0], 1e-6))


@frozen(eq=False)
class Grain:
    """Noise fields (S, S) of one drawing, from fine to wide; its parts share them, since they lie apart."""

    fine: Float32
    """Of granules; `mottle` of organelles, `lumps` of small cells, `flow` of what is out of focus."""
    mottle: Float32
    lumps: Float32
    flow: Float32

    @classmethod
    def draw(cls, grid: Grid, rng: np.random.Generator) -> Grain:
        """Noise with grains of the sizes that are seen in embryos."""
        # How much noise is drawn depends on the embryo's size; nothing that is drawn later does.
        rng = np.random.default_rng(int(rng.integers(1 << 62)))
        uniform = rng.uniform
        stretch = uniform(1.3, 3.5) if rng.random() < 0.3 else 1.0
        return cls(
            grid.noise(rng, uniform(0.006, 0.013)),
            grid.noise(rng, uniform(0.018, 0.045)),
            grid.noise(rng, uniform(0.055, 0.13)),
            grid.noise(rng, uniform(0.06, 0.16), stretch),
        )

    def halved(self, grid: Grid) -> Grain:
        """The same noise at every second pixel of `grid.size` times two."""
        part = slice(0, 2 * grid.size, 2)
        return Grain(*(noise[part, part] for noise in (self.fine, self.mottle, self.lumps, self.flow)))


def step(values: Float32, softness: float) -> Float32:
    """0 well below 0, 1 well above, 0.5 at 0, rising over `softness`."""
    return np.asarray(np.clip(values / np.float32(softness) + np.float32(0.5), 0, 1))


def line(offset: Float32, width: float) -> Float32:
    """1 where `offset` is 0, fading over `width` to either side."""
    scaled = offset * np.float32(1 / width)
    return bell(scaled * scaled)


def bell(squared: Float32) -> Float32:
    """exp(-x): cut off long before the results are so small that arithmetic with them is slow."""
    return np.asarray(cv2.exp(-np.minimum(squared, np.float32(_FAINT))), np.float32)


def blur(image: Float32, sigma: float) -> Float32:
    """Gaussian blur with `sigma` in pixels; wide ones at a reduced size."""
    if sigma < 0.2:
        return image
    if sigma > 5:
        height, width = image.shape[:2]
        factor = int(sigma // 2.5)
        reduced = (max(width // factor, 4), max(height // factor, 4))
        small = np.asarray(cv2.resize(image, reduced, interpolation=cv2.INTER_AREA), np.float32)
        return np.asarray(cv2.resize(blur(small, sigma / factor), (width, height)), np.float32)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def waves(
    rng: np.random.Generator, amplitudes: tuple[float, ...], first: int = 2, count: int = TURNS
) -> Float64:
    """(count,) smooth closed curve around 0: harmonics `first`, `first` + 1, ... of random phase."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    orders = np.arange(first, first + len(amplitudes))
    phases = rng.uniform(0, 2 * np.pi, len(amplitudes))
    heights = np.asarray(amplitudes) * rng.uniform(-1, 1, len(amplitudes))
    return np.asarray(np.cos(np.outer(angle, orders) + phases) @ heights)

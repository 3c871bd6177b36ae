"""Ridges and valleys: the multi-scale second derivatives in which thin filaments stand out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32


@frozen(eq=False)
class RidgeMaps:
    """Derivatives of every pixel at S scales; each map is float32 (S, H, W), in grey levels.

    First derivatives are multiplied by the scale and second ones by its square, so that a structure answers
    with like strength whatever its size (Lindeberg 1998, "Edge detection and ridge detection with automatic
    scale selection").
    """

    sigmas: tuple[float, ...]
    """Standard deviations of the Gaussians in pixels."""
    across: Float32
    """Principal curvature, the eigenvalue of the Hessian of larger magnitude: below 0 on a bright line,
    above 0 on a dark one."""
    along: Float32
    """The other eigenvalue: near 0 on a line, near `across` on a blob, of opposite sign on a saddle."""
    cos2: Float32
    """Cosine of twice the angle of the line's direction; 0 where there is no direction."""
    sin2: Float32
    """Sine of twice that angle, which grows from the x axis (right) towards the y axis (down)."""
    gradient_x: Float32
    """First derivative to the right."""
    gradient_y: Float32
    """First derivative downwards."""

    @property
    def bright(self) -> Float32:
        """Strength as a bright line, at least 0."""
        return np.maximum(-self.across, 0)

    @property
    def dark(self) -> Float32:
        """Strength as a dark line, at least 0."""
        return np.maximum(self.across, 0)


def ridge_maps(grey: NDArray[np.uint8] | Float32, sigmas: Sequence[float]) -> RidgeMaps:
    """Ridge strength, direction and gradient at several scales, from derivatives of Gaussians.

    Args:
        grey: uint8 or float32 (H, W).
        sigmas: one scale or more, in pixels; a line of width w answers best near w / 2.

    Returns:
        The maps. Beyond its border the frame is continued by reflection.
    """
    # No derivative depends on the mean, and without it a flat frame answers 0 exactly.
    plane = np.asarray(grey - np.mean(grey, dtype=np.float64), np.float32)
    stacks = [np.stack(maps) for maps in zip(*(_at_scale(plane, sigma) for sigma in sigmas), strict=True)]
    return RidgeMaps(tuple(float(sigma) for sigma in sigmas), *stacks)


def _at_scale(plane: Float32, sigma: float) -> tuple[Float32, ...]:
    """The maps of `RidgeMaps`, in its order, at one scale."""
    smooth, first, second = _kernels(sigma)

    def derivative(kernel_x: Float32, kernel_y: Float32) -> Float32:
        result = cv2.sepFilter2D(plane, cv2.CV_32F, kernel_x, kernel_y, borderType=cv2.BORDER_REFLECT)
        return np.asarray(result, np.float32)

    xx, yy, xy = derivative(second, smooth), derivative(smooth, second), derivative(first, first)
    mean, half = (xx + yy) / 2, (xx - yy) / 2
    spread = np.hypot(half, xy)  # the eigenvalues are mean + spread and mean - spread
    sign = np.where(mean < 0, np.float32(-1), np.float32(1))
    # The eigenvector of mean + spread has the doubled angle atan2(xy, half). It points across the line where
    # that eigenvalue is the principal one, and along it elsewhere.
    unit = np.divide(-sign, spread, out=np.zeros_like(spread), where=spread > 0)
    across, along = mean + sign * spread, mean - sign * spread
    maps = (across, along, half * unit, xy * unit, derivative(first, smooth), derivative(smooth, first))
    return tuple(np.asarray(values, np.float32) for values in maps)


def _kernels(sigma: float) -> tuple[Float32, Float32, Float32]:
    """A sampled Gaussian and its first and second derivatives, for correlation, scale-normalised."""
    reach = max(1, int(np.ceil(4 * sigma)))
    t = np.arange(-reach, reach + 1) / sigma
    gauss = np.exp(-(t**2) / 2)
    gauss /= gauss.sum()
    first = t * gauss
    first /= (first * t).sum()  # a ramp of slope 1 per sigma answers 1
    second = (t**2 - 1) * gauss
    second -= second.mean()  # a constant answers 0
    second *= 2 / (second * t**2).sum()  # a parabola t^2 answers 2
    return gauss.astype(np.float32), first.astype(np.float32), second.astype(np.float32)


@frozen(eq=False)
class LineMaps:
    """How far every pixel lies on a straight stretch of a line; float32 maps (H, W), in grey levels."""

    bright: Float32
    """Strength as part of a bright line, at least 0."""
    dark: Float32
    """Strength as part of a dark line, at least 0."""


def line_maps(
    grey: NDArray[np.uint8] | Float32, sigma: float, length: float, directions: int = 12
) -> LineMaps:
    """Strength of thin lines that run straight for a while, which texture of the same width does not.

    The second derivative across each direction is averaged along it, by a Gaussian; the strongest direction
    counts, less the mean over all directions, which is what a blob or a speckle reaches.

    Args:
        grey: uint8 or float32 (H, W).
        sigma: standard deviation across the line, in pixels: about half its width.
        length: standard deviation along it, in pixels.
        directions: how many, spread evenly over half a turn.

    Returns:
        The maps. Beyond its border the frame is continued by reflection.
    """
    plane = np.asarray(grey - np.mean(grey, dtype=np.float64), np.float32)
    answers = np.stack(
        [
            cv2.filter2D(plane, cv2.CV_32F, _line_kernel(sigma, length, angle), borderType=cv2.BORDER_REFLECT)
            for angle in np.arange(directions) * np.pi / directions
        ]
    )
    typical = np.abs(answers).mean(axis=0)
    return LineMaps(
        bright=np.maximum(answers.max(axis=0) - typical, 0),
        dark=np.maximum(-answers.min(axis=0) - typical, 0),
    )


def _line_kernel(sigma: float, length: float, angle: float) -> Float32:
    """Minus the second derivative of a Gaussian across `angle`, a Gaussian along it; magnitudes sum to 1."""
    reach = int(np.ceil(2.5 * max(sigma, length)))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = (1 - (across / sigma) ** 2) * np.exp(-((across / sigma) ** 2 + (along / length) ** 2) / 2)
    kernel -= kernel.mean()
    return np.asarray(kernel / np.abs(kernel).sum(), np.float32)

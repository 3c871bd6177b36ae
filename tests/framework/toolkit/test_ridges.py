from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate, gaussian_filter
from skimage.feature import hessian_matrix, hessian_matrix_eigvals

from cs_framework import line_maps, ridge_maps
from cs_framework.toolkit.ridges import _line_kernel

SIGMAS = (1.5, 3.0)


def noise(size: tuple[int, int] = (80, 100)) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (128 + 90 * gaussian_filter(rng.normal(size=size), 1)).astype(np.float32)


def line(angle: float, sigma: float, height: float = 50.0) -> np.ndarray:
    """A straight line of Gaussian profile through the middle of (81, 81), at `angle` from x towards y."""
    rows, columns = np.mgrid[-40:41, -40:41]
    across = rows * np.cos(angle) - columns * np.sin(angle)
    return (100 + height * np.exp(-(across**2) / (2 * sigma**2))).astype(np.float32)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_eigenvalues_agree_with_scikit_image(sigma: float) -> None:
    grey = noise((160, 160))
    ridges = ridge_maps(grey, [sigma])
    hessian = hessian_matrix(grey, sigma=sigma, order="rc", mode="reflect", use_gaussian_derivatives=True)
    expected = hessian_matrix_eigvals(hessian) * sigma**2
    mine = np.sort(np.stack([ridges.across[0], ridges.along[0]]), axis=0)[::-1]
    inner = np.s_[:, 40:-40, 40:-40]  # the two continue the frame differently at its border
    assert np.abs(mine[inner] - expected[inner]).max() < 0.01 * np.abs(expected).max()


def test_gradient_agrees_with_scipy() -> None:
    grey = noise()
    ridges = ridge_maps(grey, SIGMAS)
    for scale, sigma in enumerate(SIGMAS):
        expected = sigma * gaussian_filter(grey, sigma, order=(0, 1))
        assert np.allclose(ridges.gradient_x[scale], expected, atol=0.02 * np.abs(expected).max())
        expected = sigma * gaussian_filter(grey, sigma, order=(1, 0))
        assert np.allclose(ridges.gradient_y[scale], expected, atol=0.02 * np.abs(expected).max())


@settings(max_examples=25, deadline=None)
@given(angle=st.floats(0, np.pi), bright=st.booleans())
def test_a_line_answers_with_its_polarity_and_direction(angle: float, bright: bool) -> None:
    width = 3.0
    ridges = ridge_maps(line(angle, width, 50 if bright else -50), [width])
    strength, other = (ridges.bright, ridges.dark) if bright else (ridges.dark, ridges.bright)
    # A profile exp(-t^2 / 2 w^2) smoothed by w has the curvature 2^-1.5 / w^2 on its crest.
    assert np.isclose(strength[0, 40, 40], 50 * 2**-1.5, rtol=0.02)
    assert other[0, 40, 40] == 0
    assert abs(ridges.along[0, 40, 40]) < 0.3
    assert np.isclose(ridges.cos2[0, 40, 40], np.cos(2 * angle), atol=0.02)
    assert np.isclose(ridges.sin2[0, 40, 40], np.sin(2 * angle), atol=0.02)


def test_strength_is_largest_at_the_scale_of_the_line() -> None:
    sigmas = (1.0, 2.0, 4.0, 8.0)
    crest = ridge_maps(line(0.5, 3.0), sigmas).bright[:, 40, 40]
    # sigma^2 / (w^2 + sigma^2)^1.5 is largest at sigma = sqrt(2) w.
    assert sigmas[int(crest.argmax())] == 4.0


def test_a_blob_answers_alike_in_both_directions() -> None:
    rows, columns = np.mgrid[-20:21, -20:21]
    blob = (100 * np.exp(-(rows**2 + columns**2) / 18)).astype(np.float32)
    ridges = ridge_maps(blob, [3.0])
    assert np.isclose(ridges.across[0, 20, 20], ridges.along[0, 20, 20], rtol=1e-3)
    assert ridges.across[0, 20, 20] < 0


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 3)])
def test_flat_and_tiny_frames_answer_nothing(size: tuple[int, int]) -> None:
    ridges = ridge_maps(np.full(size, 200, np.uint8), SIGMAS)
    for name in ("across", "along", "bright", "dark", "cos2", "sin2", "gradient_x", "gradient_y"):
        values = getattr(ridges, name)
        assert values.shape == (2, *size)
        assert values.dtype == np.float32
        assert not values.any()


def test_bytes_and_floats_agree_and_are_left_alone() -> None:
    grey = noise().astype(np.uint8)
    before = grey.copy()
    assert np.array_equal(ridge_maps(grey, [2.0]).across, ridge_maps(grey.astype(np.float32), [2.0]).across)
    assert np.array_equal(grey, before)


@settings(max_examples=25, deadline=None)
@given(angle=st.floats(0, np.pi), bright=st.booleans())
def test_a_long_line_answers_more_than_a_speckle_of_its_height(angle: float, bright: bool) -> None:
    height = 50 if bright else -50
    lines = line_maps(line(angle, 1.5, height), 1.5, 10)
    strength, other = (lines.bright, lines.dark) if bright else (lines.dark, lines.bright)
    rows, columns = np.mgrid[-40:41, -40:41]
    speckle = (100 + height * np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))).astype(np.float32)
    point = line_maps(speckle, 1.5, 10)
    assert strength[40, 40] > 5 * (point.bright if bright else point.dark)[40, 40]
    assert other[40, 40] < 0.2 * strength[40, 40]


def test_line_maps_do_what_a_plain_correlation_does() -> None:
    grey = noise((60, 60))
    kernels = [_line_kernel(1.5, 4, angle) for angle in np.arange(12) * np.pi / 12]
    plane = grey - grey.mean()
    answers = np.stack([correlate(plane, kernel, mode="mirror") for kernel in kernels])
    expected = np.maximum(answers.max(axis=0) - np.abs(answers).mean(axis=0), 0)
    inner = np.s_[12:-12, 12:-12]
    assert np.allclose(line_maps(grey, 1.5, 4).bright[inner], expected[inner], atol=1e-3)


def test_a_flat_frame_has_no_lines() -> None:
    lines = line_maps(np.full((30, 40), 90, np.uint8), 1.5, 10)
    assert not lines.bright.any()
    assert not lines.dark.any()

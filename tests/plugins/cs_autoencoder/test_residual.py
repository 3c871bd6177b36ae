from __future__ import annotations

import numpy as np
import pytest
import torch

from cs_autoencoder.residual import combined_residual, frame_losses, frame_scores
from tests.plugins.cs_autoencoder import reference


@pytest.fixture
def pairs():
    """Images and reconstructions (3, 1, 24, 30): alike, unlike, and one the negative of the other."""
    rng = np.random.default_rng(0)
    images = rng.random((3, 1, 24, 30))
    others = np.stack([images[0] * 0.9 + 0.02, rng.random((1, 24, 30)), 1 - images[2]])
    return images, others


@pytest.fixture
def masks():
    masks = torch.zeros(3, 1, 24, 30, dtype=torch.bool)
    masks[0, 0, :5, :7] = True
    masks[1] = True
    return masks


def test_residual_is_the_published_one(pairs):
    images, others = pairs
    residual = combined_residual(torch.from_numpy(images), torch.from_numpy(others))
    expected = [[reference.residual(x[0], y[0])] for x, y in zip(images, others, strict=True)]
    np.testing.assert_allclose(residual, expected, rtol=0, atol=1e-12)


def test_a_perfect_reconstruction_leaves_the_charbonnier_floor(pairs):
    images = torch.from_numpy(pairs[0])
    np.testing.assert_allclose(combined_residual(images, images.clone()), 1e-3, atol=1e-12)


def test_losses_are_means_and_weighted_means(pairs, masks):
    residual = torch.from_numpy(pairs[0])
    np.testing.assert_allclose(frame_losses(residual, None), pairs[0].mean(axis=(1, 2, 3)))
    expected = [
        np.average(pixels, weights=np.where(mask, 1.5, 1))
        for pixels, mask in zip(pairs[0], masks, strict=True)
    ]
    np.testing.assert_allclose(frame_losses(residual, masks), expected, rtol=1e-6)


def test_scores_are_means_and_percentiles_inside_the_mask(pairs, masks):
    residual = torch.from_numpy(pairs[0])
    np.testing.assert_allclose(frame_scores(residual, None, "mean"), pairs[0].mean(axis=(1, 2, 3)))
    first, second, third = pairs[0]
    expected = [np.quantile(first[0, :5, :7], 0.95), np.quantile(second, 0.95), np.quantile(third, 0.95)]
    np.testing.assert_allclose(frame_scores(residual, masks, "p95"), expected)

from __future__ import annotations

import pytest
import torch

from cs_autoencoder.network import ConvAutoencoder, seeded_autoencoder


def test_number_of_parameters():
    assert sum(parameter.numel() for parameter in ConvAutoencoder().parameters()) == 915_009


@pytest.mark.parametrize("size", [8, 40])
def test_reconstructions_have_the_shape_and_range_of_images(size):
    images = torch.rand(2, 1, size, size)
    reconstructions = ConvAutoencoder()(images)
    assert reconstructions.shape == images.shape
    assert 0 < reconstructions.min() <= reconstructions.max() < 1


def test_a_seed_gives_the_same_weights_and_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    first, again, other = (seeded_autoencoder(seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)

from __future__ import annotations

import numpy as np
import pytest
import torch

from cs_implant_net.network import CHANNELS, MAPS, REACHES, normalise, seeded_network
from cs_implant_net.scoring import frame_logits


def test_gain_and_exposure_do_not_matter():
    planes = np.random.default_rng(0).integers(40, 120, (2, 48, 48)).astype(np.uint8)
    first, second = normalise(planes), normalise(2 * planes - 30)
    np.testing.assert_allclose(first, second, atol=0.02)
    assert first.shape == (2, CHANNELS, 48, 48)
    assert abs(first[:, -1].mean()) < 1e-3


def test_local_contrast_is_the_deviation_in_standard_deviations():
    plane = np.random.default_rng(1).integers(0, 256, (100, 100)).astype(np.uint8)
    for channel, reach in zip(normalise(plane[None])[0], REACHES, strict=False):
        near = slice(50 - reach // 2, 50 + reach // 2 + 1)
        around = plane[near, near].astype(float)
        expected = (plane[50, 50] - around.mean()) / np.hypot(around.std(), 1)
        assert channel[50, 50] == pytest.approx(expected, abs=1e-3)


def test_a_constant_plane_is_zero():
    assert np.abs(normalise(np.full((1, 16, 16), 255, np.uint8))).max() == 0


def test_the_network_answers_at_half_the_size_and_leaves_the_global_seed():
    before = torch.get_rng_state()
    network = seeded_network(4, 3)
    assert torch.equal(torch.get_rng_state(), before)
    maps = network(torch.zeros(2, CHANNELS, 32, 32))
    assert maps.shape == (2, len(MAPS), 16, 16)
    assert (maps[:, 0] < -1).all()  # little is marked before anything is learnt


def test_a_frame_scores_the_mean_of_its_strongest_pixels_inside():
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 40, 50))).float()
    inside = torch.ones(2, 1, 40, 50, dtype=torch.bool)
    inside[1, :, :20] = False
    found = frame_logits(logits, inside)
    expected = [
        np.sort(logits[0].numpy(), None)[-10:].mean(),
        np.sort(logits[1, 0, 20:].numpy(), None)[-10:].mean(),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert frame_logits(logits[:0], inside[:0]).shape == (0,)

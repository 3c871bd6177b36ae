from __future__ import annotations

import numpy as np
import pytest
import torch

from cs_implant_net.network import normalise, seeded_network
from cs_implant_net.scoring import frame_logits


def test_gain_and_exposure_do_not_matter():
    planes = torch.from_numpy(np.random.default_rng(0).uniform(40, 120, (2, 1, 48, 48))).float()
    first, second = normalise(planes), normalise(2 * planes - 30)
    np.testing.assert_allclose(first, second, atol=0.02)
    assert first.shape == (2, 2, 48, 48)
    assert first[:, 1].mean().abs() < 1e-3


def test_local_contrast_is_the_deviation_in_standard_deviations():
    plane = np.random.default_rng(1).uniform(0, 255, (40, 40))
    local = normalise(torch.from_numpy(plane)[None, None].float())[0, 0].numpy()
    around = plane[12:29, 7:24]  # 17 x 17 around (20, 15)
    expected = (plane[20, 15] - around.mean()) / np.hypot(around.std(), 1)
    assert local[20, 15] == pytest.approx(expected, abs=1e-3)


def test_a_constant_plane_is_zero():
    assert normalise(torch.full((1, 1, 16, 16), 255.0)).abs().max() == 0


def test_the_network_answers_at_half_the_size_and_leaves_the_global_seed():
    before = torch.get_rng_state()
    network = seeded_network(4, 3)
    assert torch.equal(torch.get_rng_state(), before)
    logits = network(torch.zeros(2, 2, 32, 32))
    assert logits.shape == (2, 1, 16, 16)
    assert (logits < -1).all()  # little is marked before anything is learnt


def test_a_frame_scores_the_mean_of_its_strongest_pixels_inside():
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 40, 50))).float()
    inside = torch.ones(2, 1, 40, 50, dtype=torch.bool)
    inside[1, :, :20] = False
    found = frame_logits(logits, inside)
    expected = [
        np.sort(logits[0].numpy(), None)[-20:].mean(),
        np.sort(logits[1, 0, 20:].numpy(), None)[-20:].mean(),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert frame_logits(logits[:0], inside[:0]).shape == (0,)

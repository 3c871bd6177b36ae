"""The embedders that a plugin gives a network to; with real networks they are tested in the plugins."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import nn

from cs_framework import Backbone, CropEmbedder, Env, Frame, PooledEmbedder, SetupError

RNG = np.random.default_rng(0)
FRAMES = [Frame(RNG.integers(0, 256, (*size, 3), dtype=np.uint8), str(size)) for size in ((60, 80), (64, 48))]
BOXES = np.float32([[0, 0, 80, 60], [3.3, 4.2, 31, 20.5], [10, 10, 11, 11]])


def dense_backbone(**changes):
    """The pixels themselves, averaged over squares of four."""
    pool = nn.AvgPool2d(4)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    return Backbone(pool, pool, 3, **{"stride": 4, **plain, **changes})


def crop_backbone():
    mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Backbone(mean, mean, 3, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def pooled(image_size=80, **settings):
    return PooledEmbedder(dense_backbone(), Env(), image_size=image_size, **settings)


def test_means_of_pixels_through_both_paths():
    """With boxes of whole squares a mean of means is the mean, so both embedders have to give it."""
    boxes = np.float32([[0, 0, 80, 60], [8, 4, 24, 44], [76, 56, 80, 60]])
    image = FRAMES[0].image / 255
    expected = [image[y1:y2, x1:x2].mean((0, 1)) for x1, y1, x2, y2 in boxes.astype(int)]
    np.testing.assert_allclose(pooled().embed([(FRAMES[0], boxes)])[0], expected, atol=1e-5)
    whole = CropEmbedder(crop_backbone(), Env(), image_size=32, batch_size=4).embed([(FRAMES[0], boxes)])[0]
    np.testing.assert_allclose(whole[0] * 0.25 + 0.5, expected[0], atol=5e-3)


@pytest.mark.parametrize(
    ("size", "image_size", "fitted"),
    [
        ((60, 80), 80, (60, 80)),
        ((60, 80), 160, (120, 160)),
        ((61, 80), 40, (32, 40)),
        ((1, 500), 64, (4, 64)),
    ],
)
def test_frames_keep_their_aspect_to_half_a_stride(size, image_size, fitted):
    seen = []

    def watch(pixels):
        seen.append(tuple(pixels.shape))
        return nn.AvgPool2d(4)(pixels)

    watched = evolve(dense_backbone(), forward=watch)
    frame = Frame(np.zeros((*size, 3), np.uint8), "frame")
    embedder = PooledEmbedder(watched, Env(), image_size=image_size)
    embedder.embed([(frame, np.float32([[0, 0, 1, 1]]))])
    assert seen == [(1, 3, *fitted)]


def test_surroundings_are_those_of_the_enlarged_box():
    ours = pooled(surroundings=3.0)
    assert ours.dim == 6
    rows = ours.embed([(FRAMES[0], BOXES)])[0]
    larger = np.float32([[-80, -60, 160, 120], [-24.4, -12.1, 58.7, 36.8], [9, 9, 12, 12]])
    np.testing.assert_allclose(rows[:, :3], pooled().embed([(FRAMES[0], BOXES)])[0], atol=1e-6)
    np.testing.assert_allclose(rows[:, 3:], pooled().embed([(FRAMES[0], larger)])[0], atol=1e-5)


def test_frames_of_several_sizes_come_back_in_order():
    batch = [(FRAMES[0], BOXES), (FRAMES[1], BOXES[1:]), (FRAMES[0], BOXES[:0]), (FRAMES[0], BOXES[2:])]
    embedder = pooled()
    together = embedder.embed(batch)
    assert [rows.shape for rows in together] == [(3, 3), (2, 3), (0, 3), (1, 3)]
    for one, rows in zip(batch, together, strict=True):
        np.testing.assert_allclose(embedder.embed([one])[0], rows, atol=1e-6)
    assert embedder.embed([]) == []


def test_pixels_are_normalised_and_bicubic_ones_do_not_overshoot():
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 8:] = 255
    frame, boxes = Frame(image, "edge"), np.float32([[0, 0, 16, 16]])
    backbone = dense_backbone(interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 1.0))
    seen = []

    def watch(pixels):
        seen.append(pixels)
        return backbone.forward(pixels)

    watched = evolve(backbone, forward=watch)
    PooledEmbedder(watched, Env(), image_size=64).embed([(frame, boxes)])
    low, high = seen[0].amin((0, 2, 3)), seen[0].amax((0, 2, 3))
    torch.testing.assert_close(low, torch.tensor([-1, -2, -0.5]))
    torch.testing.assert_close(high, torch.tensor([1, 2, 0.5]))


def test_compiling_changes_nothing_but_is_asked_for(monkeypatch):
    asked = []

    def compile(forward):
        asked.append(forward)
        return functools.partial(forward)

    monkeypatch.setattr(torch, "compile", compile)
    plain, compiled = pooled(), pooled(compiled=True)
    assert len(asked) == 1
    (ours,), (expected,) = (embedder.embed([(FRAMES[0], BOXES)]) for embedder in (compiled, plain))
    np.testing.assert_array_equal(ours, expected)


def test_devices_that_are_not_there_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SetupError, match="cuda"):
        pooled(device="cuda")
    with pytest.raises(SetupError, match="cuda"):
        PooledEmbedder(dense_backbone(), Env(device="cuda"), image_size=8)

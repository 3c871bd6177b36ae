"""The network of the autoencoder."""

from __future__ import annotations

import torch
from torch import nn


def _conv(inputs: int, outputs: int, kernel: int = 3) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]


def _encode(inputs: int, outputs: int) -> list[nn.Module]:
    return [*_conv(inputs, outputs), *_conv(outputs, outputs), nn.MaxPool2d(2)]


def _decode(inputs: int, outputs: int) -> list[nn.Module]:
    enlarge = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
    return [enlarge, nn.ReLU(inplace=True), *_conv(outputs, outputs)]


class ConvAutoencoder(nn.Sequential):
    """Three poolings down, a narrow middle, three transposed convolutions up; 915,009 parameters.

    Maps images (N, 1, S, S) in [0, 1] to reconstructions of the same shape and range; S is a multiple of 8.
    """

    def __init__(self) -> None:
        super().__init__(
            *_encode(1, 32),
            *_encode(32, 64),
            *_encode(64, 128),
            *_conv(128, 256),
            *_conv(256, 128, kernel=1),
            *_decode(128, 128),
            *_decode(128, 64),
            *_decode(64, 32),
            nn.Conv2d(32, 1, 1),
            nn.Sigmoid(),
        )


def seeded_autoencoder(seed: int) -> ConvAutoencoder:
    """A network with PyTorch's default initial weights; the global random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ConvAutoencoder()

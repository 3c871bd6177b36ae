"""The network: a small U-Net that marks thin lines, and beside them the cavity and the inner cell mass."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 2
"""Pixels of a view per pixel of the maps, each way."""
MAPS = ("string", "cavity", "mass")
"""What the network's maps show, in their order."""
REACHES = (17, 41, 81)
"""px: the neighbourhoods in which contrast is evened out. A narrow one brings out hair-thin strings, a wide
one leaves broad bands and soft edges as they are."""
CHANNELS = len(REACHES) + 1
_GROUPS = 4
_DIRECTIONS = 8
_FLOOR = 1.0  # grey levels of noise, which is not blown up to contrast
_MOST = 4.0  # standard deviations


def normalise(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey planes as the network sees them, whatever the gain and the exposure of the instrument.

    Args:
        planes: (N, S, S) grey.

    Returns:
        (N, CHANNELS, S, S): for each of `REACHES` every pixel's deviation from the mean of its surroundings
        in units of their standard deviation; last, the same with the whole plane for surroundings. All from
        -4 to 4.
    """
    seen = np.empty((len(planes), CHANNELS, *planes.shape[1:]), np.float32)
    for plane, channels in zip(planes.astype(np.float32), seen, strict=True):
        centred = plane - plane.mean(dtype=np.float64).astype(np.float32)
        squared = centred**2
        for channel, reach in zip(channels, REACHES, strict=False):
            mean, square = (
                cv2.blur(values, (reach, reach), borderType=cv2.BORDER_REPLICATE)
                for values in (centred, squared)
            )
            channel[:] = (centred - mean) / np.sqrt(np.maximum(square - mean**2, 0) + _FLOOR**2)
        channels[-1] = centred / np.sqrt(squared.mean(dtype=np.float64) + _FLOOR**2)
    return seen.clip(-_MOST, _MOST, out=seen)


def _block(
    inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    pad = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, pad, dilation, bias=False),
        nn.GroupNorm(_GROUPS, outputs),
        nn.ReLU(inplace=True),
    )


class LineFilters(nn.Module):
    """Convolutions that begin as filters for bright and dark lines in all directions, and learn from there.

    Second derivatives of Gaussians across each direction, smoothed along it: the matched filter of a thin
    line. Random kernels would take most of a short training to become that.

    Args:
        sigmas: of the Gaussians, in pixels of what the filters are given.
        stride: of the convolution.
    """

    def __init__(self, inputs: int, sigmas: tuple[float, ...], stride: int) -> None:
        super().__init__()
        reach = 5
        answers = len(sigmas) * _DIRECTIONS
        self.convolution = nn.Conv2d(inputs, answers, 2 * reach + 1, stride, reach, bias=False)
        y, x = torch.meshgrid(*(torch.arange(-reach, reach + 1.0),) * 2, indexing="ij")
        kernels = []
        for sigma in sigmas:
            for turn in torch.arange(_DIRECTIONS) * (math.pi / _DIRECTIONS):
                along, across = x * turn.cos() + y * turn.sin(), y * turn.cos() - x * turn.sin()
                bell = torch.exp(-((across / sigma) ** 2 + (along / 3) ** 2) / 2)
                kernel = (1 - (across / sigma) ** 2) * bell
                kernel -= kernel.mean()
                kernels.append(kernel / kernel.norm())
        with torch.no_grad():
            self.convolution.weight.zero_()
            self.convolution.weight[:, 0] = torch.stack(kernels) / 2
            self.convolution.weight[:, 1] = torch.stack(kernels) / 2

    def forward(self, planes: Tensor) -> Tensor:
        """Answers to bright lines, then to dark ones, each at least 0."""
        answers = self.convolution(planes)
        return torch.cat([answers, -answers], dim=1).relu()


class MarkNet(nn.Module):
    """Maps normalised planes (N, CHANNELS, S, S) to logits (N, len(MAPS), S / 2, S / 2).

    S is a multiple of 8. Lines are looked for at three widths, the widest on planes of half the size. The
    dilated convolutions at an eighth of the resolution see all of the embryo.

    Args:
        width: channels at the finest level; two and three times as many further down.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        middle, low = 2 * width, 3 * width
        self.thin = LineFilters(CHANNELS, (1.0, 1.8), STRIDE)
        self.broad = LineFilters(CHANNELS, (1.6,), 1)  # 3.2 px of the view
        self.stem = _block(6 * _DIRECTIONS, width, kernel=1)
        self.fine = _block(width, width)
        self.medium = nn.Sequential(_block(width, middle, stride=2), _block(middle, middle))
        self.coarse = nn.Sequential(
            _block(middle, low, stride=2), *(_block(low, low, dilation=dilation) for dilation in (2, 4, 8))
        )
        self.up_medium = _block(low + middle, middle)
        self.up_fine = _block(middle + width, width)
        self.head = nn.Conv2d(width, len(MAPS), 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Logits (N, len(MAPS), S / 2, S / 2)."""
        lines = torch.cat([self.thin(planes), self.broad(F.avg_pool2d(planes, STRIDE))], dim=1)
        fine = self.fine(self.stem(lines))
        medium = self.medium(fine)
        coarse = self.coarse(medium)
        medium = self.up_medium(torch.cat([_twice(coarse), medium], dim=1))
        fine = self.up_fine(torch.cat([_twice(medium), fine], dim=1))
        return self.head(fine)


def _twice(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="nearest")


def exact_convolutions() -> AbstractContextManager[None]:
    """On a GPU: the same figures every time, in full float32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def fast_arithmetic(device: torch.device) -> AbstractContextManager[None]:
    """For training on a CPU that multiplies bfloat16: two thirds of the time. Elsewhere nothing changes."""
    fits = device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=fits)


def seeded_network(width: int, seed: int) -> MarkNet:
    """A network with PyTorch's initial weights, but for a head that marks little; leaves the global seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MarkNet(width)
    bias = network.get_parameter("head.bias")
    with torch.no_grad():
        bias.zero_()
        bias[0] = -4.0
    return network

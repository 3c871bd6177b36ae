"""The network: a small U-Net that marks thin lines."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 2
"""Pixels of a view per pixel of the map, each way."""
_GROUPS = 4
_DIRECTIONS = 8
_LOCAL = 17  # px: the neighbourhood in which contrast is evened out, several times the width of a string
_FLOOR = 1.0  # grey levels of noise, which is not blown up to contrast


def normalise(planes: Tensor) -> Tensor:
    """Grey planes as the network sees them, whatever the gain and the exposure of the instrument.

    Args:
        planes: (N, 1, S, S) float, grey levels 0 to 255.

    Returns:
        (N, 2, S, S): in the first channel each pixel's deviation from the mean of its surroundings in units
        of their standard deviation, in the second one the same with the whole plane for surroundings; both
        from -4 to 4.
    """

    def mean(values: Tensor) -> Tensor:
        reach = _LOCAL // 2
        padded = F.pad(values, (reach,) * 4, mode="replicate")
        return F.avg_pool2d(F.avg_pool2d(padded, (_LOCAL, 1), 1), (1, _LOCAL), 1)

    centred = planes - planes.mean(dim=(2, 3), keepdim=True)
    local_mean = mean(centred)
    variance = (mean(centred**2) - local_mean**2).clamp(min=0)
    local = (centred - local_mean) / (variance + _FLOOR**2).sqrt()
    whole = centred / (centred.var(dim=(2, 3), keepdim=True, correction=0) + _FLOOR**2).sqrt()
    return torch.cat([local, whole], dim=1).clamp(-4, 4)


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
    """

    def __init__(self, inputs: int, directions: int) -> None:
        super().__init__()
        reach = 5
        self.convolution = nn.Conv2d(inputs, 2 * directions, 2 * reach + 1, STRIDE, reach, bias=False)
        y, x = torch.meshgrid(*(torch.arange(-reach, reach + 1.0),) * 2, indexing="ij")
        kernels = []
        for sigma in (1.0, 1.8):
            for turn in torch.arange(directions) * (math.pi / directions):
                along, across = x * turn.cos() + y * turn.sin(), y * turn.cos() - x * turn.sin()
                bell = torch.exp(-((across / sigma) ** 2 + (along / 3) ** 2) / 2)
                kernel = (1 - (across / sigma) ** 2) * bell
                kernel -= kernel.mean()
                kernels.append(kernel / kernel.norm())
        with torch.no_grad():
            self.convolution.weight.zero_()
            self.convolution.weight[:, 0] = torch.stack(kernels)

    def forward(self, planes: Tensor) -> Tensor:
        """Answers to bright lines, then to dark ones, each at least 0."""
        answers = self.convolution(planes)
        return torch.cat([answers, -answers], dim=1).relu()


class MarkNet(nn.Module):
    """Maps normalised planes (N, 2, S, S) to logits (N, 1, S / 2, S / 2) that a string runs there.

    S is a multiple of 8. The dilated convolutions at an eighth of the resolution see about 150 px around.

    Args:
        width: channels at the finest level; two and three times as many further down.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        middle, low = 2 * width, 3 * width
        self.stem = nn.Sequential(LineFilters(2, _DIRECTIONS), _block(4 * _DIRECTIONS, width, kernel=1))
        self.fine = _block(width, width)
        self.medium = nn.Sequential(_block(width, middle, stride=2), _block(middle, middle))
        self.coarse = nn.Sequential(
            _block(middle, low, stride=2), _block(low, low, dilation=2), _block(low, low, dilation=4)
        )
        self.up_medium = _block(low + middle, middle)
        self.up_fine = _block(middle + width, width)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, planes: Tensor) -> Tensor:
        """Logits (N, 1, S / 2, S / 2)."""
        fine = self.fine(self.stem(planes))
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


def seeded_network(width: int, seed: int) -> MarkNet:
    """A network with PyTorch's initial weights, but for a head that marks little; leaves the global seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MarkNet(width)
    nn.init.constant_(network.head.bias, -4.0)
    return network

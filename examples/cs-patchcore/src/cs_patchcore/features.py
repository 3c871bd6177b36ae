"""Patches of a frame as vectors: feature maps of a timm network, smoothed and joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_data_config
from torch import Tensor, nn
from torch.nn import functional as F

from cs_framework import Env, Frame, SetupError
from cs_patchcore.settings import Settings


class PatchFeatures:
    """Describes the patches of frames.

    Args:
        settings: which network, which of its feature maps.
        env: the device, and the seed of random weights.

    Raises:
        SetupError: there is no such network or feature map, or the weights cannot be had.
    """

    def __init__(self, settings: Settings, env: Env) -> None:
        self._size = settings.image_size
        self._device = torch.device(env.device)
        self._network = _network(settings, env.seed).to(self._device)
        self._channels = self._network.feature_info.channels()
        config = resolve_data_config(model=self._network)
        self._mean, self._std = (
            torch.tensor(config[key], device=self._device)[:, None, None] for key in ("mean", "std")
        )
        try:
            features = self._describe(torch.zeros(1, 3, self._size, self._size, device=self._device))
        except Exception as error:
            raise SetupError(
                f"patchcore: {settings.model} does not take images of {self._size} pixels ({error}); "
                "change image_size"
            ) from error
        self.grid: tuple[int, int] = (features.shape[1], features.shape[2])
        """Rows and columns of patches."""
        self.dim: int = features.shape[3]

    def __call__(self, frames: Sequence[Frame]) -> Tensor:
        """(N, rows, columns, dim) float32, on the CPU."""
        return self._describe(torch.stack([self._image(frame) for frame in frames])).cpu()

    def _image(self, frame: Frame) -> Tensor:
        pixels = torch.from_numpy(frame.image.copy()).to(self._device).permute(2, 0, 1)[None].float() / 255
        shape = (self._size, self._size)
        return F.interpolate(pixels, shape, mode="bilinear", antialias=True, align_corners=False)[0]

    @torch.inference_mode()
    def _describe(self, images: Tensor) -> Tensor:
        levels: list[Tensor] = []
        for features, channels in zip(
            self._network((images - self._mean) / self._std), self._channels, strict=True
        ):
            last = features.shape[1] != channels  # some transformers put the channels last
            level = features.permute(0, 3, 1, 2) if last else features
            level = F.avg_pool2d(level, 3, stride=1, padding=1, count_include_pad=False)
            levels.append(F.interpolate(level, (levels or [level])[0].shape[2:], mode="bilinear"))
        return torch.cat(levels, dim=1).permute(0, 2, 3, 1)


def _network(settings: Settings, seed: int) -> Any:
    """The network, ready to describe images; the global random state stays as it is."""
    name, source = settings.model, {}
    if settings.weights is not None:
        path = Path(settings.weights)
        if path.is_file():
            source = {"pretrained": True, "pretrained_cfg_overlay": {"file": str(path)}}
        elif path.exists() or path.is_absolute():
            raise SetupError(f"patchcore: {path} is no file with weights")
        else:
            name, source = f"hf-hub:{settings.weights}", {"pretrained": True}
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        try:
            network: nn.Module = timm.create_model(
                name, features_only=True, out_indices=settings.levels, **source
            )
        except Exception as error:  # whatever timm and the hub raise
            raise SetupError(
                f"patchcore: timm gives no network for model = {settings.model!r}, weights = "
                f"{settings.weights!r}, levels = {list(settings.levels)}: {error}. Without weights, random "
                "ones are used"
            ) from error
    return network.eval().requires_grad_(False)

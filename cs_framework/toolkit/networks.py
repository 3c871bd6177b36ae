"""What components that learn a torch network would each write again: exact figures, mirror images, files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from cs_framework.errors import SetupError

_MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
"""Axes along which images are flipped: not at all, across, upside down, both."""


def exact_convolutions() -> AbstractContextManager[None]:
    """Within a ``with`` block, convolutions on a GPU give the same figures every time, in full float32."""
    flags: Callable[..., AbstractContextManager[None]] = torch.backends.cudnn.flags
    return flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def over_mirrors(maps: Callable[[Tensor], Tensor], images: Tensor, *, flips: bool = True) -> Tensor:
    """The mean of the maps of images and of their mirror images, each flipped back.

    Args:
        maps: makes maps (N, ..., H', W') of images (N, ..., H, W).
        images: their last two axes are height and width.
        flips: whether to look at the three mirror images at all; without, these are the maps of the images.
    """
    if not flips:
        return maps(images)
    return torch.stack([maps(images.flip(axes)).flip(axes) for axes in _MIRRORS]).mean(dim=0)


def save_learnt(folder: Path, name: str, tensors: Mapping[str, Tensor], made_with: Mapping[str, Any]) -> None:
    """Write what a component has learnt to ``NAME.safetensors`` and ``NAME.json`` in a folder.

    Args:
        folder: as `save` is given it; made if need be.
        name: of the component.
        tensors: such as ``network.state_dict()``.
        made_with: the settings, as JSON says them, under which alone the tensors mean the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.cpu().contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors"
    )
    text = json.dumps(dict(made_with), indent=2) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def load_learnt(folder: Path, name: str, made_with: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read what `save_learnt` wrote.

    Args:
        folder: as `load` is given it.
        name: of the component.
        made_with: what has to be the same as when it was written; other keys are not looked at.

    Raises:
        SetupError: a file is missing or damaged, or was written under other settings.
    """
    try:
        meta = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        tensors: dict[str, Tensor] = load_file(folder / f"{name}.safetensors")
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        raise SetupError(f"{folder} holds no readable {name}, train it again: {error}") from error
    written = {key: meta.get(key) for key in made_with} if isinstance(meta, dict) else meta
    if written != made_with:
        raise SetupError(
            f"{folder / f'{name}.json'} was written for {written}, but the settings ask for "
            f"{dict(made_with)}: change the settings, or train again"
        )
    return tensors

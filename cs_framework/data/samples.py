"""What decoders hand over: samples as stored, and the one rule that makes 8-bit RGB of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import UInt8

MAX_PIXELS = 64_000_000
"""Width times height of the largest frame that is read; larger ones are refused by their header."""
MAX_FRAMES = 1_000_000
"""Frames of one file; a file that declares more is refused."""

Version = tuple[Path, int, int]
"""A file as it is now: path, size, time of modification."""
MAX_HOURS = 1e6
"""Times beyond a century are a mistake of whoever stated them."""


class UnreadableError(Exception):
    """Why a frame cannot be read, still without its name."""


@frozen(eq=False)
class Samples:
    """What a frame holds, decoded but not yet scaled to 8 bits."""

    values: NDArray[Any]
    """uint8 or uint16, (H, W) for grey or (H, W, 3) for RGB."""
    bits: int
    """Depth: values reach from 0 to ``2**bits - 1``."""
    white_is_zero: bool = False


def _plausible(hours: float | None) -> float | None:
    return hours if hours is not None and abs(hours) < MAX_HOURS else None


@frozen
class Shot:
    """One frame of a file, as the file's header tells of it."""

    hours: float | None = field(default=None, converter=_plausible)
    """Time since the first frame, where the file says so; None where that cannot be."""
    image: str = ""
    """Which image of a file that holds several, such as the positions of an OME-TIFF."""
    planes: int = 1
    """Number of z planes."""
    channels: int = 1
    """Number of channels; the first one is read."""


@frozen
class Shots:
    """What the header of a file tells of its frames."""

    frames: Sequence[Shot]
    notes: Sequence[str] = ()
    """What of the file was left out, without its name."""
    listed: bool = True
    """Whether it could be read at all; else that is to be tried again, and no frame of it is read."""


def check_size(width: int, height: int) -> None:
    """Refuse absurd sizes.

    Raises:
        UnreadableError: more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"{width} x {height} pixels; at most {MAX_PIXELS // 10**6} million are read")


def to_rgb(samples: Samples) -> UInt8:
    """Scale samples to 8 bits and give grey ones three equal channels: uint8, (H, W, 3)."""
    values: UInt8 = samples.values
    if samples.bits != 8 or values.dtype != np.uint8:
        values = eight_bits(samples.bits)[values]
    if samples.white_is_zero:
        values = 255 - values
    if values.ndim == 2:
        return np.repeat(values[..., None], 3, axis=2)
    return np.ascontiguousarray(values)


@lru_cache
def eight_bits(bits: int) -> UInt8:
    """``v * 255 / (2**bits - 1)``, rounded, as a table in exact integers; no value is ever halfway."""
    largest = (1 << bits) - 1
    return ((np.arange(largest + 1) * 255 + largest // 2) // largest).astype(np.uint8)


def colours(values: NDArray[Any]) -> NDArray[Any]:
    """Drop alpha: (H, W) or (H, W, C) to (H, W) for grey or (H, W, 3) for RGB."""
    if values.ndim == 2:
        return values
    return values[..., :3] if values.shape[2] > 2 else values[..., 0]


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn by an Exif orientation, 1 to 8; anything else leaves the image as it is."""
    if orientation in {5, 6, 7, 8}:
        values = values.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    return values

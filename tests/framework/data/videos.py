"""Small videos for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

RNG = np.random.default_rng(3)


def moving(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Grey frames (H, W) that all differ."""
    base = RNG.integers(0, 256, size, dtype=np.uint8)
    return [np.roll(base, number, axis=1) for number in range(count)]


def write_video(
    path: Path, frames: Sequence[np.ndarray], codec: str = "libx264rgb", pixels: str = "rgb24", **options: str
) -> Path:
    """Write grey frames; the default codec loses nothing."""
    options = options or {"qp": "0", "g": "12"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path

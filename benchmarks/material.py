"""What is timed on: frames, boxes, and a DINOv3 of the released size with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cs_framework import Env, Frame
from cs_framework.data import open_source
from cs_framework.recipe.schema import DataSettings
from cs_framework.synthetic import render_embryo

SIZE = 320


def load_frames(folder: Path | None, count: int) -> list[Frame]:
    """Frames of a folder, evenly spaced over it, or synthetic ones of 320 px."""
    if folder is not None:
        source = open_source(folder, DataSettings())
        refs = source.refs[:: max(1, len(source.refs) // count)][:count]
        return [source.read(ref) for ref in refs]
    images = [frame.image for embryo in range(-(-count // 8)) for frame in render_embryo(1, embryo, 8, SIZE)]
    return [Frame(np.dstack([image] * 3), f"{n}.png") for n, image in enumerate(images[:count])]


def bench_env() -> Env:
    """The GPU where there is one, and the threads of this run."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Env(device=device, threads=torch.get_num_threads())


def draw_boxes(frame: Frame, count: int, seed: int = 0) -> np.ndarray:
    """(N, 4) boxes of the sizes that proposers give: 5 to 60 % of the frame on a side."""
    rng = np.random.default_rng(seed)
    height, width = frame.size
    w, h = rng.uniform(0.05, 0.6, (2, count)) * [[width], [height]]
    x, y = rng.random((2, count)) * [width - w, height - h]
    return np.stack([x, y, x + w, y + h], axis=1).astype(np.float32)


def save_random_dinov3(folder: Path) -> Path:
    """A ViT-B/16 with the shape of the released DINOv3 and random weights."""
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    torch.manual_seed(0)
    config = DINOv3ViTConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        num_register_tokens=4,
    )
    DINOv3ViTModel(config).save_pretrained(folder)
    return folder

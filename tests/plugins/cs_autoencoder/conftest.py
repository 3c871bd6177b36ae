from __future__ import annotations

import cv2
import numpy as np
import pytest

from cs_framework import Frame, Window


@pytest.fixture
def make_frame():
    """A coloured frame, smooth on the left and textured on the right."""

    def make(size=(64, 64), seed=0):
        width = size[1]
        rng = np.random.default_rng(seed)
        coarse = cv2.GaussianBlur(rng.normal(size=size), (0, 0), max(width / 8, 1))
        fine = cv2.GaussianBlur(rng.normal(size=size), (0, 0), 1) * np.linspace(0, 1, width) ** 2
        grey = 120 + 300 * coarse + 150 * fine
        image = np.clip(grey[..., None] + [10, 0, -10], 0, 255).astype(np.uint8)
        return Frame(image, id=f"frame{seed}.png")

    return make


class LabelledWindows:
    """Windows over frames in memory, counting how often each is decoded."""

    def __init__(self, frames, labels):
        self.frames = list(frames)
        self.labels = np.array(labels, np.int8)
        self.sequences = [""] * len(self.frames)
        self.decoded = [0] * len(self.frames)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, index):
        self.decoded[index] += 1
        return Window((self.frames[index],))

    def __iter__(self):
        return (self[index] for index in range(len(self)))


@pytest.fixture
def make_windows(make_frame):
    """Windows with the given labels, their frames numbered on from `first`."""

    def make(labels, first=0, size=(40, 44)):
        return LabelledWindows([make_frame(size, first + n) for n in range(len(labels))], labels)

    return make

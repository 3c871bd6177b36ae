from __future__ import annotations

import cv2
import numpy as np
import pytest

from cs_framework import Env, Frame
from cs_framework.testing import SampleWindows
from cs_implant_net.filter import ImplantNet
from cs_implant_net.settings import Settings

QUICK = Settings(image_size=32, width=4, epochs=2, views=6, batch_size=3)


@pytest.fixture
def make_frame():
    """A soft grey frame with an embryo in the middle."""

    def make(seed=0, size=(72, 80), circle=(0.5, 0.5, 0.4), sequence="e"):
        rng = np.random.default_rng(seed)
        coarse = cv2.GaussianBlur(rng.normal(size=size), (0, 0), 6)
        grey = 110 + 90 * coarse + rng.normal(0, 1.5, size)
        image = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
        return Frame(image, f"frame{seed}.png", sequence, seed, circle)

    return make


@pytest.fixture
def make_windows(make_frame):
    """Windows with the given labels; their frames are numbered on from `first`, their sequences named."""

    def make(labels, first=0, sequences="eeeeeeeeeeee"):
        frames = [make_frame(first + n, sequence=sequences[n]) for n in range(len(labels))]
        return SampleWindows(frames, 0, np.array(labels, np.int8))

    return make


@pytest.fixture
def fitted(make_windows):
    """A factory of filters fitted for two short epochs."""

    def make(settings=QUICK, seed=42):
        component = ImplantNet(settings, Env(seed=seed))
        component.fit(make_windows([0] * 4), make_windows([0, 0], first=10), Env(seed=seed))
        return component

    return make

"""Runs over thousands of tiny frames, as processes of their own that can be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from tests.support.frames import TOY_PLUGIN, write_recipe, write_root

CS_RUN = Path(sys.executable).with_name("cs-run")


def write_frames(folder: Path, count: int, side: int = 32) -> Path:
    """Grey noise, every third frame with a bright streak."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for i in range(count):
        image = rng.integers(80, 120, (side, side)).astype(np.uint8)
        if i % 3 == 0:
            image[side // 2 : side // 2 + 8, side // 4 : side // 4 + 14] = 230
        cv2.imwrite(str(folder / f"f{i:05d}.png"), image)
    return folder


def train_toy(folder: Path) -> Path:
    """A bundle of the toy components."""
    root = write_root(folder / "data", splits=("train", "val"))
    run(write_recipe(folder / "toy.toml", root), "train", "--no-cache", "--out", folder / "trained")
    return folder / "trained" / "model"


def detect_recipe(path: Path, bundle: Path, frames: Path, **settings: object) -> Path:
    """A recipe that looks at `frames`; `settings` are those of the toy filter."""
    values = ", ".join(f"{key} = {value!r}".replace("'", '"') for key, value in settings.items())
    path.write_text(
        f"""
name = "long"
steps = ["detect"]
plugins = ["{TOY_PLUGIN}"]
[model]
bundle = "{bundle}"
[pipeline]
threads = 1
[detect]
input = "{frames}"
[outputs]
overlays = 3
"""
    )
    assert not values
    return path


def start(*arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """``cs-run`` as a process of its own, in a process group of its own."""
    command = [*prefix, str(CS_RUN), *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def run(*arguments: object, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
    """The exit code of ``cs-run`` and what it said."""
    process = start(*arguments, prefix=prefix)
    _, said = process.communicate(timeout=300)
    return process.returncode, said

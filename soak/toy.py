"""A run of toy components over any number of small generated frames, shared by the trials."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.frames import write_recipe, write_root
from tests.support.long_runs import detect_recipe, write_frames

CS_RUN = Path(sys.executable).with_name("cs-run")


def prepare(folder: Path, frames: int, **filter_settings: object) -> Path:
    """Write frames, train toy components, and return a recipe that looks at the frames."""
    write_frames(folder / "frames", frames)
    root = write_root(folder / "data", splits=("train", "val"))
    recipe = write_recipe(folder / "toy.toml", root)
    trained = folder / "trained"
    subprocess.run([CS_RUN, recipe, "train", "--no-cache", "--out", trained], check=True, capture_output=True)
    return detect_recipe(folder, trained / "model", folder / "frames", **filter_settings)


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """``cs-run``, silent, in a process of its own."""
    return subprocess.Popen([CS_RUN, *map(str, arguments)], stderr=subprocess.DEVNULL)

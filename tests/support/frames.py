"""Small data roots for tests: grey noise, and a bright streak where there is a string."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

TOY_PLUGIN = Path(__file__).parent / "toy_plugin.py"
SIZE = (64, 80)
STREAK = (24, 30, 40, 40)
"""x1, y1, x2, y2 of the streak on every abnormal frame."""


def streak_frame(rng: np.random.Generator, *, string: bool) -> np.ndarray:
    """A grey frame (64, 80), with or without the streak."""
    image = rng.integers(80, 120, SIZE).astype(np.uint8)
    if string:
        x1, y1, x2, y2 = STREAK
        image[y1:y2, x1:x2] = 230
    return image


def write_root(
    root: Path, *, splits: tuple[str, ...] = ("train", "val", "test"), embryos: int = 2, frames: int = 3
) -> Path:
    """A data root: per split `embryos` embryos with `frames` frames of each class, and boxes."""
    rng = np.random.default_rng(5)
    height, width = SIZE
    x1, y1, x2, y2 = STREAK
    line = f"0 {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height}\n"
    for split in splits:
        for label in ("normal", "abnormal"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for embryo in range(embryos):
                for frame in range(frames):
                    stem = f"{split}{embryo}_{frame + frames * (label == 'abnormal')}"
                    cv2.imwrite(str(folder / f"{stem}.png"), streak_frame(rng, string=label == "abnormal"))
                    if label == "abnormal":
                        labels = root / "labels" / split
                        labels.mkdir(parents=True, exist_ok=True)
                        (labels / f"{stem}.txt").write_text(line)
    return root


def write_recipe(path: Path, root: Path, **tables: str) -> Path:
    """A recipe of toy components; `tables` are further lines, by table name."""
    path.write_text(
        f"""
name = "toy"
plugins = ["{TOY_PLUGIN}"]
[data]
root = "{root}"
group_pattern = '(?P<group>.+)_'
{tables.get("data", "")}
[anomaly_filter]
use = "brightness"
{tables.get("anomaly_filter", "")}
[[proposer]]
use = "grid"
[embedder]
use = "box-statistics"
[scorer]
use = "mean"
[training]
{tables.get("training", "")}
[pipeline]
threads = 1
{tables.get("pipeline", "")}
[evaluate]
resamples = 100
[detect]
{tables.get("detect", "")}
[outputs]
{tables.get("outputs", "")}
"""
    )
    return path

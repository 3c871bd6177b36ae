"""Writes synthetic embryos as a data root, laid out like a laboratory's."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32
from cs_framework.api.boxes import to_yolo
from cs_framework.errors import DataError
from cs_framework.files import whole_folder
from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic.frames import render

SPLITS = ("train", "val", "test", "train", "train")
"""Splits of five consecutive embryos."""
COLUMNS = ("path", "label", "has_box", "group", "frame_no", "hours", "size_px")


def write_synthetic(root: Path, settings: SyntheticSettings) -> None:
    """Write a data root of synthetic embryos: frames, YOLO labels, masks and `index.csv`.

    Same settings, same bytes; an embryo does not change when more are made. The root appears whole or not
    at all.

    Args:
        root: folder to make; it may exist, but only empty.
        settings: how many embryos and frames, how large; frames are up to 8 % smaller or larger than
            `settings.size`, the same for all frames of an embryo; which version of the generator draws them.

    Raises:
        DataError: `root` exists and is not an empty folder.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise DataError(
            f"{root} is not empty; give a new folder for the synthetic embryos, or remove it first"
        )
    with whole_folder(root) as folder:
        rows = [row for embryo in range(settings.embryos) for row in _write_embryo(folder, settings, embryo)]
        with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def frame_size(settings: SyntheticSettings, embryo: int) -> int:
    """Side in pixels of an embryo's frames.

    Every other five embryos mirror the sizes of the five before, so that the embryos without strings, one of
    each five, are neither the large nor the small ones.
    """
    cycle, place = divmod(embryo, 5)
    deviation = np.random.default_rng((settings.seed, place, 5)).uniform(-0.08, 0.08)
    return round(settings.size * (1 - deviation if cycle % 2 else 1 + deviation))


def _write_embryo(root: Path, settings: SyntheticSettings, embryo: int) -> list[tuple[str | int, ...]]:
    """Write the frames of an embryo; its rows of the index."""
    split, group, size = SPLITS[embryo % len(SPLITS)], f"embryo{embryo:03d}", frame_size(settings, embryo)
    folders = {kind: root / kind / split for kind in ("labels", "masks")}
    folders |= {label: root / split / label for label in ("normal", "abnormal")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str | int, ...]] = []
    for number, frame in enumerate(render(settings, embryo, size)):
        stem, abnormal = f"{group}_{number:03d}", len(frame.boxes) > 0
        path = folders["abnormal" if abnormal else "normal"] / f"{stem}.png"
        _write_png(path, frame.image)
        if abnormal:
            _write_png(folders["masks"] / f"{stem}.png", frame.mask.astype(np.uint8) * 255)
            (folders["labels"] / f"{stem}.txt").write_text(_yolo(frame.boxes, size), encoding="utf-8")
        place = path.relative_to(root).as_posix()
        rows.append((place, int(abnormal), int(abnormal), group, number, f"{frame.hours:.2f}", size))
    return rows


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    encoded = cv2.imencode(".png", image)[1]
    path.write_bytes(encoded.tobytes())


def _yolo(boxes: Float32, size: int) -> str:
    """Lines `class cx cy w h` in shares of the frame."""
    return "".join(
        f"0 {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n" for x, y, w, h in to_yolo(boxes, (size, size)).tolist()
    )

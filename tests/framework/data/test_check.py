from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from cs_framework import Env
from cs_framework.data.check import Findings, SplitCounts, check
from cs_framework.recipe.schema import DataSettings


def write(root: Path, *names: str, size: tuple[int, int] = (8, 6), mode: str = "L") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        seed = sum(map(ord, name))
        noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0]), dtype=np.uint8)
        Image.fromarray(noise).convert(mode).save(root / name)


def label(root: Path, name: str, text: str) -> None:
    (root / "labels" / name).parent.mkdir(parents=True, exist_ok=True)
    (root / "labels" / name).write_text(text)


def look(root: Path) -> Findings:
    return check(DataSettings(root=root, group_pattern=r"(?P<group>.+)_\d+"), Env())


def test_counts(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "train/normal/b_1.png", "train/abnormal/a_2.png")
    write(tmp_path, "train/abnormal/b_2.png", size=(20, 10), mode="RGB")
    write(tmp_path, "val/normal/c_1.png")
    label(tmp_path, "train/a_2.txt", "0 .5 .5 .1 .1\n0 .2 .2 .1 .1\n")
    findings = look(tmp_path)
    assert findings.splits == {"train": SplitCounts(2, 2, 1, 2, 2), "val": SplitCounts(1, 0, 0, 0, 1)}
    assert findings.depths == {"8-bit grey": 4, "8-bit RGB": 1}
    assert (findings.sizes[0], findings.sizes[-1]) == ((6, 8), (10, 20))
    assert findings.problems == []
    assert findings.notes == ["train: 1 of the abnormal frames have no boxes, such as train/abnormal/b_2.png"]


def test_unreadable_frames_are_noted(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png")
    (tmp_path / "train/normal/a_2.png").write_text("text")
    findings = look(tmp_path)
    assert findings.problems == []
    (note,) = findings.notes
    assert "train/normal/a_2.png: not an image" in note


def test_nothing_readable_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png")
    (tmp_path / "train/normal/a_1.png").write_text("text")
    assert look(tmp_path).problems == ["not one frame can be read"]


def test_leaks(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "val/normal/a_2.png", "test/normal/c_1.png")
    shutil.copy(tmp_path / "train/normal/a_1.png", tmp_path / "test/normal/d_1.png")
    embryo, copy = look(tmp_path).problems
    assert embryo.startswith("one embryo in several splits: a (train, val)")
    assert copy == "identical files in two splits: train/normal/a_1.png = test/normal/d_1.png"


def test_copies_within_a_split(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "train/normal/b_1.png")
    shutil.copy(tmp_path / "train/normal/a_1.png", tmp_path / "train/normal/a_2.png")
    (tmp_path / "train/abnormal").mkdir()
    shutil.copy(tmp_path / "train/normal/b_1.png", tmp_path / "train/abnormal/b_2.png")
    findings = look(tmp_path)
    assert findings.problems == [
        "identical files, one normal and one abnormal: train/normal/b_1.png = train/abnormal/b_2.png"
    ]
    assert "1 frames occur more than once within their split" in findings.notes


def test_frames_that_share_boxes(tmp_path: Path) -> None:
    write(tmp_path, "train/abnormal/a_1.png", "train/abnormal/a_1.bmp")
    write(tmp_path, "train/normal/b_1.png", "train/normal/b_1.bmp")
    label(tmp_path, "train/a_1.txt", "0 .5 .5 .1 .1\n")
    (problem,) = look(tmp_path).problems
    assert problem.startswith(
        "labels/train/a_1.txt: train/abnormal/a_1.bmp, train/abnormal/a_1.png share these boxes"
    )


def test_faults_of_labels_are_problems(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "train/abnormal/a_2.png")
    label(tmp_path, "train/a_2.txt", "0 .5 .5 .1\n")
    (problem,) = look(tmp_path).problems
    assert problem.startswith("labels/train/a_2.txt:1: 4 values")

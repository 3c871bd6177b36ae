from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cs_framework.data import DataSet, FrameRef, LabelledFrame, hold_out, load_dataset
from cs_framework.errors import DataError
from cs_framework.recipe.schema import DataSettings

PATTERN = r"(?P<group>.+)_\d+"
BOX = "0 0.5 0.5 0.2 0.1\n"


def write(root: Path, *names: str) -> None:
    """Images, and label files with one box."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text(BOX)
        else:
            Image.new("L", (8, 8), 9).save(path)


def load(root: Path, **settings: str) -> DataSet:
    return load_dataset(DataSettings(root=root, group_pattern=PATTERN, **settings))


def summary(dataset: DataSet, split: str) -> list[tuple[str, int, int | None]]:
    return [
        (frame.ref.id, frame.label, None if frame.yolo_boxes is None else len(frame.yolo_boxes))
        for frame in dataset.splits[split]
    ]


def test_splits_and_labels(tmp_path: Path) -> None:
    write(
        tmp_path,
        "train/normal/a_1.png",
        "train/abnormal/a_2.v1.png",
        "labels/train/a_2.v1.txt",
        "val/normal/b_1.png",
        "val/abnormal/b_2.png",
    )
    dataset = load(tmp_path)
    assert list(dataset.splits) == ["train", "val"]
    assert summary(dataset, "train") == [
        ("train/normal/a_1.png", 0, None),
        ("train/abnormal/a_2.v1.png", 1, 1),
    ]
    assert summary(dataset, "val") == [("val/normal/b_1.png", 0, None), ("val/abnormal/b_2.png", 1, None)]
    assert dataset.notes == ["val: 1 of the abnormal frames have no boxes, such as val/abnormal/b_2.png"]
    assert dataset.source.read(dataset.splits["train"][0].ref).size == (8, 8)


def test_pattern_over_names_with_dots_is_that_of_the_stem(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a.b_1.png", "train/normal/a.b_2.png")
    assert {frame.ref.sequence for frame in load(tmp_path).splits["train"]} == {"a.b"}


def test_labels_of_subfolders_and_of_pages(tmp_path: Path) -> None:
    write(tmp_path, "train/abnormal/sub/a_1.png", "labels/train/sub/a_1.txt", "labels/train/s_1#2.txt")
    tifffile.imwrite(
        tmp_path / "train/abnormal/s_1.tif", np.zeros((3, 8, 8), np.uint8), photometric="minisblack"
    )
    assert summary(load(tmp_path), "train") == [
        ("train/abnormal/sub/a_1.png", 1, 1),
        ("train/abnormal/s_1.tif#0", 1, None),
        ("train/abnormal/s_1.tif#1", 1, None),
        ("train/abnormal/s_1.tif#2", 1, 1),
    ]


def test_labels_of_linked_folders(tmp_path: Path) -> None:
    write(tmp_path, "away/frames/a_1.png", "away/labels/a_1.txt", "away/labels/gone.txt")
    for place, target in (("train/abnormal/sub", "frames"), ("labels/train/sub", "labels")):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).symlink_to(tmp_path / "away" / target)
    (tmp_path / "labels/train/loop").symlink_to(tmp_path / "labels")
    dataset = load(tmp_path)
    assert summary(dataset, "train") == [("train/abnormal/sub/a_1.png", 1, 1)]
    assert "labels: 1 files belong to no frame, such as labels/train/sub/gone.txt" in dataset.notes


def test_empty_label_file_is_as_good_as_none(tmp_path: Path) -> None:
    write(
        tmp_path,
        "train/normal/a_1.png",
        "train/abnormal/a_2.png",
        "labels/train/a_2.txt",
        "labels/train/a_1.txt",
    )
    (tmp_path / "labels/train/a_1.txt").write_text("")
    (tmp_path / "labels/train/a_2.txt").write_text("\n")
    dataset = load(tmp_path)
    assert summary(dataset, "train")[1] == ("train/abnormal/a_2.png", 1, None)
    assert any("no boxes" in note for note in dataset.notes)


def test_notes(tmp_path: Path) -> None:
    write(
        tmp_path,
        "train/abnormal/a_1.png",
        "labels/train/a_1.txt",
        "labels/val/gone.txt",
        "labels/classes.txt",
    )
    write(tmp_path, "labels/train/classes.txt")
    (tmp_path / "labels/train/a_1.txt").write_text("0 0.95 0.5 0.2 0.1\n")
    assert load(tmp_path).notes == [
        "labels: 1 boxes reach over the border of their frame and are cut there, "
        "such as in labels/train/a_1.txt",
        "labels: 1 files belong to no frame, such as labels/val/gone.txt",
        "train/normal holds no frames, so an anomaly filter cannot be fitted",
    ]


def test_all_problems_at_once(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "train/abnormal/a_2.png", "val/normal/a_3.png")
    write(tmp_path, "labels/train/a_1.txt", "labels/train/a_2.txt")
    (tmp_path / "labels/train/a_2.txt").write_text("0 0.5 0.5 0.2\n\n0 2 2 0.1 0.1\n")
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert (
        "labels/train/a_1.txt: has boxes, although train/normal/a_1.png is among the string-free frames"
        in text
    )
    assert "labels/train/a_2.txt:1: 4 values" in text
    assert "labels/train/a_2.txt:3: the box lies outside" in text
    assert "one embryo in several splits: a (train, val)" in text
    assert 'data.shared_embryos = "allow"' in text


def test_long_lists_of_problems_are_cut(tmp_path: Path) -> None:
    write(tmp_path, "train/abnormal/a_1.png", "labels/train/a_1.txt")
    (tmp_path / "labels/train/a_1.txt").write_text("0 0 0\n" * 50)
    with pytest.raises(DataError, match="and 30 more") as caught:
        load(tmp_path)
    assert str(caught.value).count("3 values") == 20


def test_shared_embryos_can_be_allowed(tmp_path: Path) -> None:
    write(tmp_path, "train/normal/a_1.png", "test/normal/a_2.png")
    dataset = load(tmp_path, shared_embryos="allow")
    assert list(dataset.splits) == ["train", "test"]
    assert dataset.notes == ["data.shared_embryos allows one embryo in several splits: a (train, test)"]


@pytest.mark.parametrize("folder", ["", "images", "gone"])
def test_not_a_data_set(tmp_path: Path, folder: str) -> None:
    write(tmp_path, "images/a_1.png")
    with pytest.raises(DataError, match="not a data set; frames are looked for in"):
        load(tmp_path / folder)


def test_no_root() -> None:
    with pytest.raises(DataError, match=r"data\.root is not set"):
        load_dataset(DataSettings())


def test_no_frames(tmp_path: Path) -> None:
    (tmp_path / "train/normal").mkdir(parents=True)
    with pytest.raises(DataError, match="no frames"):
        load(tmp_path)


embryos = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), max_size=12)


def frames_of(counts: list[tuple[int, int]]) -> list[LabelledFrame]:
    """Embryos with some normal frames and some boxed ones each."""
    box = np.array([[0.5, 0.5, 0.1, 0.1]])
    return [
        LabelledFrame(
            FrameRef(f"e{embryo}_{i}", Path(), sequence=f"e{embryo}", index=i), int(i >= normal), boxes
        )
        for embryo, (normal, boxed) in enumerate(counts)
        for i, boxes in enumerate([None] * normal + [box] * boxed)
    ]


@given(embryos, st.integers(0, 100))
def test_hold_out_parts_embryos(counts: list[tuple[int, int]], seed: int) -> None:
    frames = frames_of(counts)
    annotated = [f"e{i}" for i, (_, boxed) in enumerate(counts) if boxed]
    parts = hold_out(frames, seed)
    if len(annotated) < 2:
        assert parts is None
        return
    assert parts is not None
    train, held_out = ([frame.ref.sequence for frame in part] for part in parts)
    assert len(train) + len(held_out) == len(frames)
    assert not set(train) & set(held_out)
    assert set(held_out) <= set(annotated)
    assert set(train) & set(annotated)
    assert len(set(held_out)) == max(1, round(len(annotated) / 5))
    again = hold_out(frames[::-1], seed)
    assert again is not None
    assert {frame.ref.id for frame in again[1]} == {frame.ref.id for frame in parts[1]}


def test_hold_out_depends_on_the_seed() -> None:
    frames = frames_of([(1, 1)] * 10)
    held = {frozenset(f.ref.sequence for f in parts[1]) for s in range(10) if (parts := hold_out(frames, s))}
    assert len(held) > 1


def test_frames_without_boxes_do_not_make_an_embryo_annotated() -> None:
    frames = [LabelledFrame(FrameRef(f"{i}", Path(), sequence=f"{i}"), 1) for i in range(5)]
    assert hold_out(frames, 0) is None

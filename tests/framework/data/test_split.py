from __future__ import annotations

from itertools import chain
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cs_framework.data import load_dataset
from cs_framework.data.formats.boxed import BoxedFrame
from cs_framework.data.source import open_source
from cs_framework.data.split import _deal, split
from cs_framework.errors import DataError
from cs_framework.recipe.schema import DataSettings

PATTERN = r"(?P<group>.+)_\d+"
LINE = "0 0.5 0.5 0.25 0.25\n"


def frames(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(root / name)
    return root


def labelled(root: Path, embryos: int = 6) -> Path:
    for embryo in range(embryos):
        frames(root, f"normal/e{embryo}_0.png", f"abnormal/e{embryo}_1.png", f"normal/n{embryo}_0.png")
        (root / "labels").mkdir(exist_ok=True)
        (root / f"labels/e{embryo}_1.txt").write_text(LINE)
    return root


def test_a_folder_of_classes_becomes_a_data_root(tmp_path: Path) -> None:
    source = labelled(tmp_path / "in")
    parts = split(source, tmp_path / "out", pattern=PATTERN)
    assert [len(parts[name]) for name in ("train", "val", "test")] == [8, 2, 2]
    assert all(sum(e.startswith("e") for e in embryos) == len(embryos) / 2 for embryos in parts.values())
    dataset = load_dataset(
        DataSettings(root=tmp_path / "out")
    )  # index.csv tells the embryos, no pattern does
    for name, loaded in dataset.splits.items():
        assert {frame.ref.sequence for frame in loaded} == set(parts[name])
        assert all(frame.yolo_boxes is not None for frame in loaded if frame.label)
    assert sum(map(len, dataset.splits.values())) == 18
    assert dataset.notes == []


def test_a_data_root_is_parted_anew_and_the_frames_are_links(tmp_path: Path) -> None:
    first = split(labelled(tmp_path / "in"), tmp_path / "a", pattern=PATTERN)
    second = split(tmp_path / "a", tmp_path / "b", seed=3)
    assert first != second
    assert set(chain(*first.values())) == set(chain(*second.values()))
    here = {path.name: path.stat().st_ino for path in (tmp_path / "a").rglob("*.png")}
    assert here == {path.name: path.stat().st_ino for path in (tmp_path / "b").rglob("*.png")}
    assert len(list((tmp_path / "b/labels").rglob("*.txt"))) == 6


def test_frames_are_copied_where_links_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    split(labelled(tmp_path / "in"), tmp_path / "out", pattern=PATTERN)
    for path in (tmp_path / "out").rglob("*.png"):
        (original,) = (tmp_path / "in").rglob(path.name)
        assert path.read_bytes() == original.read_bytes()
        assert not path.samefile(original)


def test_labels_from_elsewhere(tmp_path: Path) -> None:
    source = frames(tmp_path / "in", *(f"sub/e{i}_{j}.png" for i in range(3) for j in range(3)))
    box = np.array([[2.0, 2, 6, 6]])
    boxed = [
        BoxedFrame(f"sub/e{i}_{j}.png", (8, 8), box if j else np.zeros((0, 4)))
        for i in range(3)
        for j in range(2)
    ]
    split(source, tmp_path / "out", pattern=PATTERN, boxed=boxed)
    dataset = load_dataset(DataSettings(root=tmp_path / "out"))
    for loaded in dataset.splits.values():
        assert [(frame.label, frame.ref.index) for frame in loaded] == [(0, 0), (1, 1)]
        assert loaded[1].boxes((8, 8)) is not None
    with pytest.raises(DataError, match=r"x\.png is not in"):
        split(source, tmp_path / "other", boxed=[BoxedFrame("x.png", (8, 8))])


def stacks(root: Path, index: str) -> Path:
    """Two stacks of four frames, each of an embryo."""
    for place in ("normal/e0.tif", "abnormal/e1.tif"):
        (root / place).parent.mkdir(parents=True)
        tifffile.imwrite(root / place, np.zeros((4, 8, 8), np.uint8), photometric="minisblack")
    (root / "index.csv").write_text(index)
    return root


def times(root: Path) -> set[tuple[str, str, int, float | None]]:
    refs = open_source(root, DataSettings()).refs
    return {(PurePosixPath(ref.id).name, ref.sequence, ref.index, ref.hours) for ref in refs}


def test_frames_of_stacks_keep_what_the_index_says_of_each(tmp_path: Path) -> None:
    rows = [
        f"{place}#{page},{place[-6]}{place[-5]},{9 - page},{4.5 - page}\n"
        for place in ("normal/e0.tif", "abnormal/e1.tif")
        for page in range(4)
    ]
    source = stacks(tmp_path / "in", "path,group,frame_no,hours\n" + "".join(rows))
    split(source, tmp_path / "out")
    assert times(tmp_path / "out") == times(source)
    assert ("e0.tif#0", "e0", 9, 4.5) in times(source)


def test_stacks_that_the_index_names_as_a_whole_have_one_row(tmp_path: Path) -> None:
    source = stacks(tmp_path / "in", "path,group\nnormal/e0.tif,A\nabnormal/e1.tif,B\n")
    split(source, tmp_path / "out")
    assert times(tmp_path / "out") == times(source)
    assert sorted((tmp_path / "out/index.csv").read_text().splitlines()) == [
        "path,group,frame_no,hours",
        "train/abnormal/e1.tif,B,,",
        "train/normal/e0.tif,A,,",
    ]


def test_a_file_of_several_embryos_is_refused(tmp_path: Path) -> None:
    source = stacks(tmp_path / "in", "path,group\nnormal/e0.tif#0,A\nnormal/e0.tif#1,B\nabnormal/e1.tif,C\n")
    with pytest.raises(
        DataError, match=r"normal/e0\.tif shows A, B, normal/e0\.tif: save each embryo as a file of its own"
    ):
        split(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = labelled(tmp_path / "in")
    (tmp_path / "out").mkdir()
    split(source, tmp_path / "out", pattern=PATTERN)
    with pytest.raises(DataError, match="out is not empty"):
        split(source, tmp_path / "out", pattern=PATTERN)


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.5, -0.5, 0), (1.0,)])
def test_wrong_fractions(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="must add up to 1"):
        split(labelled(tmp_path / "in"), tmp_path / "out", fractions=fractions)


def test_neither_classes_nor_labels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither a data root nor a folder with normal/"):
        split(frames(tmp_path / "in", "a_1.png"), tmp_path / "out")


def test_frames_that_would_share_labels(tmp_path: Path) -> None:
    source = frames(tmp_path / "in", "train/normal/a_1.png", "val/abnormal/a_1.jpg")
    with pytest.raises(
        DataError, match=r"share one label file: train/normal/a_1\.png, val/abnormal/a_1\.jpg"
    ):
        split(source, tmp_path / "out", pattern=PATTERN)
    assert not (tmp_path / "out").exists()


shares = st.sampled_from(
    [(0.6, 0.2, 0.2), (0.5, 0.5, 0.0), (1.0, 0.0, 0.0), (0.8, 0.1, 0.1), (0.34, 0.33, 0.33)]
)


@given(st.lists(st.booleans(), max_size=40), shares, st.integers(0, 99))
def test_embryos_of_both_kinds_are_dealt_out_alike(
    kinds: list[bool], fractions: tuple[float, ...], seed: int
) -> None:
    embryos = {f"e{number}": kind for number, kind in enumerate(kinds)}
    wanted = dict(zip(("train", "val", "test"), fractions, strict=True))
    dealt = _deal(embryos, wanted, seed)
    assert dealt.keys() == embryos.keys()
    assert dealt == _deal(dict(reversed(embryos.items())), wanted, seed)
    for kind in (True, False):
        places = [dealt[embryo] for embryo in embryos if embryos[embryo] == kind]
        splits = [name for name, fraction in wanted.items() if fraction]
        assert set(places) <= set(splits)
        if len(places) >= len(splits):
            assert set(places) == set(splits)
        for name in splits:
            assert abs(places.count(name) - wanted[name] * len(places)) <= 2


def test_the_seed_decides() -> None:
    embryos = {f"e{number}": True for number in range(10)}
    wanted = {"train": 0.6, "val": 0.2, "test": 0.2}
    assert len({tuple(_deal(embryos, wanted, seed).items()) for seed in range(5)}) > 1

import csv

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cs_framework.errors import DataError
from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic import write_synthetic
from cs_framework.synthetic.frames import BOX_MARGIN

SPLITS = ("train", "val", "test")


def rows(root):
    with (root / "index.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module", params=[1, 2])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def root(tmp_path_factory, version):
    made = tmp_path_factory.mktemp("synthetic") / "root"
    write_synthetic(made, SyntheticSettings(embryos=3, frames=4, size=96, seed=5, version=version))
    return made


def test_files_of_0_1_0_that_name_no_version_mean_the_first():
    assert SyntheticSettings().version == 1


def test_versions_draw_differently(tmp_path):
    one, other = ({"embryos": 3, "frames": 4, "size": 96, "version": version} for version in (1, 2))
    write_synthetic(tmp_path / "1", SyntheticSettings(**one))
    write_synthetic(tmp_path / "2", SyntheticSettings(**other))
    assert contents(tmp_path / "1") != contents(tmp_path / "2")


def test_same_settings_same_bytes(root, tmp_path, version):
    write_synthetic(tmp_path, SyntheticSettings(embryos=3, frames=4, size=96, seed=5, version=version))
    assert contents(tmp_path) == contents(root)


def test_more_embryos_leave_the_first_ones_as_they_are(root, tmp_path, version):
    write_synthetic(tmp_path, SyntheticSettings(embryos=5, frames=4, size=96, seed=5, version=version))
    more, fewer = contents(tmp_path), contents(root)
    index, first = more.pop("index.csv"), fewer.pop("index.csv")
    assert index.startswith(first)
    assert fewer.items() < more.items()


def test_the_index_lists_what_is_there(root):
    listed = rows(root)
    frames = {path.relative_to(root).as_posix() for split in SPLITS for path in (root / split).rglob("*.png")}
    assert {row["path"] for row in listed} == frames
    assert len(listed) == 12
    for row in listed:
        abnormal = row["path"].split("/")[1] == "abnormal"
        assert row["label"] == row["has_box"] == str(int(abnormal))
        assert row["path"].endswith(f"/{row['group']}_{int(row['frame_no']):03d}.png")
        assert 96 <= float(row["hours"]) <= 126


def test_labels_agree_with_the_masks_to_a_pixel(root, version):
    for row in rows(root):
        split, kind, name = row["path"].split("/")
        label, mask_path = (root / "labels" / split / name).with_suffix(".txt"), root / "masks" / split / name
        assert label.exists() == mask_path.exists() == (kind == "abnormal")
        if kind == "normal":
            continue
        size = int(row["size_px"])
        mask = cv2.imread(str(mask_path), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (size, size)
        assert set(np.unique(mask)) == {0, 255}
        lines = np.loadtxt(label, ndmin=2)
        assert not lines[:, 0].any()
        corners = np.c_[lines[:, 1:3] - lines[:, 3:] / 2, lines[:, 1:3] + lines[:, 3:] / 2] * size
        ys, xs = mask.nonzero()
        united = np.r_[corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)]
        if version == 2:  # its margin goes with the embryo
            assert (united[:2] <= (xs.min(), ys.min())).all()
            assert (united[2:] >= (xs.max() + 1, ys.max() + 1)).all()
            continue
        margin = round(BOX_MARGIN * size)
        bounds = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        expected = np.clip(bounds + margin * np.array([-1, -1, 1, 1]), 0, size)
        np.testing.assert_allclose(united, expected, atol=0.01)


@pytest.mark.parametrize("embryos", [3, 4, 6])
def test_every_split_has_both_classes_and_embryos_of_its_own(embryos, tmp_path, version):
    write_synthetic(tmp_path, SyntheticSettings(embryos=embryos, frames=4, size=96, seed=1, version=version))
    homes: dict[str, set[str]] = {}
    for row in rows(tmp_path):
        homes.setdefault(row["group"], set()).add(row["path"].split("/")[0])
    assert all(len(splits) == 1 for splits in homes.values())
    for split in SPLITS:
        normal, abnormal = (len(list((tmp_path / split / kind).iterdir())) for kind in ("normal", "abnormal"))
        assert normal >= abnormal > 0


def test_training_frames_of_the_first_version_are_mostly_normal(tmp_path):
    write_synthetic(tmp_path, SyntheticSettings(embryos=5, frames=10, size=96, seed=1))
    normal, abnormal = (len(list((tmp_path / "train" / kind).iterdir())) for kind in ("normal", "abnormal"))
    assert normal > 2 * abnormal


def test_the_second_version_judges_on_as_many_frames_with_strings_as_without(tmp_path):
    write_synthetic(tmp_path, SyntheticSettings(embryos=3, frames=6, size=160, seed=1, version=2))
    for split in ("val", "test"):
        assert [len(list((tmp_path / split / kind).iterdir())) for kind in ("normal", "abnormal")] == [3, 3]


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write_synthetic(tmp_path, SyntheticSettings(embryos=3, frames=4, size=96))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("cs_framework.synthetic.dataset._write_embryo", fail)
    with pytest.raises(OSError, match="disk full"):
        write_synthetic(tmp_path / "root", SyntheticSettings(embryos=3, frames=4, size=96))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_nothing_trivial_gives_the_label_away(tmp_path, version):
    settings = SyntheticSettings(
        embryos=15, frames=16, size=128 if version == 1 else 96, seed=7, version=version
    )
    write_synthetic(tmp_path, settings)
    listed = rows(tmp_path)
    images = [cv2.imread(str(tmp_path / row["path"]), cv2.IMREAD_GRAYSCALE) for row in listed]
    abnormal = np.array([row["label"] == "1" for row in listed])
    split = np.array([row["path"].split("/")[0] for row in listed])
    cues = {
        "mean": [image.mean() for image in images],
        "central mean": [image[len(image) // 4 : -len(image) // 4].mean() for image in images],
        "standard deviation": [image.std() for image in images],
        "Laplacian variance": [cv2.Laplacian(image, cv2.CV_64F).var() for image in images],
        "frame size": [len(image) for image in images],
        "time": [float(row["hours"]) for row in listed],
    }
    for name, values in cues.items():
        for members in (np.isin(split, SPLITS), *(split == one for one in SPLITS)):
            area = roc_auc_score(abnormal[members], np.array(values)[members])
            assert max(area, 1 - area) <= 0.65, name

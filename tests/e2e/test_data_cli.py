"""``cs-data`` as a user meets it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import Command


def filled(root: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 6), number).save(root / name)
    return root


def test_synthetic_embryos_are_fit_for_a_run(tmp_path: Path, console: Command) -> None:
    arguments = ("--embryos", 3, "--frames", 4, "--size", 96, "--seed", 1)
    done = console("cs-data", "synth", "out", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "out: 3 embryos of 4 frames\n"
    checked = console("cs-data", "check", "out", cwd=tmp_path)
    assert checked.returncode == 0
    assert checked.stdout.endswith("ready for training\n")
    rows = [line.split() for line in checked.stdout.splitlines()[2:6]]
    assert rows[0][:3] == ["split", "normal", "abnormal"]
    assert [row[0] for row in rows[1:]] == ["train", "val", "test"]
    assert sum(int(row[1]) + int(row[2]) for row in rows[1:]) == 12

    again = console("cs-data", "synth", "out", *arguments, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.startswith("error: out is not empty")


@pytest.mark.parametrize("option", ["--embryos=1", "--size=5000", "--frames=many"])
def test_wrong_settings_of_the_generator(tmp_path: Path, console: Command, option: str) -> None:
    done = console("cs-data", "synth", "out", option, cwd=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for '{option.partition('=')[0]}'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_problems_end_in_exit_code_1(tmp_path: Path, console: Command) -> None:
    root = filled(tmp_path / "data", "train/normal/e_1.png", "val/normal/e_2.png")
    alone = console("cs-data", "check", root, cwd=tmp_path)
    assert alone.returncode == 0
    assert "2 of 2 frames" in alone.stdout
    grouped = console("cs-data", "check", root, "--pattern", r"(?P<group>.+)_\d+", cwd=tmp_path)
    assert grouped.returncode == 1
    assert "one embryo in several splits: e (train, val)" in grouped.stdout
    assert grouped.stdout.endswith("not usable: fix the problems above\n")


def test_no_data_set(tmp_path: Path, console: Command) -> None:
    done = console("cs-data", "check", "gone", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: gone: not a data set")


def test_help_says_what_there_is(tmp_path: Path, console: Command) -> None:
    assert "check" in console("cs-data", "--help", cwd=tmp_path).stdout
    help_text = console("cs-data", "synth", "--help", cwd=tmp_path).stdout
    assert "[default: 16; 3<=x<=100000]" in " ".join(help_text.split())


class TestConvert:
    def boxed(self, folder: Path) -> Path:
        """A data root with one box."""
        root = filled(folder / "data", "train/normal/e_1.png", "train/abnormal/e_2.png")
        (root / "labels/train").mkdir(parents=True)
        (root / "labels/train/e_2.txt").write_text("0 0.5 0.5 0.5 0.5\n")
        return root

    def test_there_and_back(self, tmp_path: Path, console: Command) -> None:
        self.boxed(tmp_path)
        for number, (source, target, *options) in enumerate(
            [
                ("data", "a.coco.json"),
                ("a.coco.json", "b.json", "--to", "label-studio"),
                ("b.json", "c", "--to", "voc"),
                ("c", "d", "--to", "yolo", "--frames", "data"),
            ]
        ):
            # a task of Label Studio without boxes does not tell its size
            more = ["--frames", "data"] if number == 2 else []
            done = console("cs-data", "convert", source, target, *options, *more, cwd=tmp_path)
            assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{target}: 2 frames\n")
        (label,) = (tmp_path / "d").rglob("*.txt")
        assert label.relative_to(tmp_path / "d").as_posix() == "train/e_2.txt"
        assert [float(word) for word in label.read_text().split()] == [0, 0.5, 0.5, 0.5, 0.5]

    def test_what_cannot_be_guessed_and_what_exists(self, tmp_path: Path, console: Command) -> None:
        root = self.boxed(tmp_path)
        unclear = console("cs-data", "convert", "data", "out.json", cwd=tmp_path)
        assert unclear.returncode == 2
        assert "name it with --to" in unclear.stderr
        taken = console("cs-data", "convert", "data", root, "--to", "yolo", cwd=tmp_path)
        assert taken.returncode == 2
        assert "exists; give a new name" in taken.stderr
        (tmp_path / "a.json").write_text("[")
        broken = console("cs-data", "convert", "a.json", "out", "--to", "voc", cwd=tmp_path)
        assert broken.returncode == 2
        assert "error: a.json: not a JSON file" in broken.stderr

    def test_classes_of_yolo_have_no_names(self, tmp_path: Path, console: Command) -> None:
        self.boxed(tmp_path)
        for options in ((), ("--from", "yolo", "--frames", "data")):
            done = console(
                "cs-data", "convert", "data", "a.coco.json", "--class", "s", *options, cwd=tmp_path
            )
            assert done.returncode == 2
            assert "only class 0, a string, is read: leave --class out" in done.stderr


def test_split_chooses_a_class(tmp_path: Path, console: Command) -> None:
    filled(tmp_path / "in", "a.png", "b.png")
    document = {
        "images": [{"id": number, "file_name": f"{name}.png"} for number, name in enumerate("ab")],
        "categories": [{"id": number, "name": name} for number, name in enumerate(("string", "debris"))],
        "annotations": [
            {"image_id": number, "category_id": number, "bbox": [1, 1, 3, 3]} for number in range(2)
        ],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(document))
    arguments = ("cs-data", "split", "in", "out", "--fractions", 1, 0, 0)
    unclear = console(*arguments, "--labels", "boxes.json", cwd=tmp_path)
    assert unclear.returncode == 2
    assert "choose with --class" in unclear.stderr
    done = console(*arguments, "--labels", "boxes.json", "--class", "string", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")} == {
        "train/abnormal/a.png",
        "train/normal/b.png",
    }
    alone = console(*arguments, "--class", "string", cwd=tmp_path)
    assert alone.returncode == 2
    assert "--class chooses among the boxes of --labels" in alone.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("cs-data", "split", "in", "blocker/out"),
        ("cs-data", "convert", "in", "blocker/out", "--to", "yolo"),
        ("cs-data", "synth", "blocker/out", "--embryos", "3", "--frames", "4", "--size", "96"),
        ("cs-data", "split", "in", "link"),
        ("cs-plugins", "new", "cs-demo", "--kind", "scorer", "blocker/out"),
    ],
    ids=lambda command: " ".join(command[:4]),
)
def test_where_nothing_can_be_written(tmp_path: Path, console: Command, command: tuple[str, ...]) -> None:
    filled(tmp_path / "in", "train/normal/a_0.png", "train/abnormal/b_0.png")
    (tmp_path / "blocker").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    done = console(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"error: (blocker|link)\S*: \w[\w ]+\n", done.stderr)


def test_split_makes_a_data_root_that_passes_the_check(tmp_path: Path, console: Command) -> None:
    filled(
        tmp_path / "in", *(f"{kind}/e{i}{kind[0]}_0.png" for kind in ("normal", "abnormal") for i in range(5))
    )
    arguments = ("in", "out", "--pattern", r"(?P<group>.+)_\d+", "--fractions", 0.6, 0.2, 0.2, "--seed", 1)
    done = console("cs-data", "split", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "train: 6 embryos\nval: 2 embryos\ntest: 2 embryos\n"
    assert console("cs-data", "check", "out", cwd=tmp_path).returncode == 0
    again = console("cs-data", "split", *arguments, cwd=tmp_path)
    assert again.returncode == 2
    assert "out is not empty" in again.stderr

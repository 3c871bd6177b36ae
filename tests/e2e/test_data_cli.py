"""``cs-data`` as a user meets it."""

from __future__ import annotations

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
    assert checked.stdout.endswith("fit for a run\n")
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
    assert grouped.stdout.endswith("a run would be spoilt\n")


def test_no_data_set(tmp_path: Path, console: Command) -> None:
    done = console("cs-data", "check", "gone", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: gone: not a data set")


def test_help_says_what_there_is(tmp_path: Path, console: Command) -> None:
    assert "check" in console("cs-data", "--help", cwd=tmp_path).stdout
    help_text = console("cs-data", "synth", "--help", cwd=tmp_path).stdout
    assert "[default: 16; x>=3]" in " ".join(help_text.split())

"""``cs-detect``: one command, no recipe."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cs_framework.cli.detect import main
from cs_framework.data.look import DECODED
from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic import write_synthetic
from tests.e2e.test_recipes import RECIPES, quick


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five frames each of four small synthetic embryos."""
    root = tmp_path_factory.mktemp("detect") / "data"
    write_synthetic(root, SyntheticSettings(embryos=4, frames=5, size=128, seed=3))
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory, data, cs_run):
    """A bundle that has learnt next to nothing."""
    folder = tmp_path_factory.mktemp("model")
    options = quick("--set", f"data.root={data}", "--set", "pipeline.gate.sensitivity=1")
    done = cs_run(RECIPES / "real-frames.toml", "train", *options, "--no-cache", "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture
def cs_detect(model):
    """Run it in this process, in a folder."""

    def run(*arguments, cwd):
        with contextlib.chdir(cwd):
            result = CliRunner().invoke(main, ["--model", str(model), *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run


def test_it_says_what_it_understood_and_what_it_found(tmp_path, data, cs_detect):
    frames = tmp_path / "week 3"
    frames.mkdir()
    for path in sorted((data / "test").rglob("*.png")):
        (frames / path.name).write_bytes(path.read_bytes())
    (frames / "broken.png").write_bytes(b"no image")
    done = cs_detect(frames, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    count = len(list(frames.iterdir()))
    understood, _, found = done.stdout.partition("\n\n")
    assert f"frames: {count} of " in understood
    assert "8-bit grey" in understood
    assert f"of {count - 1} frames looked at" in understood
    assert "times: none" in understood
    assert "unreadable: broken.png" in understood
    assert f"detecting: {count} of {count}" in done.stderr, "progress counts frames"
    run = Path("runs") / "week 3"
    assert found.rstrip().endswith(f"report: {run / 'report.html'}")
    assert (tmp_path / run / "report.html").exists()
    assert len(pq.read_table(tmp_path / run / "frames.parquet")) == count - 1
    again = cs_detect(frames, cwd=tmp_path)
    assert (again.returncode, "--resume" in again.stderr) == (2, True)
    assert cs_detect(frames, "--resume", cwd=tmp_path).returncode == 0


def test_a_look_decodes_few_frames_and_writes_nothing(tmp_path, cs_detect, monkeypatch):
    frames = tmp_path / "many"
    frames.mkdir()
    image = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    for number in range(DECODED + 20):
        cv2.imwrite(str(frames / f"e1_{number:03d}.png"), image)
    done = cs_detect(frames, "--look", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"frames: {DECODED + 20} of " in done.stdout
    assert f"of {DECODED} frames looked at" in done.stdout
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda path: path.mkdir(), "no frames"),
        (lambda path: None, "no such file or folder"),
        (lambda path: path.write_text("text"), "neither"),
    ],
    ids=["empty", "missing", "no frames"],
)
def test_what_holds_no_frames_is_told(made, said, tmp_path, cs_detect):
    made(tmp_path / "input")
    done = cs_detect(tmp_path / "input", cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "runs").exists()


def test_one_frame_is_an_input(tmp_path, data, cs_detect):
    frame = next(data.rglob("test/**/*.png"))
    done = cs_detect(frame, "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "frames: 1 of 1 embryo (the only frame)" in done.stdout
    assert (tmp_path / "here" / "report.html").exists()

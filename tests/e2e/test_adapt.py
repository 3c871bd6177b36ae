"""The step ``adapt``: a trained filter learns on from the frames that it is to look at."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.e2e.test_run import _detect
from tests.support.frames import streak_frame

STEPS = ("--set", 'steps=["adapt", "detect"]', "--set", "data.group_pattern=(?P<group>.+)_")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Forty frames of four embryos, a quarter of them with a streak."""
    import cv2

    folder = tmp_path_factory.mktemp("input") / "frames"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for embryo in range(4):
        for number in range(10):
            image = streak_frame(rng, string=number % 4 == 0)
            cv2.imwrite(str(folder / f"new{embryo}_{number}.png"), image)
    return folder


def bundle_of(run):
    return json.loads((run / "model" / "bundle.json").read_text())


def test_the_adapted_model_is_used_kept_and_told(tmp_path, toy_run, frames, cs_run):
    for name in ("one", "two"):
        views = ("--set", "adapt.views=7")
        done = _detect(cs_run, toy_run, frames, tmp_path / name, tmp_path, *STEPS, *views)
        assert done.returncode == 0, done.stderr
    one, two = (tmp_path / name for name in ("one", "two"))
    given, made = bundle_of(toy_run), bundle_of(one)
    learnt = (one / "model" / "anomaly_filter" / "learnt.json").read_text()
    assert learnt != (toy_run / "model" / "anomaly_filter" / "learnt.json").read_text()
    assert made["notes"][0].startswith(
        "adapted to 30 frames of this input, taken as string-free, for 7 views"
    )
    assert "of the 10 frames held out" in made["notes"][0]
    assert len(made["gate"]["scores"]) == 20, "held out frames as they are, and with drawn strings"
    assert made["gate"] != given["gate"]
    assert not (one / "model" / "evaluation.json").exists(), "which was of another model"
    assert "Adapted to 30 frames of this input" in (one / "report.html").read_text()
    for file in ("detections.parquet", "model/bundle.json", "report.html"):
        assert (one / file).read_bytes() == (two / file).read_bytes(), "same frames and seed, same bytes"
    assert not (one / "training" / "adapted").exists()
    again = _detect(cs_run, one, frames, tmp_path / "again", tmp_path)
    assert again.returncode == 0, again.stderr
    assert _detect(cs_run, toy_run, frames, one, tmp_path, *STEPS, *views, "--resume").returncode == 0


def test_what_was_learnt_before_is_kept_where_it_does_better(tmp_path, toy_run, frames, cs_run):
    worse = tmp_path / "worse"
    shutil.copytree(toy_run / "model", worse)
    content = bundle_of(toy_run)
    content["components"]["anomaly_filter"]["settings"]["adapts"] = "worse"
    (worse / "bundle.json").write_text(json.dumps(content))
    done = _detect(
        cs_run, toy_run, frames, tmp_path / "out", tmp_path, *STEPS, "--set", f"model.bundle={worse}"
    )
    assert done.returncode == 0, done.stderr
    assert bundle_of(tmp_path / "out")["notes"][0].startswith("not adapted: learning on from 30 frames")
    learnt = [folder / "anomaly_filter" / "learnt.json" for folder in (worse, tmp_path / "out" / "model")]
    assert learnt[0].read_text() == learnt[1].read_text()


@pytest.mark.parametrize(
    ("kind", "reason"), [("few", "8 frames are too few"), ("no", "no frame has a cavity")]
)
def test_where_it_cannot_be_done_the_run_goes_on_without(kind, reason, tmp_path, toy_run, frames, cs_run):
    given = tmp_path / "given"
    shutil.copytree(toy_run / "model", given)
    if kind == "few":
        few = tmp_path / "few"
        few.mkdir()
        for path in sorted(frames.iterdir())[:8]:
            shutil.copy(path, few)
        frames = few
    else:
        content = bundle_of(toy_run)
        content["components"]["anomaly_filter"]["settings"]["adapts"] = "no"
        (given / "bundle.json").write_text(json.dumps(content))
    out = tmp_path / "out"
    done = _detect(cs_run, toy_run, frames, out, tmp_path, *STEPS, "--set", f"model.bundle={given}")
    assert done.returncode == 0, done.stderr
    assert f"not adapted: {reason}" in done.stderr
    first, *others = bundle_of(out)["notes"]
    assert first.startswith(f"not adapted: {reason}")
    assert others == bundle_of(toy_run)["notes"]
    assert (out / "model" / "evaluation.json").exists(), "it is the same model"
    assert "Not adapted: " in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('["detect", "adapt"]', "adapt comes first"),
        ('["adapt", "adapt"]', "adapt comes first"),
    ],
)
def test_adapt_comes_first_and_once(steps, said, tmp_path, toy_run, frames, cs_run):
    done = _detect(cs_run, toy_run, frames, tmp_path / "out", tmp_path, "--set", f"steps={steps}")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr

"""Frames that a model does not know, and models that see embryos alone."""

import csv
import json

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.frames import STREAK, TOY_PLUGIN, streak_frame, write_recipe


@pytest.fixture
def detect(tmp_path, toy_run, cs_run):
    """Detects on four frames with streaks, of which two are far too dark; gives the run folder."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(4):
        frame = streak_frame(np.random.default_rng(number), string=True)
        cv2.imwrite(
            str(frames / f"{'dark' if number % 2 else 'fair'}{number}.png"), frame // (1 + 9 * (number % 2))
        )
    recipe = tmp_path / "detect.toml"
    recipe.write_text(
        f'name = "d"\nsteps = ["detect"]\nplugins = ["{TOY_PLUGIN}"]\n[pipeline]\nthreads = 1\n'
        f'min_confidence = 0\ngate = {{ threshold = -1e9 }}\n[detect]\ninput = "{frames}"\n'
    )

    def run(model, *options):
        done = cs_run(recipe, "--set", f"model.bundle={model}", *options, "--out", "out", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return tmp_path / "out", done.stderr

    return run


def states(out):
    return {row["frame"]: row["state"] for row in pq.read_table(out / "frames.parquet").to_pylist()}


def framed(out):
    return {row["frame"] for row in pq.read_table(out / "detections.parquet").to_pylist()}


def test_only_familiar_frames_have_boxes(toy_run, detect):
    out, said = detect(toy_run / "model")
    assert states(out) == {
        "dark1.png": "unfamiliar",
        "dark3.png": "unfamiliar",
        "fair0.png": "familiar",
        "fair2.png": "familiar",
    }
    assert framed(out) == {"fair0.png", "fair2.png"}
    assert {row["frame"] for row in csv.DictReader((out / "tracks.csv").read_text().splitlines())} == framed(
        out
    )
    assert sorted(path.name for path in (out / "labels").rglob("dark*") if path.read_text()) == []
    rows = pq.read_table(out / "frames.parquet").to_pylist()
    assert all(row["anomaly_score"] is not None for row in rows)
    assert "brightness" in rows[0]["state_reason"]
    assert "2 of 4 frames are unlike those that the model was trained on" in said
    assert "Unlike anything the model was trained on: 2 of 4 frames" in (out / "report.html").read_text()


def test_boxes_of_all_frames_can_be_asked_for(toy_run, detect):
    out, _ = detect(toy_run / "model", "--set", "detect.unfamiliar=report")
    assert list(states(out).values()).count("unfamiliar") == 2
    assert len(framed(out)) == 4


def test_a_bundle_without_ranges_says_nothing(tmp_path, toy_run, detect):
    model = tmp_path / "model"
    model.mkdir()
    for path in (toy_run / "model").rglob("*"):
        if path.is_file():
            (model / path.relative_to(toy_run / "model")).parent.mkdir(exist_ok=True)
            (model / path.relative_to(toy_run / "model")).write_bytes(path.read_bytes())
    content = json.loads((model / "bundle.json").read_text())
    assert content.pop("known")["ranges"]
    (model / "bundle.json").write_text(json.dumps(content))
    out, _ = detect(model)
    assert set(states(out).values()) == {None}
    assert len(framed(out)) == 4


def test_a_model_that_sees_embryos_alone_reports_in_pixels_of_the_frame(tmp_path, toy_root, cs_run):
    recipe = write_recipe(tmp_path / "crop.toml", toy_root, data='crop = "embryo"\nembryo = [0.4, 0.55, 0.4]')
    recipe.write_text(recipe.read_text().replace('use = "grid"', 'use = "grid"\nsettings = { size = 64 }'))
    done = cs_run(recipe, "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "runs" / "toy"
    x1, y1, x2, y2 = STREAK
    found = pq.read_table(out / "detections.parquet").to_pylist()
    assert found
    for row in found:
        assert row["x1"] < (x1 + x2) / 2 < row["x2"] <= row["width"] == 80
        assert row["y1"] < (y1 + y2) / 2 < row["y2"] <= row["height"] == 64
    test = json.loads((out / "metrics.json").read_text())["splits"]["test"]
    assert test["stage2"]["top1_hit_rate"]["0.25"]["value"] == 1
    kept = json.loads((out / "model" / "bundle.json").read_text())["components"]["data"]
    assert kept == {"crop": "embryo"}

"""The step ``proposals``: proposers judged alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.frames import STREAK, TOY_PLUGIN, write_recipe, write_root

RECIPE = """
name = "boxes"
plugins = ["{plugin}"]
proposer = [{{ use = "grid", settings = {{ size = {size} }} }}]
[data]
root = "{root}"
group_pattern = '(?P<group>.+)_'
{data}
[pipeline]
threads = 1
{pipeline}
[evaluate]
resamples = 100
"""


@pytest.fixture
def recipe(tmp_path: Path, toy_root: Path):
    """Writes a recipe that names a proposer and nothing else."""

    def write(size: int = 16, root: Path = toy_root, data: str = "", pipeline: str = "") -> Path:
        path = tmp_path / "boxes.toml"
        path.write_text(RECIPE.format(plugin=TOY_PLUGIN, size=size, root=root, data=data, pipeline=pipeline))
        return path

    return write


def figures(folder: Path, split: str):
    return json.loads((folder / "proposals.json").read_text())["splits"][split]["proposals"]


def test_a_recipe_with_a_proposer_alone_will_do(recipe, console, tmp_path):
    done = console("cs-run", recipe(), "proposals", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "proposal recall @ 0.5" in done.stderr
    out = tmp_path / "runs" / "boxes"
    # Tiles of 16 px, 8 px apart, in frames of 64 x 80; the streak covers (24, 30) to (40, 40): two tiles lie
    # over it alike, 16 x 10 of its pixels and 6 rows more.
    for split in ("train", "val", "test"):
        found = figures(out, split)
        assert found["proposals_per_frame"]["value"] == 7 * 9
        assert found["mean_best_iou"]["value"] == pytest.approx(160 / 256)
        assert {iou: figure["value"] for iou, figure in found["proposal_recall"].items()} == {
            "0.2": 1,
            "0.25": 1,
            "0.5": 1,
            "0.75": 0,
        }
        assert found["proposal_recall"]["0.5"]["unit"] == "embryo"
        assert found["seconds_per_frame"]["value"] > 0
        assert (out / "plots" / f"{split}_recall_by_count.png").stat().st_size > 1000
    assert not (out / "metrics.json").exists()
    assert not (out / "model").exists()


def test_recall_grows_with_the_number_of_proposals(recipe, cs_run, tmp_path):
    assert cs_run(recipe(), "proposals", cwd=tmp_path).returncode == 0
    curve = figures(tmp_path / "runs" / "boxes", "test")["recall_by_count"]["0.5"]
    assert list(curve) == ["1", "2", "5", "10", "20", "50", "63"]
    # The first tile that reaches the streak is the one at (24, 24), in row 3 and column 3 of 9: the 31st.
    assert [int(count) for count, share in curve.items() if share == 1] == [50, 63]
    assert set(curve.values()) == {0, 1}


def test_workers_change_nothing_but_the_seconds(recipe, cs_run, tmp_path):
    found = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        options = ("--out", out, "--set", f"pipeline.workers={workers}")
        assert cs_run(recipe(), "proposals", *options, cwd=tmp_path).returncode == 0
        found.append({k: v for k, v in figures(out, "test").items() if k != "seconds_per_frame"})
    assert found[0] == found[1]


def test_post_steps_and_the_given_embryo_count(recipe, cs_run, tmp_path):
    x1, y1, x2, y2 = STREAK
    circle = f"embryo = [{(x1 + x2) / 2 / 80}, {(y1 + y2) / 2 / 64}, 0.2]"
    narrowed = recipe(data=circle, pipeline='search = "embryo"\nproposal_overlap = 0.4')
    assert cs_run(narrowed, "proposals", cwd=tmp_path).returncode == 0
    found = figures(tmp_path / "runs" / "boxes", "test")
    assert found["proposals_per_frame"]["value"] < 10
    assert found["proposal_recall"]["0.25"]["value"] == 1


def test_splits_without_boxes_say_so(recipe, cs_run, tmp_path):
    root = write_root(tmp_path / "data", embryos=1, frames=2)
    for label in (root / "labels" / "val").iterdir():
        label.unlink()
    done = cs_run(recipe(root=root), "proposals", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert figures(tmp_path / "runs" / "boxes", "val") == "no boxes"
    assert figures(tmp_path / "runs" / "boxes", "test")["mean_best_iou"]["unit"] == "frame"
    for split in ("train", "test"):
        for label in (root / "labels" / split).iterdir():
            label.unlink()
    done = cs_run(recipe(root=root), "proposals", "--replace", cwd=tmp_path)
    assert done.returncode == 2
    assert "no frame has boxes" in done.stderr


def test_a_whole_recipe_is_not_trained_for_it(toy_root, cs_run, tmp_path):
    whole = write_recipe(tmp_path / "toy.toml", toy_root)
    assert cs_run(whole, "proposals", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "runs" / "toy" / "model").exists()
    done = cs_run(whole, "proposals", "--resume", cwd=tmp_path)
    assert "nothing is left to do" in done.stderr


def test_other_steps_still_want_every_component(recipe, cs_run, tmp_path):
    done = cs_run(recipe(), "train", "proposals", cwd=tmp_path)
    assert done.returncode == 2
    assert "embedder: missing" in done.stderr
    assert "scorer: missing" in done.stderr

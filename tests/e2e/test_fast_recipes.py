"""The recipes that embed all boxes of a frame from one pass."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic import write_synthetic
from tests.e2e.test_recipes import RECIPES, quick
from tests.support.weights import save_tiny_dinov3

RECIPE = RECIPES / "published-fast.toml"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four frames each of four small synthetic embryos."""
    root = tmp_path_factory.mktemp("synthetic") / "data"
    write_synthetic(root, SyntheticSettings(embryos=4, frames=4, size=96, seed=3))
    return root


@pytest.fixture
def small(tmp_path, root):
    weights = save_tiny_dinov3(tmp_path / "dinov3")
    own = {
        "data.root": root,
        "embedder.settings.weights": weights,
        "embedder.settings.image_size": 64,
    }
    return quick("--no-cache", *(o for key, value in own.items() for o in ("--set", f"{key}={value}")))


def test_published_fast_runs_with_weights_in_a_folder(tmp_path, small, cs_run):
    done = cs_run(RECIPE, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "published-fast"
    resolved = (run / "resolved.toml").read_text()
    assert 'use = "cytoplasmic-strings/dinov3-roi"' in resolved
    assert 'use = "cytoplasmic-strings/anchor-grid"' in resolved
    stage2 = json.loads((run / "metrics.json").read_text())["splits"]["test"]["stage2"]
    assert 100 < stage2["proposals_per_frame"]["value"] <= 150


def test_the_scorer_may_refine(tmp_path, small, cs_run):
    done = cs_run(RECIPE, *small, "--set", "scorer.use=refining-mlp", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "published-fast"
    assert (run / "model" / "scorer" / "refining-mlp.safetensors").is_file()


def test_dinov2_is_one_line_away(tmp_path, root):
    text = RECIPE.read_text()
    before, _, after = text.partition("[embedder]\nuse = ")
    after = after.split("\n\n", 1)[1]
    recipe = tmp_path / "dinov2.toml"
    recipe.write_text(f'{before}[embedder]\nuse = "timm"\n\n{after}')
    code = (
        "import sys; from cs_framework.cli.run import main; main(sys.argv[1:], standalone_mode=False); "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    command = [sys.executable, "-c", code, recipe, "--set", f"data.root={root}", "--check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_best_learns_from_drawn_strings_and_follows_them_through(tmp_path, root, cs_run):
    tiny = "{ image_size = 32, width = 4, epochs = 1, views = 4, batch_size = 2, validation_frames = 2 }"
    own = {
        "data.root": root,
        "anomaly_filter.settings": tiny,
        "scorer.settings": "{ epochs = 1 }",
        "training.implants": "{ share = 1, frames = 3 }",
        "pipeline.workers": 1,
        "pipeline.max_proposals": 150,
        "evaluate.resamples": 100,
    }
    options = (o for key, value in own.items() for o in ("--set", f"{key}={value}"))
    done = cs_run(RECIPES / "best.toml", "--no-cache", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "best"
    notes = json.loads((run / "metrics.json").read_text())["notes"]
    assert any("3 of the 3 string frames" in note for note in notes)
    assert (run / "model" / "anomaly_filter" / "implant_net.safetensors").is_file()
    assert (run / "report.html").is_file()

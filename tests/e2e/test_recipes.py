"""The recipes that travel with the package, with the default components."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cs_framework.recipe.schema import SyntheticSettings
from cs_framework.synthetic import write_synthetic
from tests.e2e.conftest import opened
from tests.support.weights import save_tiny_dinov3

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Five frames each of four small synthetic embryos."""
    root = tmp_path_factory.mktemp("synthetic") / "data"
    write_synthetic(root, SyntheticSettings(embryos=4, frames=5, size=128, seed=3))
    return root


def quick(*more):
    """Options that make a bundled recipe take seconds."""
    changes = {
        "anomaly_filter.settings.image_size": 32,
        "anomaly_filter.settings.epochs": 1,
        "scorer.settings.epochs": 2,
        "evaluate.resamples": 100,
        "pipeline.threads": 1,
        "pipeline.workers": 1,
        "pipeline.max_proposals": 150,
    }
    return [option for key, value in changes.items() for option in ("--set", f"{key}={value}")] + list(more)


def reads_well(browser, report, *, embryos):
    """A run's report in a browser: silent, with its figures, and frames to click at."""
    with opened(browser, report) as page:
        curves = page.locator("figure.curve svg.chart")
        assert curves.count() >= 4, "ROC, precision and recall, proposals, training"
        assert all(curve.bounding_box()["height"] > 100 for curve in curves.all())
        assert page.locator("svg.timeline").count() == embryos
        assert page.locator("figure.case").count() >= 1
        page.locator("svg.timeline .point").first.click()
        assert page.locator("#viewer").is_visible()


TINY = ("weights=none", "width=4", "views=16")
"""Settings of the quick start's filter for a network that its weights do not fit."""


@pytest.mark.skip(
    reason="so small a quick start trains a scorer without a string: its sizes are to be chosen anew"
)
def test_the_quick_start_gives_the_same_bytes_with_any_number_of_workers(tmp_path, cs_run, browser):
    small = ("embryos = 4", "frames = 5", "size = 128", "seed = 3")
    results = []
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
        done = cs_run(
            RECIPES / "quickstart.toml",
            *quick("--set", f"pipeline.workers={workers}", "--no-cache", "--out", name),
            *(o for each in TINY for o in ("--set", f"anomaly_filter.settings.{each}")),
            *(o for s in small for o in ("--set", "data.synthetic." + s.replace(" ", ""))),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        results.append((tmp_path / name / "detections.parquet").read_bytes())
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        assert set(metrics["splits"]) == {"val", "test"}
    assert results[0] == results[1] == results[2]
    reads_well(browser, tmp_path / "one" / "report.html", embryos=1)


def test_real_frames_and_then_detect_with_its_bundle(tmp_path, root, cs_run, browser):
    done = cs_run(
        RECIPES / "real-frames.toml", *quick("--set", f"data.root={root}"), "--no-cache", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    reads_well(browser, tmp_path / "runs" / "real-frames" / "report.html", embryos=1)
    given = ("--set", "model.bundle=runs/real-frames/model", "--set", f"detect.input={root / 'test'}")
    done = cs_run(RECIPES / "detect.toml", *given, "--set", "pipeline.workers=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "detect" / "detections.csv").is_file()


@pytest.mark.parametrize(
    "name", ["published", "published-unweighted", "baseline", "quickstart", "real-frames"]
)
def test_recipes_are_checked_without_torch(name, root, tmp_path):
    code = (
        "import sys; from cs_framework.cli.run import main; main(sys.argv[1:], standalone_mode=False); "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    command = [sys.executable, "-c", code, RECIPES / f"{name}.toml", "--set", f"data.root={root}", "--check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("backend", "ways"),
    [
        (
            "transformers",
            ("facebook/dinov3-vitb16-pretrain-lvd1689m", "hf auth login", "timm", "ridge-texture"),
        ),
        ("timm", ("timm/vit_base_patch16_dinov3.lvd1689m", "ridge-texture")),
    ],
)
def test_published_without_weights_says_how_to_get_them(tmp_path, root, backend, ways):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    command = [
        Path(sys.executable).with_name("cs-run"),
        RECIPES / "published.toml",
        "--set",
        f"data.root={root}",
        "--set",
        f"embedder.settings.backend={backend}",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for way in ways:
        assert way in done.stderr
    assert not (tmp_path / "runs").exists()


def test_published_runs_with_weights_in_a_folder(tmp_path, root, cs_run):
    weights = save_tiny_dinov3(tmp_path / "dinov3")
    done = cs_run(
        RECIPES / "published.toml",
        *quick("--set", f"data.root={root}", "--set", f"embedder.settings.weights={weights}"),
        *("--set", "embedder.settings.image_size=32", "--no-cache"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    resolved = (tmp_path / "runs" / "published" / "resolved.toml").read_text()
    assert 'use = "cytoplasmic-strings/dinov3"' in resolved
    assert 'mode = "quality"' in resolved


def test_recipes_open_with_what_they_do_need_and_take():
    for path in RECIPES.glob("*.toml"):
        head = path.read_text().split("\n\n")[0].lower()
        assert head.startswith("# ")
        assert "need" in head, path.name
        assert "takes" in head, path.name

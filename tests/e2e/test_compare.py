"""``cs-compare`` as a user meets it, with toy components."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cs_framework.cli.compare import main
from tests.support.frames import write_recipe, write_root


def cs_compare(*arguments, cwd):
    """``cs-compare`` within this process."""
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(main, [*map(str, arguments), "--cache", "cache"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def compared(tmp_path_factory, toy_root):
    """A folder with recipes and their comparison, and what was said.

    The first two differ in the size of their proposals; the third has another filter.
    """
    folder = tmp_path_factory.mktemp("compared")
    text = write_recipe(folder / "small.toml", toy_root).read_text()
    (folder / "large.toml").write_text(text.replace('use = "grid"', 'use = "grid"\nsettings.size = 24'))
    (folder / "tense.toml").write_text(
        text.replace('use = "brightness"', 'use = "brightness"\nsettings.context = 1')
    )
    done = cs_compare("small.toml", "large.toml", "tense.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture
def copy(compared, tmp_path):
    """A copy of that folder, to be changed."""
    return Path(shutil.copytree(compared[0], tmp_path / "copy"))


def said(done):
    return done.stdout.splitlines()[-3:]


def test_runs_share_what_they_can(compared):
    _, done = compared
    shares = [line.partition(" s, with ")[2] for line in said(done)]
    assert shares[0] == shares[1]  # other proposals, and so nothing in common
    assert shares[0].startswith("0 of ")
    proposals, embeddings = (
        part.split() for part in shares[2].removesuffix(" from the cache").split(" and ")
    )
    assert proposals[0] == proposals[2] != "0"
    assert embeddings[0] == embeddings[2] != "0"


def test_the_table_is_printed_and_written(compared):
    folder, done = compared
    comparison = json.loads((folder / "runs/compare/comparison.json").read_text())
    assert comparison["baseline"] == "small"
    cells = comparison["splits"]["test"]["stage2/top1_mean_iou"]
    difference = cells["large"]["value"] - cells["small"]["value"]
    assert cells["large"]["difference"]["value"] == pytest.approx(difference) != 0
    assert cells["tense"]["difference"] == {"value": 0, "low": 0, "high": 0}
    assert (folder / "runs/compare/comparison.md").read_text() in done.stdout


def test_finished_runs_are_not_run_again(copy):
    before = {p: p.read_bytes() for p in (copy / "runs").rglob("*") if p.is_file()}
    done = cs_compare(
        "small.toml", "large.toml", "tense.toml", "--set", "pipeline.workers=2", cwd=copy
    )  # on which no result depends
    assert said(done) == [f"{name}: finished before" for name in ("small", "large", "tense")]
    assert {p: p.read_bytes() for p in (copy / "runs").rglob("*") if p.is_file()} == before


def test_a_compared_run_is_the_run_that_cs_run_makes(compared, cs_run, tmp_path):
    folder, _ = compared
    done = cs_run(folder / "large.toml", "train", "evaluate", "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in (
        "metrics.json",
        "resolved.toml",
        "evaluation/resamples.parquet",
        "evaluation/frames.parquet",
    ):
        alone = (tmp_path / "runs/toy" / name).read_bytes()
        assert (folder / "runs/compare/large" / name).read_bytes() == alone, name


def test_an_edited_recipe_is_run_anew_when_asked_to(copy):
    with (copy / "large.toml").open("a") as file:
        file.write("overlays = 0\n")
    metrics = copy / "runs/compare/large/metrics.json"
    before = metrics.stat().st_mtime_ns
    refused = cs_compare("small.toml", "large.toml", cwd=copy)
    assert refused.returncode == 2
    assert "made by another recipe" in refused.stderr
    assert "large; --replace" in refused.stderr
    assert metrics.stat().st_mtime_ns == before
    done = cs_compare("small.toml", "large.toml", "--replace", cwd=copy)
    assert done.returncode == 0, done.stderr
    assert "small: finished before" in done.stdout
    assert "large: finished before" not in done.stdout
    assert metrics.stat().st_mtime_ns != before


def test_a_stopped_comparison_goes_on(copy):
    run = copy / "runs/compare/small"
    (run / "metrics.json").unlink()
    trained = (run / "model/bundle.json").stat().st_mtime_ns
    done = cs_compare("small.toml", "large.toml", cwd=copy)
    assert done.returncode == 0, done.stderr
    assert (run / "model/bundle.json").stat().st_mtime_ns == trained
    assert (run / "metrics.json").exists()


def test_an_evaluation_that_is_not_whole_is_named(copy):
    (copy / "runs/compare/small/evaluation/resamples.parquet").unlink()
    done = cs_compare("small.toml", "large.toml", cwd=copy)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "runs/compare/small holds no whole evaluation" in done.stderr
    assert "remove the folder" in done.stderr


def test_synthetic_frames_are_drawn_once(copy):
    changes = ["data.source=synthetic", "data.synthetic.embryos=3", "data.synthetic.frames=4"]
    changes += ["data.synthetic.size=96"]
    options = [word for change in changes for word in ("--set", change)]
    done = cs_compare("small.toml", "large.toml", "--out", "drawn", *options, cwd=copy)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("drawing 3 synthetic embryos") == 1
    assert len(list((copy / "drawn/data").iterdir())) == 1
    assert not (copy / "drawn/small/data").exists()


def test_recipes_with_a_bundle_are_evaluated(copy):
    resolved = tomllib.loads((copy / "runs/compare/small/resolved.toml").read_text())
    for name, threshold in [("strict", 1000), ("lenient", -1000)]:
        (copy / f"{name}.toml").write_text(
            f"plugins = {json.dumps(resolved['plugins'])}\n"
            f'data.root = "{resolved["data"]["root"]}"\n'
            f"data.group_pattern = {json.dumps(resolved['data']['group_pattern'])}\n"
            f'model.bundle = "runs/compare/small"\n'
            f"pipeline = {{ threads = 1, gate.threshold = {threshold} }}\n"
        )
    done = cs_compare("strict.toml", "lenient.toml", cwd=copy)
    assert done.returncode == 0, done.stderr
    comparison = json.loads((copy / "runs/compare/comparison.json").read_text())
    cells = comparison["splits"]["test"]["cascade/flagged_fraction"]
    assert (cells["strict"]["value"], cells["lenient"]["value"]) == (0, 1)
    assert not (copy / "runs/compare/strict/model").exists()


def test_a_frame_that_fails_in_one_run_is_named(copy):
    text = (copy / "large.toml").read_text()
    (copy / "failing.toml").write_text(
        text.replace('use = "brightness"', 'use = "brightness"\nsettings.fails_on = "test0_4"')
    )
    (copy / "runs/compare/comparison.json").unlink()
    done = cs_compare("small.toml", "failing.toml", cwd=copy)
    assert done.returncode == 2
    assert "1 judged in small alone, such as test/abnormal/test0_4.png" in done.stderr
    assert not (copy / "runs/compare/comparison.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["small.toml"], "two recipes or more"),
        (["small.toml", "small.toml"], "two recipes called 'small'"),
        (["small.toml", "nowhere.toml"], "nowhere.toml: no such file"),
        (["small.toml", "large.toml", "--set", "pipeline.thread=2"], "did you mean 'threads'?"),
        (["small.toml", "elsewhere.toml"], "data.root is"),
        (["small.toml", "large.toml", "--set", "pipeline.device=cuda"], "pipeline.device"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_run(arguments, text, copy):
    import torch

    if "pipeline.device=cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    write_recipe(copy / "elsewhere.toml", write_root(copy / "elsewhere", splits=("train", "val")))
    done = cs_compare(*arguments, "--out", "new", cwd=copy)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert text in done.stderr
    assert not (copy / "new").exists()

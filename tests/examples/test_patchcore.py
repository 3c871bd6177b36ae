"""The plugin in ``examples/`` is what its README says: a package of its own, swapped in by one line."""

from __future__ import annotations

import ast
import json
import re
import shutil
import tomllib

import pytest

from tests.docs.pages import ROOT
from tests.support.venv import run, venv_with

PROJECT = ROOT / "examples" / "cs-patchcore"
RECIPES = [PROJECT / "recipes" / f"{name}.toml" for name in ("autoencoder", "patchcore")]
SMALL = [
    "data.synthetic.embryos=4",
    "data.synthetic.frames=4",
    "data.synthetic.size=96",
    "anomaly_filter.settings.image_size=64",
    "scorer.settings.epochs=1",
    "evaluate.resamples=100",
]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment where the wheel is installed."""
    folder = tmp_path_factory.mktemp("patchcore")
    source = shutil.copytree(
        PROJECT, folder / "source", ignore=shutil.ignore_patterns("build", "__pycache__")
    )
    return venv_with([source], folder)


def test_the_wheel_is_listed_and_passes_its_tests(python, tmp_path):
    listed = run(python, "-c", "from cs_framework.cli.plugins import main; main()", "list", cwd=tmp_path)
    (row,) = [line for line in listed.splitlines() if "cs-patchcore" in line]
    assert row.split()[:6] == ["anomaly", "filter", "patchcore", "cs-patchcore", "0.1.0", "ok"]
    assert "Slow to import" not in listed
    without_recipe = shutil.ignore_patterns("test_recipe.py")  # another test runs it
    shutil.copytree(PROJECT / "tests", tmp_path / "tests", ignore=without_recipe)
    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=tmp_path)
    assert re.search(r"^\d+ passed", said, re.MULTILINE), said


def test_it_is_compared_with_what_it_replaces(python, tmp_path):
    options = [word for change in SMALL for word in ("--set", change)]
    code = "from cs_framework.cli.compare import main; main()"
    said = run(python, "-c", code, *RECIPES, "--cache", "cache", *options, cwd=tmp_path)
    comparison = json.loads((tmp_path / "runs/compare/comparison.json").read_text())
    figures = comparison["splits"]["test"]
    assert figures["stage2/proposals_per_frame"]["patchcore"]["difference"]["value"] == 0
    assert isinstance(figures["stage1/auroc"]["patchcore"]["value"], float)
    assert any("random weights" in note for note in comparison["notes"])
    shares = re.fullmatch(
        r".*with (\d+) of (\d+) batches of proposals and (\d+) of (\d+) .*", said.splitlines()[-1]
    )
    assert shares[1] == shares[2] != "0"
    assert shares[3] == shares[4] != "0"


def test_it_imports_nothing_but_the_public_names():
    for file in (PROJECT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("cs_framework"):
                assert node.module == "cs_framework", file
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("cs_framework") for name in node.names), file


def test_the_recipes_differ_in_the_filter_alone():
    baseline, ours = (tomllib.loads(path.read_text()) for path in RECIPES)
    assert ours == baseline | {"name": "patchcore", "anomaly_filter": {"use": "patchcore"}}

"""``model.bundle = "pretrained"``: a word for the bundle that comes along."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from attrs import evolve

from cs_framework import files
from cs_framework.bundle import Bundle, read_bundle, write_bundle
from cs_framework.errors import RecipeError, SetupError
from cs_framework.pipeline.components import Components
from cs_framework.recipe import components_to_dict, loading
from cs_framework.recipe.bundled import open_recipe
from cs_framework.toolkit import weights
from tests.framework.recipe.toys import MINIMAL

ROOT = Path(__file__).parents[3]
DETECT = "steps = ['detect']\n[model]\nbundle = '{}'\n"


@pytest.fixture
def shipped(tmp_path, load, monkeypatch):
    """The folder of a pretrained bundle of toys, that comes with the package for the time being."""
    folder = tmp_path / "comes-along" / "pretrained"
    described = components_to_dict(load(MINIMAL))
    write_bundle(Bundle(folder, None), Components(None, (), None, None), described, {})
    for module in (loading, weights):
        monkeypatch.setattr(module, "shipped", lambda name: folder if name == "pretrained" else None)
    return folder


def test_the_word_stays_in_the_resolved_recipe_with_a_hash(load, shipped):
    loaded = load(DETECT.format("pretrained"))
    assert loaded.bundle == shipped
    assert loaded.recipe.model.bundle == "pretrained"
    assert loaded.recipe.model.content == files.digest_of_folder(shipped)
    assert loaded.warnings == ()
    again = load(loaded.to_toml())
    assert evolve(again, path=loaded.path, registry=loaded.registry) == loaded


def test_another_bundle_under_the_same_word_is_told(load, shipped):
    resolved = load(DETECT.format("pretrained")).to_toml()
    (shipped / "scorer").mkdir()
    (shipped / "scorer" / "more.json").write_text("{}")
    (warning,) = load(resolved).warnings
    assert "another pretrained bundle" in warning
    assert load(resolved).recipe.model.content == files.digest_of_folder(shipped)


def test_the_word_wins_over_a_folder_of_that_name(load, shipped, tmp_path, monkeypatch):
    mine = tmp_path / "elsewhere" / "pretrained"
    write_bundle(Bundle(mine, None), Components(None, (), None, None), components_to_dict(load(MINIMAL)), {})
    monkeypatch.chdir(mine.parent)
    assert load(MINIMAL.partition("[")[0] + "steps = ['detect']", "model.bundle=pretrained").bundle == shipped
    named = load("steps = ['detect']", "model.bundle=./pretrained")
    assert (named.bundle, named.recipe.model.content) == (mine, None)


def test_where_none_comes_along_the_cure_is_told(load, monkeypatch):
    monkeypatch.setattr(loading, "shipped", lambda name: None)
    with pytest.raises(RecipeError, match=r"model\.bundle: this installation has no pretrained bundle"):
        load(DETECT.format("pretrained"))


def test_weights_to_start_from(tmp_path, shipped):
    def start(given):
        return weights.starting_weights(given, "anomaly_filter", component="mine")

    assert start("none") is None
    with pytest.raises(SetupError, match=r'mine: weights = "pretrained": .* holds none; give a run'):
        start("pretrained")
    learnt = shipped / "anomaly_filter"
    learnt.mkdir()
    (learnt / "weights.safetensors").touch()
    assert start("pretrained") == start(shipped) == start(learnt) == learnt
    (tmp_path / "run").mkdir()
    shipped.rename(tmp_path / "run" / "model")
    assert start(tmp_path / "run") == tmp_path / "run" / "model" / "anomaly_filter"
    with pytest.raises(SetupError, match="nowhere holds none"):
        start(tmp_path / "nowhere")


def test_the_bundle_that_comes_along_loads_without_a_warning():
    """Renaming the project or a release that raises its version rewrites what the bundle says of both."""
    loaded = open_recipe(Path("detect.toml"), overrides=["detect.input=."])
    assert loaded.warnings == ()
    assert loaded.bundle == ROOT / "recipes" / "pretrained"
    assert read_bundle(loaded.bundle).gate is not None
    chosen = (loaded.anomaly_filter, *loaded.proposers, loaded.embedder, loaded.scorer)
    described = json.loads((loaded.bundle / "bundle.json").read_text())["components"]
    uses = [described["anomaly_filter"], *described["proposer"], described["embedder"], described["scorer"]]
    assert [(use["use"], use["version"]) for use in uses] == [
        (choice.component.qualified_name, choice.component.provenance.version) for choice in chosen
    ]
    assert sum(path.stat().st_size for path in loaded.bundle.rglob("*")) < 2_000_000


def test_what_comes_along_lies_in_the_wheel(tmp_path):
    """A file in a folder of ``recipes/``, as the pretrained bundle is, as much as the recipes themselves."""
    copied = tmp_path / "project"
    shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".*", "tests", "docs", "runs", "shared"))
    planted = copied / "recipes" / "pretrained" / "anomaly_filter" / "planted.safetensors"
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_bytes(b"weights")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert (
            archive.read("cs_framework_recipes/pretrained/anomaly_filter/planted.safetensors") == b"weights"
        )
    recipes = {path.relative_to(copied / "recipes").as_posix() for path in copied.glob("recipes/**/*.*")}
    assert {f"cs_framework_recipes/{name}" for name in recipes} <= names

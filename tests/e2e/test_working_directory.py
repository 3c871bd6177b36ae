"""No process takes modules from the working directory, where frames of anybody may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from cs_framework.app.jobs import Training
from tests.framework.testing.test_check_command import PLANTED as PLUGIN
from tests.support.frames import write_recipe, write_root

PLANTED = (
    *("click", "numpy", "torch", "attrs", "cv2", "cs_framework", "cs_autoencoder", "sitecustomize"),
    *("pickle", "struct", "selectors", "socket", "threading", "multiprocessing", "signal"),
)
CODE = "import os, sys\nos.mkdir(os.path.join(os.path.dirname(__file__), 'RAN-' + __name__))\nsys.exit(9)\n"


@pytest.fixture
def data(tmp_path) -> Path:
    """Frames, and beside them Python files with the names of modules that all processes import."""
    write_root(tmp_path / "data", embryos=1, frames=2)
    for module in PLANTED:
        (tmp_path / "data" / f"{module}.py").write_text(CODE)
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "dask"])
def test_of_a_run_and_its_workers(engine, data, tmp_path, console):
    recipe = write_recipe(tmp_path / "toy.toml", data)
    options = ("--set", "pipeline.workers=2", "--set", f"pipeline.engine={engine}", "--no-cache")
    done = console("cs-run", recipe, *options, "--out", tmp_path / "run", cwd=data)
    assert not list(data.glob("RAN-*"))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_of_the_conformance_suite(data, tmp_path, console):
    (tmp_path / "corner.py").write_text(PLUGIN.replace("EXPECTED", "{}"))
    done = console("cs-plugins", "check", tmp_path / "corner.py", cwd=data)
    assert not list(data.glob("RAN-*"))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_of_a_training_in_the_app(data, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    recipe = write_recipe(data / "toy.toml", data, pipeline="workers = 2")
    training = Training.start(recipe, tmp_path / "run")
    training._process.wait(600)
    assert not list(data.glob("RAN-*"))
    assert training.succeeded, training.lines()

from __future__ import annotations

from pathlib import Path

import pytest

from cs_framework.recipe import load_recipe
from cs_framework.steps.execute import Options, execute
from tests.support.frames import write_recipe, write_root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``--root`` wants it: a data set, a recipe, and a trained run of it."""
    folder = tmp_path_factory.mktemp("root")
    data = write_root(folder / "data", embryos=1)
    recipe = write_recipe(folder / "toy.toml", data, outputs="regions = true")
    loaded = load_recipe(recipe, overrides=['steps=["train"]'])
    options = Options(out=folder / "runs" / "toy", no_cache=True)
    assert execute(loaded, options, lambda items, *_: items) == 0
    return folder

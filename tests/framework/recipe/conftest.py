from __future__ import annotations

import pytest

from cs_framework import RecipeError
from cs_framework.recipe import load_recipe
from tests.framework.recipe.toys import MINIMAL, REGISTRY
from tests.framework.registry.conftest import site

__all__ = ["site"]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load(text, *overrides)``: a recipe in a folder of its own; the working directory is another."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = tmp_path / "recipe.toml"

    def load(text=MINIMAL, *overrides, **more):
        path.write_text(text)
        return load_recipe(path, overrides=overrides, **{"registry": REGISTRY, **more})

    return load


@pytest.fixture
def problems(load, tmp_path):
    """``problems(text, *overrides)``: what is wrong, a line each, without the folder."""

    def problems(text, *overrides, **more):
        with pytest.raises(RecipeError) as raised:
            load(text, *overrides, **more)
        return str(raised.value).replace(f"{tmp_path}/", "").splitlines()

    return problems

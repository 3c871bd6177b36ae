"""The recipes that come with the package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from cs_framework.files import shipped

if TYPE_CHECKING:
    from cs_framework.recipe.loading import LoadedRecipe


def bundled(path: Path) -> Path:
    """The recipe of that file name that comes with the package, or `path` where there is none."""
    name = path.name if path.suffix == ".toml" else f"{path.name}.toml"
    return shipped(name) or path


def bundled_recipes() -> list[Path]:
    """All recipes that come with the package, by name."""
    one = shipped("quickstart.toml")
    return sorted(one.parent.glob("*.toml")) if one else []


def first_sentence(recipe: Path) -> str:
    """What the comment at the head of a recipe says first."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    head = " ".join(
        line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines)
    )
    return head.partition(". ")[0].partition(": ")[0].rstrip(".")


def open_recipe(
    path: Path, steps: Sequence[str] = (), overrides: Sequence[str] = (), block: Sequence[str] = ()
) -> LoadedRecipe:
    """Load a recipe given by its file, or by the name of one that comes with the package.

    Args:
        path: the file or the name.
        steps: those to take; without any, the recipe's own.
        overrides: ``KEY=VALUE`` options.
        block: plugins that must not be imported.

    Raises:
        RecipeError: the recipe is wrong; a line for each problem.
    """
    from cs_framework.recipe.loading import load_recipe

    if steps:
        overrides = (*overrides, f"steps={json.dumps(list(steps))}")
    return load_recipe(path if path.exists() else bundled(path), overrides=overrides, block=block)

"""The recipes that come with the package."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from cs_framework.files import shipped


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

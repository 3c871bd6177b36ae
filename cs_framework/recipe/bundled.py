"""The recipes that come with the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def bundled(path: Path) -> Path:
    """The recipe of that file name that comes with the package, or `path` where there is none.

    A checkout has the recipes in ``recipes/``; an installed package holds them as ``cs_framework_recipes``.
    """
    spec = find_spec("cs_framework_recipes")
    places = [Path(__file__).parents[2] / "recipes"]
    places += [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    name = path.name if path.suffix == ".toml" else f"{path.name}.toml"
    return next((place / name for place in places if (place / name).exists()), path)

"""``docs/recipe.md``: every key of a recipe and every setting of the components that come with the framework.

Written from the declarations themselves by ``python -m cs_framework.recipe.reference > docs/recipe.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from cs_framework._markers import DISTRIBUTION
from cs_framework.api.settings import METADATA_KEY
from cs_framework.api.specs import KINDS
from cs_framework.recipe.reader import default_of, fields_of, key_of, plain, type_name
from cs_framework.recipe.schema import ComponentUse, Recipe
from cs_framework.registry import Registry

Row = tuple[str, str, str, str, str]
"""Key, type, default, what is allowed, help."""

_INTRODUCTION = """\
# Recipe reference

A recipe is a TOML file that says what `cs-run` does. Every key has a default, but for the components and the
frames. `cs-run recipe.toml --check` validates one, and tells every mistake with its line; `cs-plugins schema`
prints a JSON Schema for editors.

- Paths in a recipe are relative to the recipe, those given with `--set` to the working directory.
- Types are strict: `"false"` is not a boolean and `3.9` no integer; an integer will do for a number.
- `--set KEY=VALUE` changes any key, such as `--set pipeline.workers=4` or `--set embedder.use=NAME`; settings
  of components are `anomaly_filter.settings.KEY`, of the second proposer `proposer.1.settings.KEY`.
- A run writes `resolved.toml`: the recipe with every default filled in, which runs the same again.
"""

_COMPONENTS = """\
Each kind of component is a table: `[anomaly_filter]`, `[[proposer]]`, `[embedder]` and `[scorer]`. There may
be several proposers, whose boxes are united. Without an anomaly filter all frames pass to stage 2. A recipe
that uses a trained bundle (`model.bundle`) names no component.
"""

_SETTINGS = """\
These are the components that come with the framework; `cs-plugins show NAME` tells the same of any that is
installed.
"""


def recipe_reference(registry: Registry) -> str:
    """The page, in Markdown, with the components of a registry that this distribution supplies."""
    return "\n".join(_page(registry)).rstrip() + "\n"


def setting_rows(settings: type, prefix: str = "") -> Iterator[Row]:
    """A row for each setting of an attrs class; those of nested tables have dotted keys."""
    for field in fields_of(settings):
        name = prefix + key_of(field)
        if field.type is not None and attrs.has(field.type):
            yield from setting_rows(field.type, f"{name}.")
            continue
        stated = field.metadata.get(METADATA_KEY, {})
        default = default_of(field)
        shown = (
            "required" if default is attrs.NOTHING else "" if default is None else json.dumps(plain(default))
        )
        yield name, type_name(field.type), shown, _allowed(stated), stated.get("help", "")


def _allowed(stated: dict[str, Any]) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [f"{sign} {stated[name]}" for name, sign in signs.items() if name in stated]
    choices = stated.get("choices")
    return ", ".join(bounds + ([" or ".join(map(repr, choices))] if choices else []))


def _page(registry: Registry) -> Iterator[str]:
    yield _INTRODUCTION
    tables = {key_of(field): field for field in fields_of(Recipe) if key_of(field) not in KINDS}
    rows = list(setting_rows(Recipe))
    yield from _section("## Top level", "", [row for row in rows if row[0] in tables])
    for key, field in tables.items():
        inside = [row for row in rows if row[0].startswith(f"{key}.")]
        if inside:
            yield from _section(f"## `[{key}]`", field.metadata[METADATA_KEY]["help"], inside)
    yield from _section("## Components", _COMPONENTS.rstrip(), list(setting_rows(ComponentUse)))
    yield from ("## Settings of components", "", _SETTINGS)
    for kind in KINDS:
        for component in registry.components(kind):
            if component.provenance.distribution != DISTRIBUTION:
                continue
            title = f"### `{component.name}` ({kind.replace('_', ' ')})"
            summary = component.spec.summary
            yield from _section(title, summary, list(setting_rows(component.settings_class())))


def _section(title: str, text: str, rows: list[Row]) -> Iterator[str]:
    yield from (title, "")
    if text:
        yield from (f"{text[0].upper()}{text[1:].removesuffix('.')}.", "")
    if rows:
        yield from ("| key | type | default | allowed | meaning |", "|---|---|---|---|---|")
        for key, kind, default, allowed, meaning in rows:
            cells = [f"`{key}`", kind, f"`{default}`" if default else "", allowed, meaning]
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    else:
        yield "No settings."
    yield ""


if __name__ == "__main__":
    print(recipe_reference(Registry.discover()), end="")

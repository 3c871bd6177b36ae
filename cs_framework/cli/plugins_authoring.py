"""``cs-plugins new``, ``check`` and ``schema``: for those who write components and recipes."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cs_framework.api.specs import KINDS, Kind
from cs_framework.errors import RecipeError

if TYPE_CHECKING:
    from cs_framework.registry import Component
    from cs_framework.testing import Verdict


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Which component it holds.")
@click.argument("folder", type=click.Path(path_type=Path), metavar="[DIR]", required=False)
def new(name: str, kind: Kind, folder: Path | None) -> None:
    """Start a plugin: write a project called NAME, such as cs-demo, into the new folder DIR (or NAME).

    It holds a small component that works, its settings, tests, a README and a recipe.
    """
    from cs_framework.recipe.bundled import bundled
    from cs_framework.scaffold import write_project

    folder = folder or Path(name)
    folder = folder if folder.name else folder.absolute()  # "." has no name to call the project by
    base = bundled(Path("baseline.toml")).read_text(encoding="utf-8")
    try:
        written = write_project(name, kind, folder, base)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo("\n".join(str(folder / path) for path in written))
    click.echo(f"\nnext: cd {folder} && pip install -e '.[test]' && pytest && cs-run recipes/{name}.toml")


@click.command()
def schema() -> None:
    """Print the JSON Schema of recipes, with the settings of every installed component.

    Editors use it where a recipe begins with the line '#:schema ./recipe.schema.json'.
    """
    from cs_framework.recipe.json_schema import recipe_schema
    from cs_framework.registry import Registry

    click.echo(json.dumps(recipe_schema(Registry.discover()), indent=2))


@click.command()
@click.argument("source", metavar="DIST")
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="COMPONENT.KEY=VALUE",
    help="Change a setting of a component, such as where its weights are.",
)
def check(source: str, options: tuple[str, ...]) -> None:
    """Put the components of DIST through the conformance suite.

    DIST is an installed distribution, or the path of a project folder (./cs-demo) or of a one-file plugin.

    Exit code: 0 all is well, 1 a check failed, 2 the arguments are wrong or the plugin cannot be loaded.
    """
    from cs_framework.cli.console import track
    from cs_framework.recipe.reader import read_table
    from cs_framework.testing import component_checks, components_of, run_check

    is_path = source.startswith(".") or source.endswith(".py") or os.sep in source  # as pip tells them apart
    components = components_of(Path(source) if is_path else source)
    given = _settings(options, {component.name for component in components})
    settings = {component: _known(component, components, given) for component in components}
    for component in components:
        if settings[component]:
            read_table(component.settings_class(), settings[component], f"--set {component.name}")
    checks = list(component_checks(*components))
    verdicts = [
        run_check(one, settings[one.component], settings.get(one.filter) if one.filter else None)
        for one in track(checks, "checking")
    ]
    click.echo("\n".join(_table(verdicts)))
    if any(verdict.status == "failed" for verdict in verdicts):
        sys.exit(1)


def _settings(options: tuple[str, ...], known: set[str]) -> Mapping[str, Mapping[str, Any]]:
    """Settings by component, each read when its type is known."""
    from cs_framework._hints import did_you_mean
    from cs_framework.recipe.document import Verbatim

    settings: dict[str, dict[str, Any]] = {name: {} for name in known}
    for option in options:
        path, equals, value = option.partition("=")
        component, dot, key = path.strip().partition(".")
        if not (equals and dot and key):
            raise RecipeError(f"--set {option}: write COMPONENT.KEY=VALUE")
        if component not in known:
            raise RecipeError(f"--set {option}: no component {component!r}{did_you_mean(component, known)}")
        settings[component][key] = Verbatim(value.strip())
    return settings


def _known(
    component: Component, every: Sequence[Component], given: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Of the settings under its name those that the component has; those that none of that name has, too."""
    from cs_framework.recipe.reader import fields_of, key_of

    keys = {
        one: {key_of(declared) for declared in fields_of(one.settings_class())}
        for one in every
        if one.name == component.name and given[one.name]
    }
    return {
        key: value
        for key, value in given[component.name].items()
        if key in keys[component] or not any(key in others for others in keys.values())
    }


def _table(verdicts: list[Verdict]) -> Iterator[str]:
    """The verdicts in columns, and a count; a reason that repeats is told once."""
    rows = [("CHECK", "COMPONENT", "RESULT", "REASON")]
    told = ""
    for verdict in verdicts:
        text = " ".join(verdict.reason.split())
        rows.append((verdict.check.check.name, verdict.check.component.name, verdict.status, text))
        if text and text == told:
            rows[-1] = (*rows[-1][:3], "the same")
        told = text
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
        ).rstrip()
    counts = Counter(verdict.status for verdict in verdicts)
    yield ", ".join(
        f"{counts[status]} {status}" for status in ("passed", "expected", "failed") if counts[status]
    )

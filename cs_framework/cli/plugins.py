"""``cs-plugins``: what is installed, who supplies it, and what can be set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
import click
from attrs import frozen

from cs_framework.cli.console import handle_errors
from cs_framework.cli.plugins_authoring import check, new, schema
from cs_framework.errors import SetupError
from cs_framework.registry import Component, PluginInfo, Registry
from cs_framework.registry.loading import Cost, measured

_BLOCK = click.option(
    "--block", multiple=True, metavar="PLUGIN", help="Do not import a distribution, or DIST:ENTRY-POINT."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cytoplasmic-strings")
def commands() -> None:
    """Look at the installed plugins and their components, check them, and start new ones."""


@commands.command("list")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.option("--requirements", is_flag=True, help="The distributions in use, as lines for pip.")
@_BLOCK
def list_(as_json: bool, requirements: bool, block: tuple[str, ...]) -> None:
    """List components, and the plugins that are broken, blocked or slow to import."""
    if as_json and requirements:
        raise click.UsageError("--json and --requirements exclude each other")
    registry = Registry.discover(block=block)
    for warning in registry.warnings:
        click.echo(f"warning: {warning}", err=True)
    if requirements:
        used = {plugin.provenance for plugin in registry.plugins if plugin.status == "ok"}
        lines = sorted({f"{provenance.distribution}=={provenance.version}" for provenance in used})
        click.echo("\n".join(lines))
        return
    health = {component: Health.of(component) for component in registry.components()}
    if as_json:
        described = [_described(plugin, health) for plugin in registry.plugins]
        click.echo(json.dumps({"plugins": described}, indent=2))
    else:
        click.echo("\n".join(_overview(registry, health)))


@commands.command()
@click.argument("name")
@_BLOCK
def show(name: str, block: tuple[str, ...]) -> None:
    """Show the component NAME, or DISTRIBUTION/NAME: its settings, where it comes from, how to use it."""
    registry = Registry.discover(block=block)
    click.echo("\n\n".join("\n".join(_page(registry, component)) for component in registry.named(name)))


for command in (check, new, schema):
    commands.add_command(command)


def main() -> None:
    """Entry point of ``cs-plugins``."""
    with handle_errors():
        commands()


@frozen
class Health:
    """Whether a component could be used here, as far as can be told without building it."""

    missing: tuple[str, ...]
    fault: str | None
    """What is wrong with its settings class."""
    cost: Cost
    """Of importing its settings."""

    @classmethod
    def of(cls, component: Component) -> Health:
        """Look for what it needs and import its settings."""
        fault = None
        with measured() as cost:
            try:
                component.settings_class()
            except SetupError as error:
                fault = str(error)
        return cls(component.missing_needs(), fault, cost)

    @property
    def word(self) -> str:
        """For the table."""
        if self.fault:
            return "broken"
        return f"needs {', '.join(self.missing)}" if self.missing else "ok"


def _overview(registry: Registry, health: dict[Component, Health]) -> Iterator[str]:
    rows = [("KIND", "NAME", "DISTRIBUTION", "STATUS", "SUMMARY")]
    for component, its in health.items():
        kind, name = component.kind.replace("_", " "), registry.shortest_use(component)
        rows.append((kind, name, str(component.provenance), its.word, component.spec.summary))
    yield from _aligned([rows[0], *sorted(rows[1:])])
    if not registry.plugins:
        yield "no plugins are installed: install cytoplasmic-strings itself (pip install .) to get its own"
    absent = [
        f"{plugin}: {plugin.reason}"
        if plugin.status == "blocked"
        else f"{plugin}: {plugin.phase}: {plugin.reason}"
        for plugin in registry.plugins
        if plugin.status != "ok"
    ]
    faults = [its.fault for its in health.values() if its.fault]
    cures = [
        f"{component}: pip install {component.missing_cure()}"
        for component, its in health.items()
        if its.missing
    ]
    slow = [
        f"{plugin}: {plugin.provenance.import_ms:.0f} ms, importing {', '.join(plugin.provenance.heavy)}"
        for plugin in registry.plugins
        if plugin.provenance.heavy
    ] + [
        f"settings of {component}: {its.cost.import_ms:.0f} ms, importing {', '.join(its.cost.heavy)}"
        for component, its in health.items()
        if its.cost.heavy
    ]
    sections = {
        "Not loaded:": absent,
        "Broken:": faults,
        "To install:": cures,
        "Slow to import, which delays every command:": slow,
    }
    for title, texts in sections.items():
        if texts:
            yield from ("", title, *(f"  {text}" for text in texts))


def _described(plugin: PluginInfo, health: dict[Component, Health]) -> dict[str, Any]:
    return {
        **attrs.asdict(plugin.provenance),
        "status": plugin.status,
        "phase": plugin.phase,
        "reason": plugin.reason,
        "components": [
            {
                "kind": component.kind,
                **attrs.asdict(component.spec),
                "qualified_name": component.qualified_name,
                "missing": health[component].missing,
                "fault": health[component].fault,
            }
            for component in plugin.components
        ],
    }


def _page(registry: Registry, component: Component) -> Iterator[str]:
    from cs_framework.recipe.reader import fields_of
    from cs_framework.recipe.reference import setting_rows

    spec, provenance = component.spec, component.provenance
    entry_point = f", entry point {provenance.entry_point!r}" if provenance.entry_point else ""
    heavy = f", importing {', '.join(provenance.heavy)}" if provenance.heavy else ""
    missing = component.missing_needs()
    facts = [
        ("supplied by", f"{provenance}{entry_point}"),
        ("file", provenance.file or "unknown"),
        ("import", f"{provenance.import_ms:.0f} ms{heavy}"),
        ("factory", spec.factory),
        ("settings", spec.settings),
        ("needs", ", ".join(spec.needs) or "nothing more"),
    ]
    if missing:
        facts.append(("missing", f"{', '.join(missing)}: pip install {component.missing_cure()}"))
    yield f"{component.qualified_name} ({component.kind.replace('_', ' ')})"
    yield f"  {spec.summary}"
    yield ""
    yield from _aligned([(f"  {name}", text) for name, text in facts])
    settings = component.settings_class()
    yield ""
    if fields_of(settings):
        heading = ("SETTING", "TYPE", "DEFAULT", "ALLOWED", "")
        yield from _aligned([heading, *setting_rows(settings)])
    else:
        yield "no settings"
    yield from ("", "in a recipe:", "")
    yield from (
        f"  {line}".rstrip() for line in _fragment(registry.shortest_use(component), component, settings)
    )


def _fragment(use: str, component: Component, settings: type) -> Iterator[str]:
    """The lines of a recipe that use a component with all its defaults."""
    import tomli_w

    from cs_framework.recipe.reader import default_of, fields_of, key_of, plain

    defaults = {key_of(field): default_of(field) for field in fields_of(settings)}
    given = {key: plain(value) for key, value in defaults.items() if value not in (None, attrs.NOTHING)}
    table = {"use": use, **({"settings": given} if given else {})}
    kind = component.kind
    yield from tomli_w.dumps({kind: [table] if kind == "proposer" else table}).splitlines()
    for key, value in defaults.items():
        if value is attrs.NOTHING:
            yield f"# {key} = ...  required"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


if __name__ == "__main__":
    main()

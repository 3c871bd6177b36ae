"""Everything that can be named from outside is documented."""

from __future__ import annotations

import re
import tomllib
from itertools import takewhile
from urllib.parse import urlsplit

import attrs
import click
import pytest

from cs_framework.api import components as interfaces
from cs_framework.api import hookspecs
from cs_framework.api import specs as records
from cs_framework.api.specs import KINDS
from cs_framework.cli import app, compare, data, detect, export, plugins, run
from cs_framework.recipe.reader import fields_of, key_of
from cs_framework.recipe.reference import recipe_reference
from cs_framework.recipe.schema import ComponentUse, Recipe
from cs_framework.registry import Registry
from tests.docs.pages import DOCS, HOOK_PAGES, ROOT

PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text() for page in [ROOT / "README.md", *DOCS.rglob("*.md")]
}
PROTOCOLS = {
    "anomaly_filter": (
        interfaces.AnomalyFilter,
        interfaces.Window,
        interfaces.History,
        interfaces.Explanation,
        interfaces.Exportable,
    ),
    "proposer": (interfaces.Proposer, interfaces.FilterBound),
    "embedder": (interfaces.Embedder,),
    "scorer": (
        interfaces.Scorer,
        interfaces.RegionTable,
        interfaces.Regions,
        interfaces.RegionScores,
        interfaces.Exportable,
    ),
}


def named(text):
    """Every word in code spans of the prose, so that ``fit(train, val, env)`` names all four."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {word for span in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[\w-]+", span)}


def members(cls):
    """Public attributes, fields and methods of a class."""
    return {name for name in {*vars(cls), *getattr(cls, "__annotations__", {})} if not name.startswith("_")}


def test_there_is_a_page_for_each_hook_and_it_names_hook_record_and_table():
    hooks = {name for name in vars(hookspecs) if name.startswith("cs_")}
    specs = {
        cls.kind: cls for cls in vars(records).values() if isinstance(cls, type) and hasattr(cls, "kind")
    }
    assert HOOK_PAGES.keys() == set(KINDS) == specs.keys()
    assert {f"cs_{kind}s" for kind in KINDS} == hooks
    for kind, page in HOOK_PAGES.items():
        head = page.read_text().partition("## Contract")[0]
        assert {f"cs_{kind}s", specs[kind].__name__, kind} <= named(head)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_page_names_every_member_of_what_is_exchanged(kind):
    words = named(HOOK_PAGES[kind].read_text())
    assert {f"{cls.__name__}.{name}" for cls in PROTOCOLS[kind] for name in members(cls) - words} == set()


def test_every_field_of_a_record_is_documented_with_its_default():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGES["docs/hooks/record.md"], re.MULTILINE))
    for field in attrs.fields(records.ScorerSpec):
        default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
        assert rows[field.name] == ("required" if default is attrs.NOTHING else f"`{default!r}`"), field.name


@pytest.mark.parametrize("cls", [interfaces.Env, interfaces.Frame])
def test_what_every_component_gets_is_documented(cls):
    assert members(cls) - named(PAGES["docs/hooks/record.md"]) == set()


def test_the_recipe_reference_is_current():
    assert PAGES["docs/recipe.md"] == recipe_reference(Registry.discover()), (
        "python -m cs_framework.recipe.reference > docs/recipe.md"
    )


def test_every_key_of_a_recipe_and_every_setting_of_our_components_is_in_it():
    def keys(cls, prefix=""):
        for field in fields_of(cls):
            if attrs.has(field.type):
                yield from keys(field.type, f"{prefix}{key_of(field)}.")
            elif key_of(field) not in KINDS:
                yield prefix + key_of(field)

    page = PAGES["docs/recipe.md"]
    of_recipe, _, of_components = page.partition("## Settings of components")
    documented = set(re.findall(r"^\| `([\w.]+)` \|", of_recipe, re.MULTILINE))
    assert documented == {*keys(Recipe), *keys(ComponentUse)}
    ours = [c for c in Registry.discover().components() if c.provenance.distribution == "cytoplasmic-strings"]
    assert len(ours) >= 5
    for component in ours:
        title = f"### `{component.name}` ({component.kind.replace('_', ' ')})"
        _, _, section = of_components.partition(title)
        found = re.findall(r"^\| `([\w.]+)` \|", section.partition("###")[0], re.MULTILINE)
        assert found == list(keys(component.settings_class()))


def test_every_command_is_in_the_index_and_every_index_entry_is_a_command():
    groups = {
        "cs-run": run.main,
        "cs-detect": detect.main,
        "cs-compare": compare.main,
        "cs-plugins": plugins.commands,
        "cs-data": data.commands,
        "cs-export": export.main,
        "cs-app": app.main,
    }
    commands = {
        f"{name} {sub}".strip()
        for name, command in groups.items()
        for sub in (command.commands if isinstance(command, click.Group) else [""])
    }
    rows = re.findall(r"^\| `(cs-[^`]+)` \|", PAGES["docs/README.md"], re.MULTILINE)
    listed = {" ".join(takewhile(str.islower, row.split())) for row in rows}
    assert listed == commands
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts.keys() == groups.keys()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    targets = re.findall(r"(?<!\!)\[[^]]*\]\(([^)\s]+)\)", PAGES[page])
    local = [urlsplit(target).path for target in targets if not urlsplit(target).scheme]
    assert [path for path in local if path and not (ROOT / page).parent.joinpath(path).exists()] == []


def test_every_page_is_in_the_index():
    linked = re.findall(r"\]\(([^)\s]+)\)", PAGES["docs/README.md"])
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"README.md"}
    assert pages - set(linked) == set()

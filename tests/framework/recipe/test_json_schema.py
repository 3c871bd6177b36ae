"""The schema says what the reader says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import frozen
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cs_framework import EmbedderSpec, ProposerSpec, hookimpl, setting
from cs_framework.api.settings import PathOrName
from cs_framework.cli.plugins import commands
from cs_framework.errors import RecipeError
from cs_framework.recipe import load_recipe
from cs_framework.recipe.json_schema import recipe_schema, table_schema
from cs_framework.recipe.reader import read_table
from cs_framework.recipe.schema import Recipe
from cs_framework.registry import Registry

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))


@frozen
class Inner:
    """A table in a table."""

    on: bool = setting(True, help="a switch")


@frozen
class Everything:
    """A setting of each type that a recipe can give."""

    weights: PathOrName = setting(help="required")
    folder: Path | None = setting(None, help="a folder")
    count: int = setting(3, ge=1, lt=9, help="a count")
    share: float = setting(0.5, gt=0, le=1, help="a share")
    mode: Literal["a", "b"] = setting("a", help="a mode")
    chosen: str = setting("x", choices=("x", "y"), help="a choice")
    sizes: tuple[float, ...] = setting((1.0,), ge=1, help="sizes")
    pair: tuple[int, str] = setting((1, "a"), help="a pair")
    either: int | str = setting(1, help="a number or a word")
    free: dict[str, Any] = setting({}, help="anything")
    inner: Inner = setting(Inner(), help="further settings")


@frozen
class NoSettings:
    """None."""


@frozen
class Unreadable:
    """A type that no recipe can give."""

    number: complex = setting(1j, help="a number")


class Plugin:
    """Announces an embedder with every setting, and one whose settings are out of reach."""

    @hookimpl
    def cs_embedders(self):
        for name, settings in {"all": "Everything", "none": "NoSettings", "odd": "Unreadable"}.items():
            yield EmbedderSpec(name, f"{__name__}:Plugin", f"{__name__}:{settings}", f"the embedder {name}")

    @hookimpl
    def cs_proposers(self):
        yield ProposerSpec("grid", f"{__name__}:Plugin", f"{__name__}:NoSettings", "a grid")


class Second:
    """Takes one of its names."""

    @hookimpl
    def cs_embedders(self):
        yield EmbedderSpec("none", f"{__name__}:Plugin", f"{__name__}:NoSettings", "another")


@pytest.fixture(scope="module")
def registry():
    return Registry.from_plugins({"first": Plugin(), "second": Second()})


@pytest.fixture(scope="module")
def validator(registry):
    schema = recipe_schema(registry)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(validator, text):
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_bundled_recipes_validate_and_so_does_what_they_resolve_to(path):
    printed = CliRunner().invoke(commands, ["schema"])
    validator = Draft202012Validator(json.loads(printed.output))
    assert faults(validator, path.read_text()) == []
    overrides = ["data.root=."] if path.stem.startswith(("published", "real")) else ["steps=[]"]
    assert faults(validator, load_recipe(path, overrides=overrides).to_toml()) == []


def test_every_key_of_a_recipe_is_explained(validator):
    def tables(schema):
        for key, value in schema.get("properties", {}).items():
            yield key, value
            yield from tables(value)

    definitions = validator.schema["$defs"]
    for key, value in tables(validator.schema):
        described = definitions.get(key, value)
        assert described.get("description"), key
    assert validator.schema["properties"].keys() == table_schema(Recipe)["properties"].keys()


def test_settings_are_told_with_types_bounds_choices_defaults_and_help():
    schema = table_schema(Everything)
    assert schema["required"] == ["weights"]
    assert schema["additionalProperties"] is False
    properties = schema["properties"]
    assert properties["count"] == {
        **{"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        **{"description": "a count", "default": 3},
    }
    assert properties["share"]["exclusiveMinimum"] == 0
    assert properties["mode"]["enum"] == ["a", "b"]
    assert properties["chosen"]["enum"] == ["x", "y"]
    assert properties["sizes"]["items"] == {"type": "number", "minimum": 1}
    assert properties["inner"]["properties"]["on"] == {
        **{"type": "boolean", "description": "a switch", "default": True}
    }
    assert "default" not in properties["folder"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[embedder]\nuse = "all"\nsettings = { weights = "w" }', []),
        ('[embedder]\nuse = "first/all"\nsettings = { weights = "w", count = 2 }', []),
        ('[embedder]\nuse = "all"', ["$.embedder: 'settings' is a required property"]),
        ('[embedder]\nuse = "all"\nsettings = {}', ["$.embedder.settings: 'weights' is a required property"]),
        (
            '[embedder]\nuse = "all"\nsettings = { weights = "w", count = 9 }',
            ["$.embedder.settings.count: 9 is greater than or equal to the maximum of 9"],
        ),
        ('[embedder]\nuse = "odd"\nsettings = { whatever = 1 }', []),
        ('[embedder]\nuse = "second/none"', []),
        ('[embedder]\nuse = "none"', ["$.embedder.use: 'none' is not one of"]),
        ('[[proposer]]\nuse = "grd"', ["$.proposer[0].use: 'grd' is not one of"]),
        ('plugins = ["./a.py"]\n[[proposer]]\nuse = "mine"\nsettings = { a = 1 }', []),
        ('[proposer]\nuse = "grid"', ["$.proposer: {'use': 'grid'} is not of type 'array'"]),
        ('steps = ["walk"]', ["$.steps[0]: 'walk' is not one of"]),
        ("[pipeline]\ntop = 0", ["$.pipeline.top: 0 is less than the minimum of 1"]),
        ("[pipeline]\ngate = { sensitivty = 1 }", ["$.pipeline.gate: Additional properties are not allowed"]),
    ],
)
def test_a_recipe_is_refused_where_it_is_wrong(lines, said, validator, registry, tmp_path):
    found = faults(validator, lines)
    assert len(found) == len(said), found
    for fault, text in zip(found, said, strict=True):
        assert fault.startswith(text)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(lines if "steps" in lines else f"steps = []\n{lines}")
    if said:  # and never where the reader has nothing to object
        with pytest.raises(RecipeError):
            load_recipe(recipe, registry=registry)


# 3.0 is an integer in JSON Schema, and a wrong type in a recipe
_FLOATS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
_VALUES = st.recursive(
    st.booleans() | st.integers(-3, 12) | _FLOATS | st.sampled_from(["", "a", "b", "x", "y"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "on"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_KEYS = st.sampled_from([*table_schema(Everything)["properties"], "unknown"])


@given(key=_KEYS, value=_VALUES)
def test_the_schema_takes_what_the_reader_takes_and_nothing_else(key, value):
    values = {"weights": "w", key: value}
    if any(Draft202012Validator(table_schema(Everything)).iter_errors(values)):
        with pytest.raises(RecipeError):
            read_table(Everything, values, "settings")
    else:
        read_table(Everything, values, "settings")

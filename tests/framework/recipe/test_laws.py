"""Laws of reading recipes: no traceback whatever is written, strict types, and the way there and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_framework import RecipeError
from cs_framework.api.specs import KINDS
from cs_framework.recipe import LoadedRecipe, load_recipe
from cs_framework.recipe.document import Document
from cs_framework.recipe.problems import Place, Problems
from cs_framework.recipe.reader import INVALID, Reader, fields_of, key_of, plain
from cs_framework.recipe.schema import Recipe
from tests.framework.recipe.toys import MINIMAL, REGISTRY, Rich

in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def all_keys(cls):
    for field in fields_of(cls):
        yield key_of(field)
        for hint in (field.type, *getattr(field.type, "__args__", ())):
            if attrs.has(hint):
                yield from all_keys(hint)


KEYS = sorted({*all_keys(Recipe), *all_keys(Rich), "odd key", "", "é"})
scalars = (
    st.integers()
    | st.integers(min_value=10**300, max_value=10**310)
    | st.floats()
    | st.booleans()
    | st.text(max_size=8)
    | st.sampled_from(
        ["grid", "rich", "mean", "train", "folder", "synthetic", "frames", "cytoplasmic-strings/rich", "~x/y"]
    )
    | st.dates()
    | st.times()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
recipes = st.dictionaries(st.sampled_from(KEYS), values, max_size=6)
paths = st.lists(st.sampled_from([*KEYS, "0", "1"]), min_size=1, max_size=4).map(".".join) | st.sampled_from(
    [*KINDS, *(f"{kind}.use" for kind in KINDS), "use", "proposer.1.use", "model", "embedder.settings.tiling"]
)
options = st.lists(
    st.builds(
        "{}={}".format, paths, st.text(max_size=8) | values.map(str) | st.sampled_from(["rich", "plain"])
    ),
    max_size=3,
)


def outcome(path, overrides=()):
    """The recipe, or its problems; anything else is a traceback that a user would see."""
    try:
        loaded = load_recipe(path, overrides=overrides, registry=REGISTRY)
    except RecipeError as error:
        for line in str(error).split("\n"):
            assert re.match(rf"{re.escape(str(path))}:(\d+:\d+:)?|--set ", line), line
        return None
    assert isinstance(loaded, LoadedRecipe)
    return loaded


@in_one_folder
@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_no_file_gives_a_traceback(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    outcome(path)


@in_one_folder
@given(recipe=recipes, overrides=options)
def test_no_recipe_and_no_option_gives_a_traceback(tmp_path, recipe, overrides):
    path = tmp_path / "recipe.toml"
    path.write_text(tomli_w.dumps(recipe), encoding="utf-8")
    outcome(path, overrides)


@in_one_folder
@given(cut=st.integers(0, len(MINIMAL)), junk=st.text(alphabet="[]{}=.,\"'#\\\na1é", max_size=6))
def test_no_slip_of_the_pen_gives_a_traceback(tmp_path, cut, junk):
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL[:cut] + junk + MINIMAL[cut:], encoding="utf-8")
    outcome(path)


@in_one_folder
@given(overrides=options)
def test_what_loads_resolves_to_itself(tmp_path, overrides):
    path, resolved = tmp_path / "recipe.toml", tmp_path / "resolved.toml"
    path.write_text(MINIMAL)
    loaded = outcome(path, overrides)
    if loaded is not None:
        resolved.write_text(loaded.to_toml(), encoding="utf-8")
        assert load_recipe(resolved, registry=REGISTRY).recipe == loaded.recipe


def read(hint, value):
    problems = Problems()
    place = Place((0, 0, 0), "here", Path("/base"))
    result = Reader(Document({}, {(): place}), problems).read(hint, value, ("key",))
    assert (result is INVALID) == bool(problems)
    return result


EXACT: dict[Any, type] = {bool: bool, int: int, str: str}


@given(value=scalars)
@pytest.mark.parametrize("hint", EXACT)
def test_scalars_are_taken_as_they_are_or_not_at_all(hint, value):
    result = read(hint, value)
    assert result is value if type(value) is EXACT[hint] else result is INVALID


@given(
    value=st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text(max_size=3)
)
def test_a_float_may_be_written_as_an_int_and_as_nothing_else(value):
    result = read(float, value)
    if type(value) in (int, float):
        assert type(result) is float
        assert result == float(value)
    else:
        assert result is INVALID


def test_figures_that_are_no_floats():
    assert read(float, float("nan")) is INVALID
    assert read(float, float("inf")) is INVALID
    assert read(float, 10**400) is INVALID


@given(value=scalars)
def test_literals_tell_types_apart(value):
    result = read(Literal[1, "grid", True], value)
    fits = any(type(value) is type(choice) and value == choice for choice in (1, "grid", True))
    assert result == value if fits else result is INVALID


@given(items=st.lists(st.integers() | st.text(max_size=2), max_size=4))
def test_tuples_are_read_item_by_item(items):
    result = read(tuple[int, ...], items)
    assert result == tuple(items) if all(type(item) is int for item in items) else result is INVALID


def test_a_type_that_no_recipe_can_give_is_said_so():
    problems = Problems()
    Reader(Document({}, {(): Place((0, 0, 0), "here", Path())}), problems).read(complex, 1, ("key",))
    with pytest.raises(RecipeError, match="here: key: has the type complex, which a recipe cannot give"):
        problems.raise_if_any()


rich = st.builds(
    Rich,
    pooling=st.sampled_from(["cls", "mean"]),
    weights=st.sampled_from(["hub/name", "/absent/w"]),
    scales=st.lists(st.floats(0.1, 9), max_size=3).map(tuple),
    low=st.floats(0, 0.4),
    high=st.floats(0.5, 1),
    table=st.none() | st.just(Path("/absent/t.csv")),
    limit=st.integers() | st.just("none"),
    names=st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(rich)
def test_plain_values_read_back_as_they_were(value):
    assert read(Rich, plain(value)) == value

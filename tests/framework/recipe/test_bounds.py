"""No setting that a bundle of anybody gives can ask for any amount of memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import attrs
import pytest
from attrs import evolve

from cs_framework import Env, SetupError
from cs_framework.api.settings import MOST_ITEMS
from cs_framework.pipeline.components import Components
from cs_framework.recipe import load_recipe
from cs_framework.recipe.reader import default_of, fields_of
from cs_framework.recipe.schema import Recipe
from cs_framework.registry import Registry
from tests.support.frames import write_recipe

HUGE = 10**9


def settings():
    for plugin in Registry.discover().plugins:
        for component in plugin.components if plugin.provenance.is_default else ():
            yield component.settings_class()
    waiting = [Recipe]
    for cls in waiting:
        waiting += [field.type for field in fields_of(cls) if attrs.has(field.type)]
        yield cls


def counts():
    """Every whole number, and every list of any length, that a setting can be."""
    for cls in settings():
        for field in fields_of(cls):
            kinds = {field.type, *get_args(field.type)}
            if int in kinds and field.name not in ("seed", "z", "hours"):
                yield pytest.param(cls, field, id=f"{cls.__module__}.{cls.__name__}.{field.name}")


def set_to(cls, field, value):
    required = {f.name: default_of(f) for f in fields_of(cls) if f.default is not attrs.NOTHING}
    return cls(**{**required, field.name: value})


@pytest.mark.parametrize(("cls", "field"), [*counts()])
def test_a_whole_number_has_an_upper_bound(cls, field):
    is_list = isinstance(default_of(field), tuple)
    with pytest.raises(ValueError, match="must be"):
        set_to(cls, field, (HUGE,) if is_list else HUGE)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_one_that_all_generators_take(seed):
    with pytest.raises(ValueError, match="seed"):
        Recipe(seed=seed)


def test_a_list_has_a_most_of_items():
    lists = [
        (cls, field)
        for cls in settings()
        for field in fields_of(cls)
        if field.default not in ((), None)
        if isinstance(default_of(field), tuple) and Ellipsis in get_args(field.type)
    ]
    assert lists
    for cls, field in lists:
        with pytest.raises(ValueError, match=r"must have at most|[Ll]ength"):
            set_to(cls, field, default_of(field)[:1] * (MOST_ITEMS + 1))


@pytest.mark.parametrize("context", [-1, 101, HUGE])
def test_a_filter_of_anybody_gets_no_endless_window(context, tmp_path):
    loaded = load_recipe(write_recipe(tmp_path / "r.toml", tmp_path))
    known = loaded.anomaly_filter.component
    endless = SimpleNamespace(build=lambda env: SimpleNamespace(context=context), component=known)
    with pytest.raises(SetupError, match=rf"asks for {context} neighbours.*0 to 100"):
        Components.build(evolve(loaded, anomaly_filter=endless), Env())

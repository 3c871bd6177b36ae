"""What a name in a recipe means, and what is said where it means nothing."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from cs_framework import EmbedderSpec, ProposerSpec, RecipeError, ScorerSpec, hookimpl
from cs_framework.registry import Registry
from tests.framework.registry.distributions import GOOD, install


def announcing(record_class, hook, *names):
    """A plugin object that announces components which exist nowhere else."""

    def announce():
        for name in names:
            yield record_class(name=name, factory="attrs:field", settings="attrs:field", summary="a toy")

    announce.__name__ = hook
    return SimpleNamespace(**{hook: hookimpl(announce)})


def scorers(*names):
    return announcing(ScorerSpec, "cs_scorers", *names)


REGISTRY = Registry.from_plugins(
    {
        "cytoplasmic-strings:default": scorers("mean", "median"),
        "cytoplasmic-strings:boxes": announcing(ProposerSpec, "cs_proposers", "grid"),
        "cs-one": scorers("mean", "shared"),
        "cs-two": scorers("shared"),
        "cs-broken": SimpleNamespace(),
    }
)


@pytest.mark.parametrize(
    ("use", "meant"),
    [
        ("mean", "cytoplasmic-strings/mean"),
        ("cs-one/mean", "cs-one/mean"),
        ("CS_One/mean", "cs-one/mean"),
        ("cs-two/shared", "cs-two/shared"),
    ],
)
def test_a_name_means_one_component(use, meant):
    assert REGISTRY.find("scorer", use).qualified_name == meant


@pytest.mark.parametrize(
    ("kind", "use", "text"),
    [
        (
            "scorer",
            "shared",
            "several plugins supply a scorer 'shared'; write one of 'cs-one/shared', 'cs-two/shared'",
        ),
        ("embedder", "grid", "'grid' is a proposer, not an embedder"),
        ("proposer", "cytoplasmic-strings/mean", "'cytoplasmic-strings/mean' is a scorer, not a proposer"),
        ("scorer", "meen", "there is no scorer 'meen'; did you mean 'mean'?"),
        ("scorer", "cs-one/meen", "there is no scorer 'cs-one/meen'; did you mean 'cs-one/mean'?"),
        (
            "scorer",
            "cs-yolo/x",
            "'cs-yolo/x': the distribution 'cs-yolo' is not installed: pip install cs-yolo",
        ),
        (
            "scorer",
            "my_scorer.py/x",
            "'my_scorer.py/x' comes from a one-file plugin: name the path of 'my_scorer.py' under 'plugins'",
        ),
        (
            "scorer",
            "cs-broken/anything",
            "'cs-broken/anything' is not available: cs-broken 0 (entry point 'cs-broken') is installed but "
            "broken (hooks): it implements none of the hooks; is the @hookimpl decorator missing?",
        ),
        (
            "proposer",
            "yolo",
            "no installed plugin supplies a proposer 'yolo' (available: 'grid'); perhaps one of these does: "
            "cs-broken 0 (entry point 'cs-broken') is installed but broken (hooks): it implements none "
            "of the hooks; is the @hookimpl decorator missing?",
        ),
    ],
)
def test_a_name_that_means_nothing_is_explained(kind, use, text):
    with pytest.raises(RecipeError) as raised:
        REGISTRY.find(kind, use)
    assert str(raised.value) == text


def test_a_blocked_plugin_is_told_from_a_missing_one(site):
    install(site, "cs-yolo", GOOD.format(name="yolo"), version="1.2")
    registry = Registry.discover(block=["cs-yolo"])
    with pytest.raises(RecipeError) as raised:
        registry.find("scorer", "yolo")
    assert str(raised.value) == (
        "'yolo' is not available: cs-yolo 1.2 (entry point 'main') is installed but blocked by 'cs-yolo' of "
        "the recipe or --block"
    )


def test_installing_a_plugin_does_not_change_what_a_recipe_means():
    alone = Registry.from_plugins({"cytoplasmic-strings": scorers("mean")})
    crowded = Registry.from_plugins({"a-stranger": scorers("mean"), "cytoplasmic-strings": scorers("mean")})
    assert alone.find("scorer", "mean") == crowded.find("scorer", "mean")


def test_the_shortest_name_finds_its_component():
    for component in REGISTRY.components():
        assert REGISTRY.find(component.kind, REGISTRY.shortest_use(component)) == component
    shortest = {c.qualified_name: REGISTRY.shortest_use(c) for c in REGISTRY.components("scorer")}
    assert shortest["cytoplasmic-strings/median"] == "median"
    assert shortest["cs-one/mean"] == "cs-one/mean"


def test_the_same_name_may_be_of_two_kinds():
    registry = Registry.from_plugins(
        {"cs-x:a": scorers("twin"), "cs-x:b": announcing(EmbedderSpec, "cs_embedders", "twin")}
    )
    assert {component.kind for component in registry.named("twin")} == {"scorer", "embedder"}
    assert registry.find("embedder", "twin").kind == "embedder"


def test_no_plugins_at_all():
    with pytest.raises(RecipeError, match=r"no installed plugin supplies a scorer 'x' \(available: none\)"):
        Registry(()).find("scorer", "x")


def test_the_former_name_of_the_project_still_means_its_components():
    assert REGISTRY.find("scorer", "cs-framework/mean") == REGISTRY.find("scorer", "cytoplasmic-strings/mean")


def test_a_recorded_distribution_that_is_not_installed_is_told_with_its_version():
    with pytest.raises(RecipeError, match=re.escape("pip install cs-ones==1.2")) as caught:
        REGISTRY.find("scorer", "cs-ones/mean", "1.2")  # close to cs-one/mean
    assert "did you mean" not in str(caught.value)

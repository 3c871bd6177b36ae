"""Building components, and what is said where that fails."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from attrs import frozen

from cs_framework import Env, ScorerSpec, SetupError, hookimpl
from cs_framework.registry import Registry

HERE = __name__


@frozen
class Settings:
    pass


@frozen
class UnknownType:
    size: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037


class Plain:
    pass


class Thing:
    def __init__(self, settings, env):
        self.settings, self.env = settings, env


def careful(settings, env):
    raise SetupError("weights of 'x' are missing: give weights = \"DIR\"")


def careless(settings, env):
    raise KeyError("weights")


def component(factory="Thing", settings="Settings", **more):
    @hookimpl
    def cs_scorers():
        yield ScorerSpec(
            name="x",
            factory=factory if ":" in factory else f"{HERE}:{factory}",
            settings=f"{HERE}:{settings}",
            summary="a toy",
            **more,
        )

    registry = Registry.from_plugins({"cs-toy": SimpleNamespace(cs_scorers=cs_scorers)})
    return registry.find("scorer", "x")


def test_a_component_is_built_with_settings_and_env():
    settings, env = Settings(), Env(seed=3)
    built = component().build(settings, env)
    assert (built.settings, built.env) == (settings, env)


def test_missing_needs_are_named_with_their_cure():
    needy = component(needs=("json", "cs_nowhere", "xml.nowhere"), extra="cs-toy[all]")
    assert needy.missing_needs() == ("cs_nowhere", "xml.nowhere")
    with pytest.raises(SetupError) as raised:
        needy.build(Settings(), Env())
    assert str(raised.value) == (
        "scorer 'x' of cs-toy 0 needs 'cs_nowhere', 'xml.nowhere', not installed here: "
        'pip install "cs-toy[all]"'
    )


def test_without_an_extra_the_cure_is_what_is_missing():
    assert component(needs=("cs_nowhere",)).missing_cure() == "cs_nowhere"


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        ("Missing", f"there is no 'Missing' in the module {HERE!r}"),
        ("careless", "scorer 'x' of cs-toy 0 could not be built: KeyError: 'weights'"),
        ("careful", "weights of 'x' are missing: give weights = \"DIR\""),
        ("attrs:nothing", "scorer 'x' of cs-toy 0: there is no 'nothing' in the module 'attrs'"),
    ],
)
def test_what_went_wrong_while_building(factory, text):
    with pytest.raises(SetupError) as raised:
        component(factory).build(Settings(), Env())
    assert text in str(raised.value)


def test_the_cause_of_a_failure_is_kept():
    with pytest.raises(SetupError) as raised:
        component("careless").build(Settings(), Env())
    assert isinstance(raised.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ("Plain", "are not an attrs class"),
        ("component", "are not an attrs class"),
        ("Nothing", "there is no 'Nothing'"),
        ("UnknownType", "name 'Nowhere' is not defined"),
    ],
)
def test_settings_that_cannot_be_used(settings, text):
    with pytest.raises(SetupError, match="scorer 'x' of cs-toy 0") as raised:
        component(settings=settings).settings_class()
    assert text in str(raised.value)

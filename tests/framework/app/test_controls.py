"""Controls stand for settings, whatever a plugin declares, and what they give back is read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from attrs import evolve, frozen

from cs_framework import PathOrName, setting
from cs_framework.app.controls import controls_of, settings_from
from cs_framework.recipe.schema import PipelineSettings
from cs_framework.registry import Registry


def _even(instance, attribute, value):
    if value % 2:
        raise ValueError(f"'{attribute.name}' must be even: {value}")


@frozen
class Everything:
    flag: bool = setting(False, help="a switch")
    mode: Literal["grey", "fast"] = setting("grey", help="one of two")
    turns: int = setting(1, choices=(1, 2, 4), help="one of three")
    count: int = setting(4, gt=0, lt=100, validator=_even, help="how many")
    share: float = setting(0.5, ge=0, le=1, help="how much")
    limit: int | None = setting(None, ge=1, help="none at first")
    scale: float | None = setting(2.0, gt=0, help="may be emptied")
    sizes: tuple[float, ...] = setting((1.5, 3.0), gt=0, help="several")
    circle: tuple[float, float, float] | None = setting(None, help="three or none")
    names: tuple[str, ...] = setting(("a", "b"), help="texts")
    plane: int | Literal["best", "max"] = setting("best", help="a number or a word")
    word: str = setting("x", help="any text")
    weights: PathOrName = setting("hub/name", help="a path or a name")
    least: int = setting(40, ge=1, acts_when={"mode": "grey"}, help="grey only")


def controls(**values):
    return {control.key: control for control in controls_of(Everything(**values))}


def asked(**changed):
    values = {key: control.value for key, control in controls().items()}
    return settings_from(Everything, {**values, **changed}, "toy")


def test_each_type_gets_the_form_that_fits():
    forms = {key: control.form for key, control in controls().items()}
    assert forms == {
        "flag": "switch",
        "mode": "choice",
        "turns": "choice",
        "count": "whole",
        "share": "number",
        "limit": "whole",
        "scale": "number",
        "sizes": "list",
        "circle": "list",
        "names": "list",
        "plane": "text",
        "word": "text",
        "weights": "fixed",
        "least": "whole",
    }


def test_bounds_choices_and_texts_come_along():
    found = controls()
    assert (found["share"].low, found["share"].high) == (0, 1)
    assert (found["count"].low, found["count"].high) == (1, 99), "exclusive bounds of whole numbers"
    assert found["mode"].options == ("grey", "fast")
    assert found["turns"].options == (1, 2, 4)
    assert found["sizes"].value == "1.5, 3.0"
    assert found["share"].help == "how much"
    assert [key for key, control in found.items() if control.optional] == ["limit", "scale", "circle"]


def test_a_setting_that_makes_no_difference_says_so():
    least = controls()["least"]
    assert least.acts({"mode": "grey"})
    assert not least.acts({"mode": "fast"})
    assert controls()["count"].acts({})


def test_untouched_controls_give_the_settings_they_came_from():
    assert asked() == (Everything(), [])
    other = Everything(limit=3, scale=None, circle=(0.5, 0.5, 0.4), plane=2, sizes=(1.0,))
    values = {control.key: control.value for control in controls_of(other)}
    assert settings_from(Everything, values, "toy") == (other, [])


@pytest.mark.parametrize(
    ("key", "given", "read"),
    [
        ("sizes", "2, 4.5", (2.0, 4.5)),
        ("sizes", " 7 ", (7.0,)),
        ("names", "c, d e", ("c", "d e")),
        ("plane", "3", 3),
        ("plane", "max", "max"),
        ("circle", "0.5, 0.4, 0.3", (0.5, 0.4, 0.3)),
        ("word", "12", "12"),
        ("limit", 9, 9),
        ("scale", None, None),
        ("turns", 4, 4),
    ],
)
def test_what_is_typed_is_read_by_its_type(key, given, read):
    settings, problems = asked(**{key: given})
    assert problems == []
    assert settings == evolve(Everything(), **{key: read})


@pytest.mark.parametrize(
    ("key", "given", "said"),
    [
        ("sizes", "2, two", "toy: sizes"),
        ("sizes", "-1", "must be > 0"),
        ("circle", "0.5", "must have 3 items"),
        ("plane", "3.5", "toy: plane"),
        ("count", 3, "must be even"),
        ("share", 1.5, "must be <= 1"),
        ("sizes", "]\n[x", "toy: sizes"),
    ],
)
def test_what_is_wrong_is_said_with_its_name(key, given, said):
    settings, problems = asked(**{key: given})
    assert settings is None
    assert said in "\n".join(problems)


def test_every_problem_is_said_at_once():
    _, problems = asked(count=3, share=2.0)
    assert len(problems) == 2


def test_only_some_keys_in_a_given_order():
    found = controls_of(PipelineSettings(), ("top", "min_confidence"))
    assert [control.key for control in found] == ["top", "min_confidence"]


def test_tables_within_settings_are_left_out():
    assert "gate" not in {control.key for control in controls_of(PipelineSettings())}


def test_every_installed_component_can_be_asked_for():
    for component in Registry.discover().components():
        cls = component.settings_class()
        settings = cls()
        found = controls_of(settings)
        assert settings_from(cls, {c.key: c.value for c in found}, component.name) == (settings, []), (
            component
        )
        for control in found:
            assert control.help, (component, control.key)
            assert set(control.acts_when) <= {other.key for other in found}, (component, control.key)


def test_paths_are_shown_and_never_asked_for():
    @frozen
    class Places:
        place: Path | None = setting(None, help="somewhere on the server")

    (control,) = controls_of(Places())
    assert control.form == "fixed"

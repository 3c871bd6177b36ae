"""Each check sees its rule broken, and nothing else: components with one planted fault each."""

from __future__ import annotations

import inspect
import os

import numpy as np
import pytest

from cs_framework.testing import CHECKS, TOLERANCE, component_checks, run_check
from tests.framework.testing import planted
from tests.framework.testing.conftest import RECORDS, planted_component

SETTINGS = "tests.framework.testing.planted_settings"
PLANTED = [
    cls
    for _, cls in inspect.getmembers(planted, inspect.isclass)
    if issubclass(cls, tuple(RECORDS)) and cls.__module__ == planted.__name__
]
BUILDING = {
    *("interface", "one-item", "output-contract", "repeatable", "seed-deterministic", "global-state"),
    *("inputs-unchanged", "spawned-worker", "some-boxes"),
}


def failures(component, settings=None):
    """Reasons by check; `light-import`, which starts a process each time, has tests of its own."""
    every = component_checks(component, planted_component(planted.Brightness))
    checks = [one for one in every if one.component is component and one.check.name != "light-import"]
    verdicts = [run_check(check, settings) for check in checks]
    return {v.check.check.name: v.reason for v in verdicts if v.status == "failed"}


@pytest.mark.parametrize("cls", PLANTED, ids=lambda cls: cls.__name__)
def test_a_fault_is_seen_by_the_checks_of_its_rule_alone(cls, monkeypatch):
    monkeypatch.setenv("PLANTED_PARENT", str(os.getpid()))
    found = failures(planted_component(cls))
    assert found.keys() == set(cls.breaks.split()), found


def test_every_check_has_a_component_that_fails_it_and_one_of_each_kind_passes_all():
    elsewhere = {"light-import", "record", "paths", "settings"}  # faults of records and settings, below
    assert set().union(*(cls.breaks.split() for cls in PLANTED)) | elsewhere == CHECKS.keys()
    assert {cls for cls in PLANTED if not cls.breaks} == {*RECORDS, planted.Follower}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("NotFrozen", "NotFrozen must be frozen: @attrs.frozen"),
        ("NotExplained", "the setting 'size' lacks a help text: setting(..., help=...)"),
        ("NotForRecipes", "a recipe cannot give the type complex"),
        ("ChangesOnTheWay", "written as TOML and read again"),
    ],
)
def test_settings_are_held_to_what_recipes_and_commands_need(settings, said):
    found = failures(planted_component(planted.Grid, settings=f"{SETTINGS}:{settings}"))
    assert found.keys() == {"settings"}
    assert said in found["settings"]


def test_settings_that_are_required_are_given_to_the_check():
    component = planted_component(planted.Grid, settings=f"{SETTINGS}:Required")
    assert failures(component).keys() == {"settings", *BUILDING}
    assert failures(component, {"size": 3}) == {}


@pytest.mark.parametrize(
    ("changes", "failed", "said"),
    [
        ({"summary": "two\nlines"}, {"record"}, "one line"),
        ({"summary": "a" * 101}, {"record"}, "100 characters"),
        ({"expected_failures": {"repeatible": "x"}}, {"record"}, "repeatible"),
        ({"needs": ("no_such_module",), "extra": "that"}, {"record", *BUILDING}, "pip install that"),
        ({"factory": f"{planted.__name__}:Nowhere"}, {"paths", *BUILDING}, "no 'Nowhere'"),
        ({"factory": f"{planted.__name__}:SHAPE_OF_OUTPUT"}, {"paths", *BUILDING}, "not callable"),
        ({"settings": f"{planted.__name__}:Grid"}, {"paths", "settings", *BUILDING}, "not an attrs class"),
    ],
)
def test_records_are_held_to_what_a_run_needs(changes, failed, said):
    found = failures(planted_component(planted.Grid, **changes))
    assert found.keys() == failed
    assert said in " ".join(found.values())


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        (f"{SETTINGS}:Settings", ("passed", "")),
        (f"{planted.__name__}:HeavySettings", ("failed", "it imports cv2, numpy")),
        ("no_such_package.settings:Settings", ("failed", "it cannot be imported in a new process")),
    ],
)
def test_slow_imports_are_seen_in_a_process_that_has_imported_nothing(settings, verdict):
    component = planted_component(planted.Grid, settings=settings)
    (check,) = (check for check in component_checks(component) if check.check.name == "light-import")
    found = run_check(check)
    assert found.status == verdict[0]
    assert verdict[1] in found.reason


def test_what_a_check_changes_globally_is_as_before():
    cv2 = planted.cv2
    before = cv2.getNumThreads(), np.random.get_state()[1].tolist()
    failures(planted_component(planted.SetsThreads))
    failures(planted_component(planted.DrawsFromTheGlobalGenerator))
    assert cv2.getNumThreads() == before[0]


def test_rules_are_sentences_and_say_the_tolerance():
    for check in CHECKS.values():
        assert check.rule.endswith("."), check
    assert f"{TOLERANCE:g}" == "0.0001"
    assert "1e-4" in CHECKS["batch-independent"].rule

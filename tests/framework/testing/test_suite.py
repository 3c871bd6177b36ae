from __future__ import annotations

import pytest

from cs_framework.testing import (
    SUITE_VERSION,
    Check,
    ComponentCheck,
    component_checks,
    parametrize_components,
    run_check,
    suite,
)
from tests.framework.testing import planted
from tests.framework.testing.conftest import planted_component

REASON = "the frames are known to be large"


def verdict(component, name):
    (check,) = (check for check in component_checks(component) if check.check.name == name)
    return run_check(check)


def test_a_failure_that_the_record_expects_is_told_with_its_reason():
    component = planted_component(planted.NeedsRoom, expected_failures={"one-item": REASON})
    assert (verdict(component, "one-item").status, verdict(component, "one-item").reason) == (
        "expected",
        REASON,
    )
    assert verdict(component, "output-contract").status == "failed"


def test_an_expected_failure_that_passes_is_an_error():
    component = planted_component(planted.Grid, expected_failures={"one-item": REASON})
    found = verdict(component, "one-item")
    assert found.status == "failed"
    assert "take it out of the record's expected_failures" in found.reason


def test_an_expectation_makes_the_component_no_other():
    assert planted_component(planted.Grid) == planted_component(
        planted.Grid, expected_failures={"fit": REASON}
    )


def test_pytest_gets_one_case_for_each_check_and_strict_expectations(monkeypatch):
    components = (
        planted_component(planted.NeedsRoom, expected_failures={"one-item": REASON}),
        planted_component(planted.Threshold),
    )
    monkeypatch.setattr(suite, "components_of", lambda source: components)
    _, cases = parametrize_components("anything").args
    assert [case.id for case in cases] == [str(check) for check in component_checks(*components)]
    assert {"needs-room-one-item", "threshold-save-load"} < {case.id for case in cases}
    ((case, mark),) = ((case, mark) for case in cases for mark in case.marks)
    assert case.id == "needs-room-one-item"
    assert (mark.name, mark.kwargs) == ("xfail", {"reason": REASON, "strict": True})


def test_an_older_suite_leaves_out_what_came_later(monkeypatch):
    later = Check("later", lambda subject: None, ("proposer",), since=SUITE_VERSION + 1)
    monkeypatch.setitem(suite.CHECKS, "later", later)
    monkeypatch.setattr(suite, "SUITE_VERSION", SUITE_VERSION + 1)
    component = planted_component(planted.Grid)
    assert ComponentCheck(component, later) in list(component_checks(component, suite=SUITE_VERSION + 1))
    assert ComponentCheck(component, later) not in list(component_checks(component, suite=SUITE_VERSION))


@pytest.mark.parametrize("version", [0, SUITE_VERSION + 1])
def test_a_suite_that_does_not_exist_is_refused(version):
    with pytest.raises(ValueError, match=f"1 to {SUITE_VERSION}"):
        list(component_checks(suite=version))


def test_a_rule_applies_to_the_kinds_that_have_it():
    def names(cls):
        return {check.check.name for check in component_checks(planted_component(cls))}

    assert {"fit", "save-load"} <= names(planted.Threshold) & names(planted.Brightness)
    assert not {"fit", "save-load"} & (names(planted.Grid) | names(planted.Means))

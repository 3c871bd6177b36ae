"""Putting components through the checks, under pytest or without it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from cs_framework._hints import reason
from cs_framework.errors import NOT_A_FAULT, RecipeError, SetupError
from cs_framework.registry import Component, Registry
from cs_framework.testing.checks import CHECKS, SUITE_VERSION, Check
from cs_framework.testing.exercises import ConformanceError
from cs_framework.testing.sources import Source, components_of
from cs_framework.testing.subject import Subject, fitted_filter

if TYPE_CHECKING:
    import pytest


@frozen
class ComponentCheck:
    """One check of one component. Calling it raises where the component breaks the rule."""

    component: Component
    check: Check
    filter: Component | None = None
    """The anomaly filter that the component works with, if it works with one."""

    def __call__(
        self, settings: Mapping[str, Any] | None = None, filter_settings: Mapping[str, Any] | None = None
    ) -> None:
        """Run the check.

        Args:
            settings: of the component, as a recipe gives them; the rest have their defaults. Give what
                makes it small and fast: few epochs, small images, local weights.
            filter_settings: of the filter that it works with, which is fitted on sample data.
        """
        with ExitStack() as undo:
            fitted = fitted_filter(self.filter, filter_settings or {}) if self.filter else None
            self.check.run(Subject(self.component, settings or {}, undo, fitted))

    @property
    def expected_failure(self) -> str | None:
        """The reason, where the component's record says that it fails this check."""
        return self.component.spec.expected_failures.get(self.check.name)

    def __str__(self) -> str:
        """Such as ``grid-empty-batch``."""
        return f"{self.component.name}-{self.check.name}"


@frozen
class Verdict:
    """How a check went."""

    check: ComponentCheck
    status: Literal["passed", "failed", "expected"]
    """``expected``: it failed, and its record says why it does."""
    reason: str = ""


def component_checks(*components: Component, suite: int = SUITE_VERSION) -> Iterator[ComponentCheck]:
    """The checks that apply to some components.

    Args:
        components: see `components_of`.
        suite: the version of the suite. Checks that came or became stricter later are left out, so that a
            new version of the framework does not fail what passed before.

    Raises:
        ValueError: there is no such version.
        SetupError: a component works with a filter that is not installed.
    """
    if not 1 <= suite <= SUITE_VERSION:
        raise ValueError(f"suite must be 1 to {SUITE_VERSION}, not {suite}")
    for component in components:
        filter = _filter_of(component, components)
        for check in CHECKS.values():
            applies = component.kind in check.kinds and (filter is not None or not check.bound)
            if applies and check.since <= suite:
                yield ComponentCheck(component, check, filter)


def _filter_of(component: Component, known: Sequence[Component]) -> Component | None:
    """The filter that a component works with: one of those at hand, or an installed one."""
    if component.partner is None:
        return None
    for other in known:
        if other.kind == "anomaly_filter" and other.is_called(component.partner):
            return other
    try:
        return Registry.discover().find("anomaly_filter", component.partner)
    except RecipeError as error:
        raise SetupError(f"{component} works with {component.partner!r}: {error}") from error


def run_check(
    check: ComponentCheck,
    settings: Mapping[str, Any] | None = None,
    filter_settings: Mapping[str, Any] | None = None,
) -> Verdict:
    """Run a check and say how it went; a failure that is expected but does not happen is one, too."""
    try:
        check(settings, filter_settings)
    except NOT_A_FAULT:
        raise
    except BaseException as error:  # sys.exit would end the command, and as if all were well
        text = check.expected_failure
        return Verdict(check, "expected", text) if text else Verdict(check, "failed", _told(error))
    if check.expected_failure:
        return Verdict(check, "failed", "it passes: take it out of the record's expected_failures")
    return Verdict(check, "passed")


def parametrize_components(*sources: Source, suite: int = SUITE_VERSION) -> pytest.MarkDecorator:
    """Make one test of each check of each component; the test calls its argument `check`.

    A check that the component's record expects to fail is a strict xfail.

    Args:
        sources: names of installed distributions, modules of plugins, project folders, or one-file plugins.
        suite: the version of the suite; see `component_checks`.

    Raises:
        SetupError: a source supplies no component, or is broken.

    Example:
        ::

            @parametrize_components(my_plugin)
            def test_conformance(check):
                check()  # or check({"epochs": 1})
    """
    import pytest

    found = (component for source in sources for component in components_of(source))
    parameters = []
    for check in component_checks(*found, suite=suite):
        text = check.expected_failure
        marks = [pytest.mark.xfail(reason=text, strict=True)] if text else []
        parameters.append(pytest.param(check, id=str(check), marks=marks))
    return pytest.mark.parametrize("check", parameters)


def _told(error: BaseException) -> str:
    """A broken rule in its own words; else the exception, with the file and line where it was raised."""
    if isinstance(error, ConformanceError):
        return str(error)
    frames = [*traceback.extract_tb(error.__traceback__)]
    if error.__cause__ is not None:
        frames += traceback.extract_tb(error.__cause__.__traceback__)
    return f"{reason(error)} ({frames[-1].filename}:{frames[-1].lineno})"

"""A component under test: how checks build it, fit it and call it."""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from attrs import field, frozen

from cs_framework.api.components import Closable, Env
from cs_framework.api.specs import Kind
from cs_framework.recipe.reader import read_table
from cs_framework.registry import Component
from cs_framework.registry.modules import import_object
from cs_framework.testing.exercises import EXERCISES, LEARNERS, Figures, limit_threads

ENV = Env(seed=7)


@frozen(eq=False)
class FittedFilter:
    """The anomaly filter that a bound component is tried with, and the folder of what it has learnt."""

    component: Component
    given: Mapping[str, Any]
    """Its settings as a recipe gives them."""
    folder: Path

    def loaded(self, undo: ExitStack) -> Any:
        """The filter itself, built anew."""
        built = Subject(self.component, self.given, undo).build()
        built.load(self.folder)
        return built


_fitted: dict[str, FittedFilter] = {}


def fitted_filter(component: Component, given: Mapping[str, Any]) -> FittedFilter:
    """A filter fitted on the sample data, once for each process and its settings."""
    key = f"{component.qualified_name} {dict(given)}"
    if key not in _fitted:
        folder = Path(mkdtemp(prefix="cs-framework-filter-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        with ExitStack() as undo:
            Subject(component, given, undo).ready().save(folder)
        _fitted[key] = FittedFilter(component, dict(given), folder)
    return _fitted[key]


@frozen(eq=False)
class Subject:
    """A component under test and the settings to build it with."""

    component: Component
    given: Mapping[str, Any] = field(factory=dict)
    """Its settings as a recipe gives them; the rest have their defaults."""
    undo: ExitStack = field(factory=ExitStack)
    """Closed by whoever runs a check, to restore what it had to change."""
    filter: FittedFilter | None = None
    """What it is bound to, if it works with a filter."""

    @property
    def kind(self) -> Kind:
        """The component's kind."""
        return self.component.kind

    def settings(self) -> Any:
        """The settings, read as from a recipe.

        Raises:
            RecipeError: they are wrong; a line for each.
        """
        return read_table(self.component.settings_class(), self.given, "settings")

    def prepare(self) -> None:
        """Import the factory, and give what it computes with the one thread that its environment has."""
        import_object(self.component.spec.factory, str(self.component))
        limit_threads(self.undo)

    def build(self) -> Any:
        """A new component."""
        self.prepare()
        component = self.component.build(self.settings(), ENV)
        if isinstance(component, Closable):
            self.undo.callback(component.close)
        return component

    def ready(self) -> Any:
        """A new component, fitted on sample data where its kind learns, and bound where it works so."""
        component = self.bound(self.build())
        if self.kind in LEARNERS:
            component.fit(*LEARNERS[self.kind].training(component), ENV)
        return component

    def bound(self, component: Any) -> Any:
        """The same component, bound to its filter if it works with one."""
        if self.filter is not None:
            component.bind(self.filter.loaded(self.undo))
        return component

    def figures(self, component: Any, items: Sequence[Any] | None = None) -> Figures:
        """What a component gives for some items, or for one of every sort."""
        exercise = EXERCISES[self.kind]
        items = exercise.items(component) if items is None else items
        return exercise.figures(exercise.call(component, items), items)

"""A process that builds components from names, settings and saved files alone, as the workers of a run do."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cs_framework.pipeline.engines.safe_path import safe_path
from cs_framework.registry import Component
from cs_framework.registry.loading import load_file
from cs_framework.testing.exercises import LEARNERS, ConformanceError, Figures
from cs_framework.testing.subject import FittedFilter, Subject


def figures_in_worker(
    component: Component, given: Mapping[str, Any], saved: Path, filter: FittedFilter | None = None
) -> Figures:
    """What a component gives for the sample inputs when a spawned process builds it.

    One process serves all components, since starting one takes seconds.

    Args:
        component: names its factory and settings; nothing that was built is sent.
        given: its settings as a recipe gives them.
        saved: what it has learnt, if its kind learns.
        filter: what it is bound to, if it works with a filter.

    Raises:
        ConformanceError: the process died.
    """
    try:
        with safe_path():
            working = _pool().submit(_figures, component, dict(given), saved, filter)
        return working.result()
    except BrokenProcessPool as error:
        _pool.cache_clear()
        raise ConformanceError("the process in which it was built died") from error


@cache
def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _figures(
    component: Component, given: Mapping[str, Any], saved: Path, filter: FittedFilter | None
) -> Figures:
    if component.provenance.entry_point is None and component.provenance.file:
        load_file(Path(component.provenance.file))  # the module of a one-file plugin is found no other way
    with ExitStack() as undo:
        subject = Subject(component, given, undo, filter)
        built = subject.bound(subject.build())
        if subject.kind in LEARNERS:
            built.load(saved)
        return subject.figures(built)

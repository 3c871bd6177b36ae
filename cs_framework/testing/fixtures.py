"""Fixtures: ``pytest_plugins = ["cs_framework.testing.fixtures"]`` in a project's ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cs_framework.api.arrays import Float32
from cs_framework.api.frames import Frame
from cs_framework.registry import Registry
from cs_framework.testing.recipes import RecipeRunner
from cs_framework.testing.samples import sample_batch, sample_frames


@pytest.fixture
def frames() -> dict[str, Frame]:
    """One frame of every sort, by name; see `sample_frames`."""
    return sample_frames()


@pytest.fixture
def boxed_frames() -> list[tuple[Frame, Float32]]:
    """Frames of every sort with boxes, and one with none; see `sample_batch`."""
    return sample_batch()


@pytest.fixture
def closed_registry(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, object]], Registry]:
    """Makes registries of the plugins that a test names; looking for installed ones fails the test.

    Call it as [Registry.from_plugins][cs_framework.registry.Registry.from_plugins].
    """

    def refuse(**_: Any) -> NoReturn:
        pytest.fail("this test uses closed_registry, but something looked for installed plugins")

    monkeypatch.setattr(Registry, "discover", refuse)
    return Registry.from_plugins


@pytest.fixture
def run_recipe(tmp_path: Path) -> RecipeRunner:
    """Runs recipes as ``cs-run`` does and gives their `Outcome`."""
    return RecipeRunner(tmp_path)

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no failure: nothing is timed in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

SLOW = (
    *("benchmarks", "e2e", "examples", "framework/scaffold", "hostile"),
    *("plugins/cs_implant_net/test_recipe.py", "plugins/test_conformance.py"),
)
"""Whole rooms of tests that train, start processes or open a browser."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow rooms; ``-m "not slow"`` leaves out these and those that are marked by hand."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)

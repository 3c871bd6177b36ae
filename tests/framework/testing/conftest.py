from __future__ import annotations

import re
import sys

import pytest

from cs_framework.api.specs import AnomalyFilterSpec, EmbedderSpec, ProposerSpec, ScorerSpec
from cs_framework.registry import Component, Provenance
from cs_framework.testing import sources
from tests.framework.testing import planted

RECORDS = {
    planted.Brightness: AnomalyFilterSpec,
    planted.Grid: ProposerSpec,
    planted.Means: EmbedderSpec,
    planted.Threshold: ScorerSpec,
}


def planted_component(cls, **changes):
    """A planted class as a component; `changes` are those of its record."""
    record = next(record for base, record in RECORDS.items() if issubclass(cls, base))
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
    given = {
        "name": name,
        "factory": f"{planted.__name__}:{cls.__name__}",
        "settings": f"{planted.__name__}_settings:Settings",
        "summary": f"the planted {name}",
    }
    if hasattr(cls, "works_with"):
        given["works_with"] = cls.works_with
    return Component(record(**{**given, **changes}), Provenance("planted", "0", "planted"))


@pytest.fixture
def own_path(monkeypatch):
    """What a test makes look installed is gone after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    caches = (sources._look_installed, sources._site)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("made_up"):
            del sys.modules[name]

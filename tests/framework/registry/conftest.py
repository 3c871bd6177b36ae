from __future__ import annotations

import importlib
import sys

import pytest


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path whose modules are forgotten afterwards; nothing else is blocked there."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("CS_FRAMEWORK_BLOCK", raising=False)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()

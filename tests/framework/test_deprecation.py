"""What is deprecated says so, and goes in time."""

from __future__ import annotations

import ast
import importlib
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

import cs_framework

ROOT = Path(cs_framework.__file__).parent


def removals() -> dict[str, str]:
    """The version in which each deprecated name goes, by file and line."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "deprecated":
                (gone,) = (word.value for word in node.keywords if word.arg == "gone_in")
                assert isinstance(gone, ast.Constant), "a test reads it"
                found[f"{file.relative_to(ROOT)}:{node.lineno}"] = str(gone.value)
    return found


@pytest.mark.parametrize(("where", "gone_in"), removals().items())
def test_what_is_overdue_is_taken_away(where, gone_in):
    assert Version(gone_in) > Version(version("cytoplasmic-strings")), f"take it away: {where}"


def test_the_former_name_of_the_contract_warns():
    sys.modules.pop("cs_framework.interfaces", None)
    with pytest.warns(DeprecationWarning, match="from cs_framework import"):
        importlib.import_module("cs_framework.interfaces")
    assert removals()

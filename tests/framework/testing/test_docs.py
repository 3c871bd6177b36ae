"""The page on testing says what the kit does."""

from __future__ import annotations

import re
from pathlib import Path

from cs_framework import testing
from cs_framework.api.specs import KINDS
from cs_framework.testing import CHECKS, fixtures

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text(encoding="utf-8")


def test_the_table_holds_every_check_with_its_kinds_and_rule():
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.+\.) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            check.name,
            "all" if check.kinds == KINDS else ", ".join(kind.replace("_", " ") for kind in check.kinds),
            check.rule,
        )
        for check in CHECKS.values()
    ]


def test_every_fixture_and_sample_is_documented():
    found = [name for name in vars(fixtures) if hasattr(getattr(fixtures, name), "_fixture_function_marker")]
    found += [name for name in testing.__all__ if name.startswith("sample_")]
    assert len(found) == 10
    assert [name for name in found if not re.search(rf"`{name}(\(.*?\))?`", PAGE)] == []

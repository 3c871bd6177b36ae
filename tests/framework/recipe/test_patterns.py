"""Patterns of anybody: they mean what Python's mean, and end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.errors import RecipeError
from cs_framework.recipe import patterns
from cs_framework.recipe.patterns import NamePattern

USED = [
    r"(?P<group>.+)_\d+",
    r"(?P<group>[A-Za-z]+-?\d{1,4})_(?P<frame>\d{4})(?:_(?P<hours>\d+(?:\.\d+)?)h)?$",
    r"^(?P<group>\w+?)(?=_z)_z(?P<frame>-?\d+)",
    r"(?P<group>\{[^}]+\})",
]


@given(st.sampled_from(USED), st.text(alphabet="ab_z-0123456789.{}h", max_size=20))
def test_it_finds_what_the_standard_library_finds(text, name):
    match = re.search(text, name)
    assert NamePattern(text).find(name) == (match.groupdict() if match else {})


@pytest.mark.parametrize(
    "text", [r"(?P<group>(a|a)+)x", r"(?P<group>(a|aa)+)[bc]", r"(?P<group>(a?){60}a{60})[bc]"]
)
def test_one_that_backtracks_without_end_is_told(text):
    pattern = NamePattern(text)
    pattern._left = 0.05
    with pytest.raises(RecipeError, match=r"group_pattern: takes too long on names such as 'aaa.*repetition"):
        pattern.find("a" * 60 + "?")


@pytest.mark.parametrize(
    "text",
    [
        "(?P<group>a{1000000}){1000000}",
        "(?P<group>((((a{50}){50}){50}){50}){50})",
        "(?P<group>a)" + "b" * 1000,
        "(?P<group>a",
        "(?P<group>a){e<=3}",
        "(?P<group>(?R)?a)",
        "(.+)",
        "",
    ],
)
def test_one_that_cannot_be_used_is_told_before_it_is_compiled(text):
    with pytest.raises(ValueError, match=r"regular expression|has no group|repeats too much|longer than"):
        NamePattern(text)


def test_many_names_do_not_use_up_the_time():
    pattern = NamePattern(USED[1])
    for number in range(5000):
        assert pattern.find(f"embryo-{number % 9}_{number:04d}")["frame"]
    assert pattern._left > patterns.EACH

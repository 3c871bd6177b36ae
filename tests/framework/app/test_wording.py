from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework.app.wording import literal


def shown(markdown: str) -> str:
    """What CommonMark makes of text in which every sign is escaped."""
    return re.sub(f"\\\\([{re.escape(string.punctuation)}])", r"\1", markdown)


@given(st.text())
def test_text_is_shown_as_it_stands(text):
    assert shown(literal(text)).replace("\u2060", "").replace("  \n", "\n") == text.replace(
        "\u2060", ""
    ).replace("  \n", "\n")


@given(st.text())
def test_no_sign_of_markdown_is_left_unescaped(text):
    assert not re.search(r"[`*_{}\[\]()<>#+\-.!|~$:&^@]", re.sub(r"\\.", "", literal(text)))


@pytest.mark.parametrize(
    "text",
    ["see https://evil.example/x", "WWW.evil.example", "mail a@evil.example", "a :smile: and :material/x:"],
)
def test_no_address_and_no_sign_is_found_once_escapes_are_undone(text):
    """By the patterns of GitHub's Markdown and of emoji, which look at plain text."""
    patterns = r"https?://|www(?=\.)|[-.\w+]+@[-\w]+|:[\w/+-]+:"
    assert re.search(patterns, text, re.IGNORECASE)
    assert not re.search(patterns, shown(literal(text)), re.IGNORECASE)

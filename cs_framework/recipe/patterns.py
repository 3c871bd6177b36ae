"""Regular expressions of anybody over names of files: matched within a limit of time.

A pattern comes with a recipe or a bundle, and one that backtracks without end would hang a run.
"""

from __future__ import annotations

import math
import re
import time

import regex
from attrs import define, field

from cs_framework.errors import RecipeError

GROUP = "group"
"""The part of a pattern that is the embryo."""
LONGEST = 1000
"""Characters of a pattern, at most."""
REPEATS = 10_000
"""Product of all counts of a pattern, at most: compiling takes time in proportion to that of nested ones."""
ONCE, EACH = 5.0, 0.001
"""Seconds of computing that a pattern has: for all names together, and for each of them in addition."""


@define
class NamePattern:
    """A pattern in the syntax of Python's `re` that says which part of a name is the embryo."""

    text: str
    _regex: regex.Pattern[str] = field(init=False, eq=False)
    _left: float = field(default=ONCE, init=False, eq=False)
    """Seconds."""

    def __attrs_post_init__(self) -> None:
        """Compile the pattern.

        Raises:
            ValueError: it is no regular expression, or does not say which part is the embryo.
        """
        if len(self.text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        unescaped = re.sub(r"\\.", "", self.text)
        counts = [int(count) for braces in re.findall(r"\{[^}]*\}", unescaped) for count in _counts(braces)]
        if math.prod(max(count, 1) for count in counts) > REPEATS:
            raise ValueError("repeats too much: write + or * instead of large counts")
        try:
            groups = re.compile(self.text).groupindex
            self._regex = regex.compile(self.text)
        except (re.error, regex.error, RecursionError, OverflowError) as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if GROUP not in groups:
            raise ValueError(f"has no group {GROUP!r}: write (?P<{GROUP}>...) around the embryo")

    def find(self, name: str) -> dict[str, str | None]:
        """The named parts of a name, none where the pattern does not match.

        Raises:
            RecipeError: matching takes too long.
        """
        self._left += EACH
        before = time.thread_time()
        try:
            match = self._regex.search(name, timeout=self._left)
        except TimeoutError:
            raise RecipeError(
                f"data.group_pattern: takes too long on names such as {name!r}, which it can match in too "
                "many ways; write it without one repetition inside another"
            ) from None
        self._left = max(self._left - (time.thread_time() - before), EACH)
        return match.groupdict() if match else {}


def _counts(braces: str) -> list[str]:
    """The numbers of ``{2}`` or ``{2,5}``.

    Raises:
        ValueError: the braces hold anything else, which other syntaxes give other meanings.
    """
    if not re.fullmatch(r"\{\d*,?\d*\}", braces):
        raise ValueError(f"not a regular expression that is understood here: write \\{{ for {{ in {braces}")
    return re.findall(r"\d+", braces)

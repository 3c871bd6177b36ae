"""What is wrong with a recipe: all of it, and where."""

from __future__ import annotations

import json
import re
from pathlib import Path

from attrs import define, field, frozen

from cs_framework.errors import RecipeError, shortened
from cs_framework.recipe.positions import KeyPath


@frozen
class Place:
    """Where something was written, for people, and what relative paths there start from."""

    rank: tuple[int, int, int]
    """Order of problems: the file by line and column, then the options as given."""
    label: str
    """Such as ``recipe.toml:9:14``."""
    base: Path


MOST = 20
"""Problems that are told one by one."""
LONGEST = 1000
"""Characters of a problem that are told: a bundle may hold names and values of any length."""


@define
class Problems:
    """Collects problems, so that all of them can be shown at once."""

    _found: dict[tuple[tuple[int, int, int], str], None] = field(factory=dict)
    _more: int = 0
    """Beyond those that are kept."""
    warnings: list[str] = field(factory=list)
    """What is not wrong, but should be known, such as keys under their former names."""

    def warn(self, place: Place, path: KeyPath, text: str) -> None:
        """Note what should be known of the key `path`, once."""
        line = f"{place.label}: {dotted(path)}: {text}"
        if line not in self.warnings:
            self.warnings.append(line)

    def add(self, place: Place, path: KeyPath, text: str) -> None:
        """Note what is wrong with the key `path`, written at `place`; said twice, it is kept once."""
        if len(self._found) == 50 * MOST:
            self._more += 1
            return
        key = dotted(path)
        line = f"{place.label}: {key}: {text}" if key else f"{place.label}: {text}"
        self._found[place.rank, shortened(line, LONGEST)] = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_if_any(self) -> None:
        """Raise one `RecipeError` with a line for each problem, in the order of the file."""
        if not self._found:
            return
        lines = [text for _, text in sorted(self._found, key=lambda problem: problem[0])]
        more = len(lines[MOST:]) + self._more
        raise RecipeError("\n".join([*lines[:MOST], *([f"and {more} more"] if more else [])]))


def dotted(path: KeyPath) -> str:
    """``("proposer", 0, "use")`` as ``--set`` takes it: ``proposer.0.use``; odd keys in quotes."""
    return ".".join(str(key) if re.fullmatch(r"[\w-]+", str(key)) else json.dumps(key) for key in path)

"""A comparison as a table for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cs_framework.compare.table import Comparison

ENOUGH = 10
"""Embryos from which an interval is taken at its word; with fewer the bootstrap's is too narrow."""


def markdown(comparison: Comparison) -> str:
    """The table of the test split, or else of val, in Markdown that can be read as it is.

    A difference stands in bold where its interval leaves out 0 and rests on enough embryos.
    """
    splits, baseline = comparison["splits"], comparison["baseline"]
    split = "test" if "test" in splits else "val"
    figures: Mapping[str, Mapping[str, Any]] = splits[split]
    names = list(next(iter(figures.values()), {}))
    header = [split, baseline, *(word for name in names[1:] for word in (name, f"minus {baseline}"))]
    rows = [
        [_spoken(place), _value(cells[baseline]), *(t for n in names[1:] for t in _against(cells[n]))]
        for place, cells in figures.items()
    ]
    cells = [cell for row in figures.values() for cell in row.values() if not isinstance(cell, str)]
    units = " or ".join(sorted({f"{cell['n']} {cell['unit']}s" for cell in cells}))
    lines = [
        *_table([header, *rows]),
        "",
        f"In brackets: 95 % intervals; {units} were drawn, the same for all recipes. Bold: 0 lies outside. "
        f"With fewer than {ENOUGH} embryos intervals are too narrow, and nothing is in bold.",
        "",
        *(f"- {name}: {_told(changed)}" for name, changed in comparison["changed"].items()),
        *(f"- {note}" for note in comparison["notes"]),
    ]
    return "\n".join(lines) + "\n"


def _spoken(place: str) -> str:
    stage, name, *at = place.split("/")
    return f"{stage.replace('stage', 'stage ')}: {name.replace('_', ' ')}{''.join(f' @ {x}' for x in at)}"


def _told(changed: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in changed.items()) or "the same recipe"


def _value(cell: Any) -> str:
    return cell if isinstance(cell, str) else f"{cell['value']:.3f}"


def _against(cell: Any) -> tuple[str, str]:
    if isinstance(cell, str) or isinstance(cell["difference"], str):
        return _value(cell), "" if isinstance(cell, str) else cell["difference"]
    difference = cell["difference"]
    if difference["value"] == difference["low"] == difference["high"] == 0:
        return _value(cell), "the same"
    text = f"{difference['value']:+.3f}"
    if difference["low"] is None:
        return _value(cell), text
    enough = cell["unit"] == "embryo" and cell["n"] >= ENOUGH
    sure = enough and (difference["low"] > 0 or difference["high"] < 0)
    text = f"**{text}**" if sure else text
    return _value(cell), f"{text} [{difference['low']:+.3f}, {difference['high']:+.3f}]"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"

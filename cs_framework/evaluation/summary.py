"""The figures of a run as text, for the console and the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def summary(metrics: Mapping[str, Any]) -> str:
    """A table of what `evaluate` returned: values with intervals, stage 1 above its trivial baselines."""
    lines: list[str] = []
    for split, sections in metrics["splits"].items():
        for section, figures in sections.items():
            if isinstance(figures, str):
                lines.append(f"{split} {section}: {figures}")
                continue
            lines.append(f"{split} {section}")
            lines += [f"  {name:<31}{text}".rstrip() for name, text in _rows(figures)]
    lines += [f"note: {note}" for note in metrics["notes"]]
    return "\n".join(lines)


def _rows(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in figures.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if key == "confusion":
            yield name, "  ".join(f"{cell} {count}" for cell, count in value.items())
        elif key == "baselines":
            yield from _rows(value, "  auroc of ")  # indented, to stand out from the filter's own figures
        elif isinstance(value, Mapping) and "value" not in value:
            yield from _rows(value, f"{name} @ ")
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else f"{value:.4g}"
    interval = "no interval" if value["low"] is None else f"[{value['low']:.3f}, {value['high']:.3f}]"
    units = f"{value['n']} {value['unit']}{'' if value['n'] == 1 else 's'}"
    return f"{value['value']:8.3f}  {interval:<18}  {units}"

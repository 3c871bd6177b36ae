"""Components that are never built, with settings of every sort."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Literal

from attrs import frozen

from cs_framework import (
    AnomalyFilterSpec,
    EmbedderSpec,
    PathOrName,
    ProposerSpec,
    ScorerSpec,
    hookimpl,
    setting,
)
from cs_framework.registry import Registry


def _low_below_high(instance, attribute, value):
    if value >= instance.high:
        raise ValueError("must be below 'high'")


@frozen
class Tiling:
    rows: int = setting(3, ge=1, le=9, help="rows")
    columns: int = setting(3, ge=1, help="columns")


@frozen
class Rich:
    pooling: Literal["cls", "mean"] = setting("cls", help="what is pooled")
    weights: PathOrName = setting("hub/name", help="weights")
    scales: tuple[float, ...] = setting((1.0, 2.0), gt=0, help="widths in px")
    size: tuple[int, int] = setting((8, 8), ge=1, help="height and width")
    low: float = setting(0.1, validator=_low_below_high, help="a bound")
    high: float = setting(0.9, help="another")
    normalise: bool = setting(False, help="whether to")
    table: Path | None = setting(None, help="a file")
    tiling: Tiling = setting(Tiling(), help="a layout")
    limit: int | Literal["none"] = setting("none", help="at most")
    names: dict[str, int] = setting({}, help="numbers by name")
    note: str = setting("", choices=("", "short", "long"), help="how much to say")


@frozen
class Required:
    order: int = setting(ge=1, help="the order of the filter")


def _announce(hook, record_class, **components):
    def announce():
        for name, settings in components.items():
            path = f"{__name__}:{settings}"
            yield record_class(name=name.replace("_", "-"), factory=path, settings=path, summary="a toy")

    announce.__name__ = hook
    return SimpleNamespace(**{hook: hookimpl(announce)})


REGISTRY = Registry.from_plugins(
    {
        "cytoplasmic-strings:filters": _announce(
            "cs_anomaly_filters", AnomalyFilterSpec, brightness="Tiling"
        ),
        "cytoplasmic-strings:proposers": _announce(
            "cs_proposers", ProposerSpec, grid="Tiling", blobs="Required"
        ),
        "cytoplasmic-strings:embedders": _announce("cs_embedders", EmbedderSpec, rich="Rich", plain="Tiling"),
        "cytoplasmic-strings:scorers": _announce("cs_scorers", ScorerSpec, mean="Tiling"),
        "cs-stranger": _announce("cs_embedders", EmbedderSpec, rich="Tiling"),
    }
)

MINIMAL = """\
[data]
root = "frames"
[[proposer]]
use = "grid"
[embedder]
use = "rich"
[scorer]
use = "mean"
"""

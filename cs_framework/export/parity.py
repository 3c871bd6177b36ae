"""Whether an exported network gives what the trained one gave, on a batch of reference frames."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api.components import Regions
from cs_framework.api.frames import Window
from cs_framework.data.images import frame_reader
from cs_framework.data.refs import FrameSource
from cs_framework.errors import DataError
from cs_framework.pipeline.batch import Batch, Unit, make_units
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.recipe import LoadedRecipe

FRAMES = 16
"""Reference frames, at most, evenly spread over those there are."""
BOXES = 32
"""Boxes of each, at most, evenly spread: some embedders take long for each box."""

Figures = dict[str, NDArray[Any]]


@frozen(eq=False)
class Reference:
    """What the filter and the scorer are asked, made by the components as they were trained."""

    windows: tuple[Window, ...]
    regions: Regions

    @classmethod
    def of(cls, source: FrameSource, loaded: LoadedRecipe, components: Components) -> Reference:
        """Read frames, propose boxes and embed them.

        Raises:
            DataError: no frame can be read, or none has boxes.
        """
        context = components.anomaly_filter.context if components.anomaly_filter else 0
        units = make_units(source.refs, context)
        pairs = _spread(
            [pair for unit in units for pair in zip(unit.refs, unit.windows, strict=True)], FRAMES
        )
        batch = Batch(
            Unit(tuple(ref for ref, _ in pairs), tuple(window for _, window in pairs)),
            frame_reader(loaded.recipe.data),
        )
        read = list(batch.each("read", batch.alive(), batch.frame))
        maker = RegionMaker(loaded, components, Cache(None))
        proposed = {
            i: found[_spread(range(len(found)), BOXES)]
            for i, (_, found) in maker.propose(batch, read).items()
        }
        embedded = maker.embed(batch, {i: boxes for i, boxes in proposed.items() if len(boxes)})
        if not embedded:
            first = next(iter(batch.failed.values()), None)
            raise DataError(
                "no reference frame can be compared, "
                + (f"such as {first.frame}: {first.reason}" if first else "since none has boxes")
                + "; give others with --frames"
            )
        sizes = [batch.frame(i).size for i, rows in embedded.items() for _ in rows]
        return cls(
            tuple(batch.window(i) for i in embedded),
            Regions(
                np.concatenate(list(embedded.values())).astype(np.float32),
                np.concatenate([proposed[i] for i in embedded]),
                np.array(sizes, np.int32),
            ),
        )

    def figures(self, kind: str, component: Any) -> tuple[Figures, float]:
        """What a component says of the reference, and the seconds that it took."""
        self._ask(kind, component)  # the first time, things are set up
        begun = time.perf_counter()
        found = self._ask(kind, component)
        return found, time.perf_counter() - begun

    def _ask(self, kind: str, component: Any) -> Figures:
        if kind == "anomaly_filter":
            return {"score": component.score(self.windows)}
        scores = component.score(self.regions)
        names = ("probability", "quality", "confidence", "boxes")
        return {name: getattr(scores, name) for name in names if getattr(scores, name) is not None}


def drift(before: Figures, after: Figures) -> dict[str, float]:
    """By figure the largest difference, as a share of the largest value before; NaN where one is NaN."""
    return {
        name: float(np.max(np.abs(after[name] - figures)) / (np.max(np.abs(figures)) or 1.0))
        for name, figures in before.items()
    }


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of some items, evenly spread."""
    return (
        [items[at] for at in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]
        if items
        else []
    )

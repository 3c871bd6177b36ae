"""What a component of each kind is put through: inputs, how it is fitted and called, what it must give.

The checks are written once for all kinds on top of these.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cs_framework.api import boxes as bx
from cs_framework.api.components import (
    AnomalyFilter,
    Embedder,
    Explanation,
    History,
    Proposer,
    Regions,
    RegionScores,
    Scorer,
)
from cs_framework.api.frames import Frame, Window
from cs_framework.api.specs import Kind
from cs_framework.testing.samples import (
    sample_batch,
    sample_frames,
    sample_regions,
    sample_table,
    sample_windows,
)

Figures = list[NDArray[Any]]
"""What a call gave, as one array for each item of the batch."""

_LIBRARIES = {"torch": ("get_num_threads", "set_num_threads"), "cv2": ("getNumThreads", "setNumThreads")}
"""How to ask and set the number of threads that a library computes with."""


class ConformanceError(AssertionError):
    """A component breaks the contract of its kind; the text says how."""


def expect(condition: object, text: str) -> None:
    """Raise a `ConformanceError` unless the condition holds."""
    if not condition:
        raise ConformanceError(text)


def expect_array(array: object, shape: tuple[int, ...], name: str, dtype: Any = np.float32) -> None:
    """Expect a finite array of this shape and dtype."""
    expect(isinstance(array, np.ndarray), f"{name} must be a NumPy array, not {type(array).__name__}")
    assert isinstance(array, np.ndarray)
    expect(array.dtype == dtype, f"{name} must be {np.dtype(dtype).name}, not {array.dtype}")
    expect(array.shape == shape, f"{name} must have the shape {shape}, not {array.shape}")
    expect(np.isfinite(array).all(), f"{name} must be finite")


class Exercise(Protocol):
    """How the checks use a kind of component."""

    @property
    def interface(self) -> type:
        """The protocol that components follow."""
        ...

    def items(self, component: Any) -> list[Any]:
        """A batch with every sort of input."""
        ...

    def call(self, component: Any, items: Sequence[Any]) -> Any:
        """What the component gives for a batch, as it gives it."""
        ...

    def figures(self, output: Any, items: Sequence[Any]) -> Figures:
        """The output taken apart, item by item, for comparisons."""
        ...

    def expect_output(self, component: Any, output: Any, items: Sequence[Any]) -> None:
        """Expect what the contract says of the output."""
        ...


class Learner(Exercise, Protocol):
    """A kind that learns."""

    def training(self, component: Any, *, validated: bool = True) -> tuple[Any, Any]:
        """Data to fit on and to validate on; the latter without anything in it where not `validated`."""
        ...


class _Filter:
    interface = AnomalyFilter

    def items(self, component: AnomalyFilter) -> list[Window]:
        frames = list(sample_frames().values())
        around = 2 * component.context + 1
        return [Window((frame,) * around) for frame in frames] + list(sample_windows(component.context, 1, 2))

    def training(self, component: AnomalyFilter, *, validated: bool = True) -> tuple[Any, Any]:
        context = component.context
        validation = sample_windows(context, 3, 3) if validated else sample_windows(context, 0, 0)
        return sample_windows(context), validation

    def call(self, component: AnomalyFilter, items: Sequence[Any]) -> Any:
        return component.score(items)

    def figures(self, output: Any, items: Sequence[Any]) -> Figures:
        return list(np.asarray(output).reshape(len(items)))

    def expect_output(self, component: AnomalyFilter, output: Any, items: Sequence[Any]) -> None:
        expect_array(output, (len(items),), "what score() gives")
        for window in items:
            explanation, name = component.explain(window), f"of explain() for {window.frame.id}"
            expect(isinstance(explanation, Explanation), "explain() must give an Explanation")
            expect_array(explanation.residual, window.frame.size, f"the residual {name}")
            if explanation.mask is not None:
                expect_array(explanation.mask, window.frame.size, f"the mask {name}", bool)


class _Proposer:
    interface = Proposer

    def items(self, component: Proposer) -> list[Frame]:
        return list(sample_frames().values())

    def call(self, component: Proposer, items: Sequence[Frame]) -> Any:
        return [component.propose(frame) for frame in items]

    def figures(self, output: Any, items: Sequence[Frame]) -> Figures:
        return [np.asarray(boxes) for boxes in output]

    def expect_output(self, component: Proposer, output: Any, items: Sequence[Frame]) -> None:
        for boxes, frame in zip(output, items, strict=True):
            name = f"the boxes of {frame.id}"
            expect(np.ndim(boxes) == 2, f"{name} must be an array (N, 4), (0, 4) where there are none")
            expect_array(boxes, (len(boxes), 4), name)
            height, width = frame.size
            inside = (boxes >= 0) & (boxes <= (width, height, width, height))
            expect(inside.all(), f"{name} must lie inside the frame, 0 to {width} and 0 to {height}")
            expect((boxes[:, :2] < boxes[:, 2:]).all(), f"{name} must have an area: x1 < x2 and y1 < y2")


class _Embedder:
    interface = Embedder

    def items(self, component: Embedder) -> list[Any]:
        return sample_batch()

    def call(self, component: Embedder, items: Sequence[Any]) -> Any:
        return component.embed(items)

    def figures(self, output: Any, items: Sequence[Any]) -> Figures:
        return [np.asarray(rows) for rows in output]

    def expect_output(self, component: Embedder, output: Any, items: Sequence[Any]) -> None:
        expect(isinstance(output, list), f"embed() must give a list, not {type(output).__name__}")
        expect(len(output) == len(items), f"embed() must give {len(items)} arrays, not {len(output)}")
        for rows, (frame, boxes) in zip(output, items, strict=True):
            expect_array(rows, (len(boxes), component.dim), f"the embeddings of {frame.id}")


class _Scorer:
    interface = Scorer

    def items(self, component: Scorer) -> list[Regions]:
        regions = sample_regions()
        return [_rows(regions, slice(row, row + 1)) for row in range(len(regions))]

    def training(self, component: Scorer, *, validated: bool = True) -> tuple[Any, Any]:
        return sample_table(), sample_table(45, seed=1) if validated else None

    def call(self, component: Scorer, items: Sequence[Regions]) -> Any:
        if not items:
            return component.score(_rows(sample_regions(), slice(0)))
        parts = [(item.embeddings, item.boxes, item.frame_sizes) for item in items]
        return component.score(Regions(*map(np.concatenate, zip(*parts, strict=True))))

    def figures(self, output: RegionScores, items: Sequence[Regions]) -> Figures:
        columns = [output.probability, output.quality, output.confidence]
        columns += [] if output.boxes is None else list(output.boxes.T)
        return list(np.stack(columns, axis=1))

    def expect_output(self, component: Scorer, output: Any, items: Sequence[Regions]) -> None:
        given = type(output).__name__
        expect(isinstance(output, RegionScores), f"score() must give RegionScores, not {given}")
        for name in ("probability", "quality", "confidence"):
            figures = getattr(output, name)
            expect_array(figures, (len(items),), name)
            expect(((figures >= 0) & (figures <= 1)).all(), f"{name} must be in [0, 1]")
        if output.boxes is not None:
            expect_array(output.boxes, (len(items), 4), "the refined boxes")
            expect(bx.are_boxes(output.boxes), "the refined boxes must have x1 <= x2 and y1 <= y2")


def _rows(regions: Regions, rows: slice) -> Regions:
    return Regions(regions.embeddings[rows], regions.boxes[rows], regions.frame_sizes[rows])


def expect_history(history: object) -> None:
    """Expect what the contract says of what `fit` returns."""
    expect(isinstance(history, History), f"fit() must give a History, not {type(history).__name__}")
    assert isinstance(history, History)
    for row in history.rows:
        expect(next(iter(row), None) == "epoch", f"each row of the history must begin with 'epoch': {row}")
        numbers = all(isinstance(figure, int | float) for figure in row.values())
        expect(numbers, f"the figures of the history must be plain numbers: {row}")
    epochs = [row["epoch"] for row in history.rows]
    best = history.best_epoch
    expect(best is None or best in epochs, f"best_epoch must be one of the epochs, not {best}")


LEARNERS: dict[Kind, Learner] = {"anomaly_filter": _Filter(), "scorer": _Scorer()}
EXERCISES: dict[Kind, Exercise] = {**LEARNERS, "proposer": _Proposer(), "embedder": _Embedder()}


def limit_threads(undo: ExitStack) -> None:
    """Have those libraries that are loaded compute in one thread until `undo` closes."""
    for name, (getter, setter) in _LIBRARIES.items():
        if library := sys.modules.get(name):
            undo.callback(getattr(library, setter), getattr(library, getter)())
            getattr(library, setter)(1)

"""What components are and what they exchange.

Boxes are ``x1, y1, x2, y2`` in pixels of the original frame, half-open: a box one pixel wide has
``x2 = x1 + 1``, and its area is ``(x2 - x1) * (y2 - y1)``. Calls are batch-first, and a component never
changes what it is given; frames are read-only arrays so that a slip shows at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Bool, Float32
from cs_framework.api.crop import Crop
from cs_framework.api.frames import Frame, Window, Windows

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


class Track(Protocol):
    """Yields some items and shows how far along they are."""

    def __call__(self, items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
        """The items, in their order."""
        ...


def _untracked(items: Iterable[T], description: str, total: int | None = None) -> Iterable[T]:
    return items


@frozen
class Env:
    """Where and how a component runs. The framework makes it; tests and notebooks may, too."""

    seed: int = 42
    """Seed of everything random."""
    device: str = "cpu"
    """``cpu``, ``cuda`` or ``mps``; never ``auto``, which the framework has resolved."""
    threads: int = 1
    """Threads for torch and OpenCV; fixed by the recipe, since results may depend on it."""
    cache: Path | None = None
    """A folder for derived files that may be kept between runs, or None."""
    checkpoints: Path | None = None
    """A folder for what a long fit has learnt so far, written as `save` writes it, or None."""
    track: Track = field(default=_untracked, eq=False, repr=False)
    """``track(items, description, total=None)`` yields the items and shows progress."""


@define
class History:
    """How a fit went, epoch by epoch; written as CSV and drawn."""

    rows: list[dict[str, float]] = field(factory=list)
    """One mapping per epoch, ``epoch`` first, then figures such as ``train_loss`` and ``val_auroc``."""
    best_epoch: int | None = None
    """The epoch whose weights were kept."""
    notes: list[str] = field(factory=list)
    """What a reader of the results has to know, such as which epoch was kept for want of labels."""


@frozen(eq=False)
class Explanation:
    """Why a frame got its anomaly score."""

    residual: Float32
    """(H, W) in the frame's pixels, higher = more unusual."""
    mask: Bool | None = None
    """(H, W) the pixels that count towards the score, or None for all."""

    def in_frame(self, crop: Crop | None) -> Explanation:
        """The maps of a crop in pixels of its frame; itself where there is no crop."""
        if crop is None:
            return self
        counts = np.ones(self.residual.shape, bool) if self.mask is None else self.mask
        mask = crop.map_in_frame(counts.astype(np.float32)) > 0.5
        return Explanation(crop.map_in_frame(self.residual), mask)


@frozen(eq=False)
class Regions:
    """A batch of embedded boxes, of one frame or of many."""

    embeddings: Float32
    """(N, D)"""
    boxes: Float32
    """(N, 4) x1, y1, x2, y2 in pixels."""
    frame_sizes: NDArray[np.int32]
    """(N, 2) height and width of each box's frame."""

    def __len__(self) -> int:
        return len(self.boxes)


@frozen(eq=False)
class RegionScores:
    """What a scorer says of each region."""

    probability: Float32
    """(N,) that the box holds a string, in [0, 1]."""
    quality: Float32
    """(N,) expected IoU with the string's box, in [0, 1]."""
    confidence: Float32
    """(N,) the figure that ranks the boxes, in [0, 1]."""
    boxes: Float32 | None = None
    """(N, 4) refined boxes, or None where the scorer leaves them as they are."""


@frozen(eq=False)
class RegionTable:
    """Weakly labelled regions: what a scorer is fitted on. One row per region."""

    embeddings: NDArray[np.floating]
    """(N, D) float16 or float32."""
    boxes: Float32
    """(N, 4)"""
    frame_sizes: NDArray[np.int32]
    """(N, 2) height and width."""
    iou: Float32
    """(N,) the largest IoU with any annotated box of its frame; 0 where the frame has none."""
    labels: NDArray[np.int8]
    """(N,) 1 string, 0 background, -1 in between (not to be trained on)."""
    targets: Float32
    """(N, 4) the annotated box of largest IoU; NaN where that IoU is 0."""
    frames: NDArray[np.int32]
    """(N,) rows of one frame share a number."""
    sequences: NDArray[np.str_]
    """(N,) the embryo."""

    def __len__(self) -> int:
        return len(self.boxes)


@frozen
class Detection:
    """One box that a run reports."""

    frame: str
    box: tuple[float, float, float, float]
    confidence: float
    probability: float
    quality: float
    rank: int
    """0 for the best of its frame."""


NOT_DONE = "not done"


@frozen
class Skipped:
    """A frame that could not be read or processed, and why."""

    frame: str
    stage: str
    """``read``, the kind of the component that failed, or ``not done`` where the cause may pass."""
    reason: str
    trace: str = field(default="", eq=False, repr=False)
    """The traceback, for ``run.log``; empty where the reason says it all."""

    @property
    def not_done(self) -> bool:
        """Whether ``--resume`` takes the frame again."""
        return self.stage == NOT_DONE


@runtime_checkable
class AnomalyFilter(Protocol):
    """Stage 1: how unusual is this frame? Built as ``factory(settings, env)``."""

    context: int
    """Neighbours wanted on each side of a frame; 0 for none."""

    def fit(self, train: Windows, val: Windows, env: Env) -> History:
        """Learn from normal frames. `val` may hold abnormal frames, or none, or be empty."""
        ...

    def score(self, windows: Sequence[Window]) -> Float32:
        """(N,) raw scores, higher = more unusual; the framework sets the threshold."""
        ...

    def explain(self, window: Window) -> Explanation:
        """The map behind the score, for pictures."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `fit` learnt: safetensors and JSON only."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, into a component built with the same settings."""
        ...


@runtime_checkable
class Observer(Protocol):
    """What a filter may have beside its methods: figures of each frame that it sees anyway."""

    def observe(self, windows: Sequence[Window]) -> dict[str, Float32]:
        """By name, (N,) figures of the windows' frames, such as the share of the embryo that is cavity.

        Every call gives the same names, lower-case words joined by underscores: columns of ``frames.csv``.
        """
        ...


@runtime_checkable
class Adaptable(Protocol):
    """What a filter may have beside its methods: it learns on from unlabelled frames of an input."""

    def adapt(self, train: Windows, val: Windows, env: Env, views: int) -> History:
        """Learn on, in place, from what was learnt before; both windows are taken as string-free.

        Args:
            train: frames to learn from.
            val: other frames of the same input, which choose when to stop, for example by strings drawn into
                them.
            env: seed and progress.
            views: how many frames to look at in all, which bounds the time it takes.

        Returns:
            The history; its `best_epoch` is 0 where what was learnt before does best, and is kept.

        Raises:
            DataError: why these frames are of no use; nothing has changed then.
        """
        ...


@runtime_checkable
class Proposer(Protocol):
    """Stage 2, first: which boxes are worth scoring? Built as ``factory(settings, env)``."""

    def propose(self, frame: Frame) -> Float32:
        """(N, 4) boxes inside the frame, best first where there is a best; N may be 0.

        The same frame gives the same boxes in the same order, whatever was asked before.
        """
        ...


@runtime_checkable
class FilterBound(Protocol):
    """A proposer or an embedder that works with what the anomaly filter has learnt.

    Its record names the filter (`works_with`), so that a recipe without it is refused with its line.
    """

    fingerprint: str
    """A hash of all that its answers depend on beside its own settings: the filter's weights; "" until the
    filter is fitted. Proposals and embeddings are kept under it, so it changes whenever the filter learns."""

    def bind(self, anomaly_filter: AnomalyFilter | None) -> None:
        """Take the run's filter, before the first frame; it may be fitted, or only later, in place.

        Raises:
            SetupError: the recipe names no filter, or another than this component works with.
        """
        ...


@runtime_checkable
class Embedder(Protocol):
    """Stage 2, second: a vector for each box. Built as ``factory(settings, env)``."""

    dim: int
    """D, the length of an embedding."""

    def embed(self, batch: Sequence[tuple[Frame, Float32]]) -> list[Float32]:
        """(N_i, D) for each frame and its (N_i, 4) boxes; may batch across frames."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Stage 2, last: which box holds a string? Built as ``factory(settings, env)``."""

    def fit(self, table: RegionTable, val: RegionTable | None, env: Env) -> History:
        """Learn from weak labels; `val` is None where no annotated frame could be held out."""
        ...

    def score(self, regions: Regions) -> RegionScores:
        """Scores of each region, each independent of the others in the batch."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `fit` learnt: safetensors and JSON only."""
        ...

    def load(self, folder: Path) -> None:
        """Read what `save` wrote, into a component built with the same settings."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A component that holds what has to be given back: a process, a connection, a temporary folder."""

    def close(self) -> None:
        """Give it back; called once, when a run, or a process of it, needs the component no more."""
        ...


@runtime_checkable
class Exportable(Protocol):
    """A filter or scorer whose network ``cs-export`` can write as ONNX.

    All that it has learnt is one network, through which `score` goes.
    """

    network: nn.Module
    """The network, once there is one. A bundle that was exported sets it, after `load`, to a module that
    takes and gives the same tensors, and has a parameter on the CPU, but is of another class."""

    @property
    def network_input(self) -> tuple[int, ...]:
        """Shape of one item of the batch that the network takes, float32, without the batch axis."""
        ...

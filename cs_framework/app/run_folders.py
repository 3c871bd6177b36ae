"""What a run folder below the root offers: its frames with their truth, and the regions it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from attrs import evolve, frozen
from numpy.typing import NDArray

from cs_framework.api.arrays import Float32
from cs_framework.app.folders import Root
from cs_framework.data.dataset import survey
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.errors import DataError
from cs_framework.recipe import read_recipe
from cs_framework.recipe.loading import RESOLVED_FILE
from cs_framework.recipe.schema import Recipe


@frozen(eq=False)
class RunFrames:
    """Frames that a run looked at."""

    refs: tuple[FrameRef, ...]
    known: dict[str, LabelledFrame]
    """Those with labels, by id."""


def recipe_of(run: Path, root: Root) -> Recipe:
    """What the recipe of a run says, be it one that trained or one that took a bundle; none of it is run.

    Raises:
        CSError: it cannot be read, or its bundle is gone or lies elsewhere.
    """
    recipe = read_recipe(root.inside(run / RESOLVED_FILE), overrides=['steps=["detect"]'])
    bundle = recipe.model.bundle
    if isinstance(bundle, Path) and not root.inside(bundle).exists():
        raise DataError(f"{bundle.name}: the bundle of this run is gone")
    return recipe


def frames_of(run: Path, recipe: Recipe, root: Root) -> RunFrames:
    """The frames that ``detect`` searches: its input, or those of the test (else val) split.

    Raises:
        DataError: they are gone, or do not lie below the root.
    """
    if recipe.detect.input is not None:
        refs = open_source(root.whole(recipe.detect.input), recipe.data).refs
        return RunFrames(_inside(refs, root), {})
    splits = survey(evolve(recipe.data, root=_data_root(run, recipe, root)))[0].splits
    frames = splits.get("test") or splits.get("val") or ()
    ordered = sorted(frames, key=lambda f: (f.ref.sequence, f.ref.index, f.ref.id))
    return RunFrames(_inside([f.ref for f in ordered], root), {f.ref.id: f for f in ordered})


def _data_root(run: Path, recipe: Recipe, root: Root) -> Path:
    where = run / "data" if recipe.data.source == "synthetic" else recipe.data.root
    if where is None:
        raise DataError("this run has no labelled frames")
    return root.whole(where)


def _inside(refs: Sequence[FrameRef], root: Root) -> tuple[FrameRef, ...]:
    for path in {ref.path for ref in refs}:
        root.inside(path)  # a list may name files elsewhere
    return tuple(refs)


@frozen
class Neighbour:
    """A region of the training set that resembles one."""

    frame: str
    box: tuple[float, float, float, float]
    label: int
    """1 string, 0 background, -1 in between."""
    iou: float
    """With the annotated string of its frame."""
    distance: float
    """Between the embeddings, each dimension in units of its spread over the training set."""


@frozen(eq=False)
class TrainingRegions:
    """The regions that a run's scorer learnt from, where it kept them (``outputs.regions``)."""

    frames: NDArray[np.object_]
    boxes: Float32
    labels: NDArray[np.int8]
    iou: Float32
    embeddings: NDArray[np.float16]
    mean: Float32
    spread: Float32

    @classmethod
    def read(cls, run: Path, root: Root) -> TrainingRegions | None:
        """Those of a run, None where it kept none.

        Of frames that were also shown mirrored or turned, only the regions as they are count.

        Raises:
            DataError: the files are damaged, or lie elsewhere.
        """
        files = [run / "training" / f"{name}_train.parquet" for name in ("regions", "embeddings")]
        if not all(file.is_file() for file in files):
            return None
        for file in files:
            root.inside(file)
        try:
            table, vectors = pq.read_table(files[0]), pq.read_table(files[1])
            frames = np.array(table["frame"].to_pylist(), object)
            flat = vectors["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            kept = _first_blocks(frames)
            embeddings = flat.reshape(len(frames), -1)[kept].astype(np.float16)
            boxes = np.stack([table[edge].to_numpy() for edge in ("x1", "y1", "x2", "y2")], axis=1)
            return cls(
                frames=frames[kept],
                boxes=boxes[kept].astype(np.float32),
                labels=table["label"].to_numpy()[kept],
                iou=table["iou"].to_numpy()[kept],
                embeddings=embeddings,
                mean=embeddings.mean(axis=0, dtype=np.float32),
                spread=np.maximum(embeddings.std(axis=0, dtype=np.float32), 1e-6),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's own are among these
            raise DataError(f"the training regions of this run cannot be read: {error}") from error

    def nearest(self, embedding: Float32, count: int) -> list[Neighbour]:
        """The `count` nearest, at most one of a frame, nearest first; none where the dimension differs."""
        if embedding.shape != self.mean.shape or not len(self.frames):
            return []
        wanted = (embedding - self.mean) / self.spread
        distances = np.concatenate(
            [
                np.linalg.norm((part.astype(np.float32) - self.mean) / self.spread - wanted, axis=1)
                for part in np.array_split(self.embeddings, len(self.embeddings) // 4096 + 1)
            ]
        )
        found: dict[str, Neighbour] = {}
        for i in np.argsort(distances, kind="stable"):
            if self.frames[i] not in found:
                found[self.frames[i]] = Neighbour(
                    frame=str(self.frames[i]),
                    box=tuple(float(v) for v in self.boxes[i]),  # type: ignore[arg-type]
                    label=int(self.labels[i]),
                    iou=float(self.iou[i]),
                    distance=float(distances[i]),
                )
            if len(found) == count:
                break
        return list(found.values())


def training_frames(run: Path, recipe: Recipe, root: Root) -> dict[str, FrameRef]:
    """The frames of the training split by id, none where they are gone or lie outside."""
    try:
        splits = survey(evolve(recipe.data, root=_data_root(run, recipe, root)))[0].splits
        return {f.ref.id: f.ref for f in splits.get("train", ()) if root.inside(f.ref.path)}
    except DataError:
        return {}


def _first_blocks(frames: NDArray[np.object_]) -> NDArray[np.bool_]:
    """(N,) rows in the first contiguous block of each frame; further blocks are other orientations of it."""
    kept = np.zeros(len(frames), np.bool_)
    seen: set[str] = set()
    current = None
    for i, frame in enumerate(frames):
        if frame != current:
            current, fresh = frame, frame not in seen
            seen.add(frame)
        kept[i] = fresh
    return kept

"""Stage 2 up to the scorer: boxes and their embeddings, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float16, Float32
from cs_framework.api.frames import Frame
from cs_framework.errors import CSError
from cs_framework.pipeline.batch import Batch
from cs_framework.pipeline.cache import Arrays, Cache
from cs_framework.pipeline.components import Components, cache_key, digest, resolved_device
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.schema import NARROWED_BY, PipelineSettings

_LARGEST = float(np.finfo(np.float16).max)


@frozen(eq=False)
class RegionMaker:
    """Proposes and embeds, batch by batch.

    Embeddings are float16 from here on, cached or not, so that a cache never changes a result.
    """

    loaded: LoadedRecipe
    components: Components
    cache: Cache

    def propose(self, batch: Batch, wanted: Sequence[int]) -> dict[int, tuple[tuple[int, int], Float32]]:
        """Frame size and boxes (N, 4) of each wanted frame that does not fail."""
        wanted = self._hashed(batch, wanted)
        namespace, key = (
            self.cache.namespace("proposals", self._proposals_depend_on),
            partial(self._key, batch),
        )
        found = {i: stored for i in wanted if (stored := namespace.get(key(i), _are_proposals)) is not None}
        missing = [i for i in wanted if i not in found]
        boxes = batch.each("proposer", missing, lambda i: self.boxes_of(batch.frame(i)))
        made: dict[int, Arrays] = {
            i: {"boxes": boxes[i], "size": np.array(batch.frame(i).size, np.int64)} for i in boxes
        }
        namespace.put({key(i): arrays for i, arrays in made.items()} if namespace.folder else {})
        done = {**found, **made}
        return {i: (_size(done[i]["size"]), done[i]["boxes"]) for i in wanted if i in done}

    def embed(
        self,
        batch: Batch,
        boxes: dict[int, Float32],
        view: Callable[[Frame], Frame] | None = None,
        **key: Any,
    ) -> dict[int, Float16]:
        """Embeddings (N, D) of the boxes of each frame that does not fail.

        Frame by frame: with a batch, the last bits of a frame's embeddings would depend on which others the
        gate lets pass or the cache holds. `view` changes a frame before it is embedded; `key` is what tells
        this change from others.
        """
        wanted = self._hashed(batch, list(boxes))
        namespace = self.cache.namespace("embeddings", self._embeddings_depend_on)

        def key_of(i: int) -> str:
            return self._key(batch, i, boxes=boxes[i].tobytes().hex(), **key)

        def embedded(i: int) -> Float16:
            if not len(boxes[i]):
                return np.zeros((0, self.components.embedder.dim), np.float16)
            return self._embedded(view(batch.frame(i)) if view else batch.frame(i), boxes[i])

        def kept(i: int) -> Float16 | None:
            wanted_shape = (len(boxes[i]), self.components.embedder.dim)
            stored = namespace.get(key_of(i), lambda arrays: _are_embeddings(arrays, wanted_shape))
            return None if stored is None else stored["embeddings"]

        found = {i: rows for i in wanted if (rows := kept(i)) is not None}
        made = batch.each("embedder", [i for i in wanted if i not in found], embedded)
        namespace.put(
            {key_of(i): {"embeddings": rows} for i, rows in made.items()} if namespace.folder else {}
        )
        done = {**found, **made}
        return {i: done[i] for i in wanted if i in done}

    def _hashed(self, batch: Batch, wanted: Sequence[int]) -> list[int]:
        """Those of the wanted frames that have not failed and, for the cache, whose files can be hashed."""
        if self.cache.folder is not None:
            wanted = list(batch.each("read", wanted, batch.content_hash))
        return [i for i in wanted if i not in batch.failed]

    def boxes_of(self, frame: Frame) -> Float32:
        """(N, 4) boxes of all proposers, inside the frame, united and narrowed; the cache plays no part."""
        found = []
        for proposer in self.components.proposers:
            with self.components.call(proposer):
                boxes = np.asarray(proposer.propose(frame))
            if not bx.are_boxes(boxes):
                raise CSError(
                    f"{type(proposer).__name__} gave {boxes.shape}, not finite boxes (N, 4) with x1 <= x2"
                )
            boxes = bx.clip(boxes, frame.size)
            found.append(boxes[bx.area(boxes) > 0])
        return postprocess(unite(found), frame, self.loaded.recipe.pipeline)

    def _embedded(self, frame: Frame, boxes: Float32) -> Float16:
        embedder = self.components.embedder
        with self.components.call(embedder):
            (rows,) = embedder.embed([(frame, boxes)])
            rows = np.asarray(rows)
        if rows.shape != (len(boxes), embedder.dim) or not np.isfinite(rows).all():
            raise CSError(
                f"{type(embedder).__name__} gave {rows.shape}, not finite ({len(boxes)}, {embedder.dim})"
            )
        return np.clip(rows, -_LARGEST, _LARGEST).astype(np.float16)

    def _key(self, batch: Batch, i: int, **extra: Any) -> str:
        """Cache key of a frame; "" if caching is off, because hashing reads the file."""
        return digest([batch.content_hash(i), extra]) if self.cache.folder is not None else ""

    def _proposals_depend_on(self) -> dict[str, Any]:
        pairs = zip(self.loaded.proposers, self.components.proposers, strict=True)
        settings = self.loaded.recipe.pipeline
        return {
            "components": [cache_key(choice, built) for choice, built in pairs],
            **{name: getattr(settings, name) for name in NARROWED_BY},
            **self._frames_depend_on(),
        }

    def _embeddings_depend_on(self) -> dict[str, Any]:
        who = cache_key(self.loaded.embedder, self.components.embedder)  # type: ignore[arg-type]
        return {"components": [who], **self._frames_depend_on()}

    def _frames_depend_on(self) -> dict[str, Any]:
        recipe = self.loaded.recipe
        return {
            "bits": recipe.data.bits,
            "crop": recipe.data.crop,
            "embryo": recipe.data.embryo,
            "device": resolved_device(recipe.pipeline.device),
            "threads": recipe.pipeline.threads,
            "seed": recipe.seed,
        }


def _are_proposals(arrays: Arrays) -> bool:
    if arrays.keys() != {"boxes", "size"}:
        return False
    boxes, size = arrays["boxes"], arrays["size"]
    shapes = boxes.ndim == 2 and boxes.shape[1] == 4 and size.shape == (2,)
    types = boxes.dtype == np.float32 and size.dtype == np.int64
    return shapes and types and bool(np.isfinite(boxes).all())


def _are_embeddings(arrays: Arrays, shape: tuple[int, int]) -> bool:
    if arrays.keys() != {"embeddings"}:
        return False
    rows = arrays["embeddings"]
    return rows.shape == shape and rows.dtype == np.float16 and bool(np.isfinite(rows).all())


def _size(stored: NDArray[np.int64]) -> tuple[int, int]:
    height, width = stored.tolist()
    return height, width


def unite(found: Sequence[Float32]) -> Float32:
    """The boxes (N_i, 4) of several proposers in turn, rank by rank, each box once."""
    ranks = np.concatenate([np.arange(len(boxes)) for boxes in found])
    united = np.concatenate(found)[np.argsort(ranks, kind="stable")]
    first = np.sort(np.unique(united, axis=0, return_index=True)[1])
    return united[first]


def postprocess(boxes: Float32, frame: Frame, settings: PipelineSettings) -> Float32:
    """Post-processing of proposals (N, 4): size limits, overlap, the first few; in their order.

    Those off the embryo go first, then those of a wrong size, then those that overlap an earlier one, and of
    what is left the first `max_proposals` stay. So a limit counts only boxes that pass everything else.
    """
    if settings.search == "embryo":
        boxes = boxes[frame.embryo.holds(boxes)]
    smallest, largest = settings.min_proposal_size, settings.max_proposal_size
    if smallest is not None:
        boxes = boxes[_sizes(boxes, frame) >= smallest]
    if largest is not None:
        boxes = boxes[_sizes(boxes, frame) <= largest]
    if settings.proposal_overlap is not None:
        earlier_first = -np.arange(len(boxes), dtype=np.float32)
        boxes = boxes[bx.nms(boxes, earlier_first, settings.proposal_overlap, settings.max_proposals)]
    return boxes[: settings.max_proposals]


def _sizes(boxes: Float32, frame: Frame) -> Float32:
    """(N,) square root of the area, as a fraction of the embryo's diameter."""
    return np.asarray(np.sqrt(bx.area(boxes)) / frame.embryo.diameter, np.float32)

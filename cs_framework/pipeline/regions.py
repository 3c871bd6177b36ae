"""Stage 2 up to the scorer: boxes and their embeddings, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from cs_framework import boxes as bx
from cs_framework.errors import CSError
from cs_framework.interfaces import Float32, Frame
from cs_framework.pipeline.batch import Batch
from cs_framework.pipeline.cache import Arrays, Cache
from cs_framework.pipeline.components import Components, identity
from cs_framework.pipeline.narrow import NARROWED_BY, narrow, unite
from cs_framework.recipe import LoadedRecipe

Float16 = NDArray[np.float16]
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
        settings = self.loaded.recipe.pipeline
        key = {name: getattr(settings, name) for name in NARROWED_BY}
        stored, place = self.cache.get("proposals", lambda: self._key(batch, wanted, **key))
        if stored is not None:
            boxes = np.split(stored["boxes"], np.cumsum(stored["counts"])[:-1])
            sizes = [(int(h), int(w)) for h, w in stored["sizes"]]
            return dict(zip(wanted, zip(sizes, boxes, strict=True), strict=True))
        done = batch.each("proposer", wanted, lambda i: (batch.frame(i).size, self.boxes_of(batch.frame(i))))
        if len(done) == len(wanted) > 0:
            found = [done[i][1] for i in wanted]
            arrays: Arrays = {
                "boxes": np.concatenate(found),
                "counts": np.array([len(b) for b in found], np.int64),
                "sizes": np.array([done[i][0] for i in wanted], np.int64),
            }
            self.cache.put(place, arrays)
        return done

    def embed(
        self,
        batch: Batch,
        boxes: dict[int, Float32],
        view: Callable[[Frame], Frame] | None = None,
        **key: Any,
    ) -> dict[int, Float16]:
        """Embeddings (N, D) of the boxes of each frame that does not fail.

        `view` changes a frame before it is embedded; `key` is what tells this change from others.
        """
        wanted = self._hashed(batch, list(boxes))
        counts = [len(boxes[i]) for i in wanted]
        if not sum(counts):
            return {i: np.zeros((0, self.components.embedder.dim), np.float16) for i in wanted}
        shown = [boxes[i].tobytes().hex() for i in wanted]
        stored, place = self.cache.get("embeddings", lambda: self._key(batch, wanted, boxes=shown, **key))
        if stored is not None:
            return dict(zip(wanted, np.split(stored["embeddings"], np.cumsum(counts)[:-1]), strict=True))

        def frame(i: int) -> Frame:
            return view(batch.frame(i)) if view else batch.frame(i)

        done = batch.together(
            "embedder", wanted, lambda some: self._embedded([(frame(i), boxes[i]) for i in some])
        )
        if len(done) == len(wanted):
            self.cache.put(place, {"embeddings": np.concatenate([done[i] for i in wanted])})
        return done

    def _hashed(self, batch: Batch, wanted: Sequence[int]) -> list[int]:
        """Those of the wanted frames that have not failed and, for the cache, whose files can be hashed."""
        if self.cache.folder is not None:
            wanted = list(batch.each("read", wanted, batch.content_hash))
        return [i for i in wanted if i not in batch.failed]

    def boxes_of(self, frame: Frame) -> Float32:
        """(N, 4) boxes of all proposers, inside the frame, united and narrowed; the cache plays no part."""
        found = []
        for proposer in self.components.proposers:
            boxes = np.asarray(proposer.propose(frame))
            if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
                raise CSError(f"{type(proposer).__name__} gave boxes {boxes.shape}, not finite (N, 4)")
            boxes = bx.clip(boxes, frame.size)
            found.append(boxes[bx.area(boxes) > 0])
        return narrow(unite(found), frame, self.loaded.recipe.pipeline)

    def _embedded(self, pairs: list[tuple[Any, Float32]]) -> list[Float16]:
        embedder = self.components.embedder
        rows = embedder.embed(pairs)
        for (_, boxes), row in zip(pairs, rows, strict=True):
            if row.shape != (len(boxes), embedder.dim) or not np.isfinite(row).all():
                raise CSError(
                    f"{type(embedder).__name__} gave {row.shape}, not finite ({len(boxes)}, {embedder.dim})"
                )
        return [np.clip(row, -_LARGEST, _LARGEST).astype(np.float16) for row in rows]

    def _key(self, batch: Batch, wanted: Sequence[int], **extra: Any) -> dict[str, Any]:
        recipe, parts = self.loaded, self.components
        if "boxes" in extra:
            who = [identity(recipe.embedder, parts.embedder)]  # type: ignore[arg-type]
        else:
            pairs = zip(recipe.proposers, parts.proposers, strict=True)
            who = [identity(choice, built) for choice, built in pairs]
        return {
            "components": who,
            "frames": [batch.content_hash(i) for i in wanted],
            "bits": recipe.recipe.data.bits,
            "embryo": recipe.recipe.data.embryo,
            "threads": recipe.recipe.pipeline.threads,
            "seed": recipe.recipe.seed,
            **extra,
        }

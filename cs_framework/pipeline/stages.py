"""Stage 1 (filter) and stage 2 (propose, embed, score) on a unit of frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np
from attrs import define, evolve, field, frozen

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float16, Float32
from cs_framework.api.components import Detection, Observer, Regions, RegionScores, Skipped
from cs_framework.api.frames import Frame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import CSError, StoppedError
from cs_framework.pipeline.batch import Batch, Unit
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.familiarity import Known, State, figures
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.results import FrameResult, frame_cues
from cs_framework.pipeline.timings import Timings, peak_memory
from cs_framework.recipe.schema import PipelineSettings

RANKED = 100


@define(eq=False)
class Analysis:
    """What a unit of frames gave."""

    results: list[FrameResult] = field(factory=list)
    skipped: list[Skipped] = field(factory=list)
    timings: Timings = field(factory=Timings)

    @classmethod
    def joined(cls, pieces: Iterable[Analysis]) -> Analysis:
        """That of a whole from those of its pieces."""
        whole = cls()
        for piece in pieces:
            whole.results += piece.results
            whole.skipped += piece.skipped
            whole.timings.add(piece.timings)
        return whole


@frozen(eq=False)
class Stages:
    """Runs filter, gate, proposers, embedder and scorer over units of frames."""

    components: Components
    regions: RegionMaker
    settings: PipelineSettings
    read: Callable[[FrameRef], Frame]
    threshold: float | None
    """The gate: frames that score at least this are flagged; None flags all."""
    least: float = 0.0
    """Boxes below this confidence are not reported."""
    known: Known | None = None
    """What the model saw in training; None where nothing tells."""
    withhold: bool = False
    """Whether boxes are reported of familiar frames alone."""

    def analyse(
        self,
        unit: Unit,
        *,
        gated: bool,
        keep_regions: bool = True,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Analysis:
        """Results of every frame of a unit that does not fail.

        Args:
            unit: the frames.
            gated: whether stage 2 runs on flagged frames only (as detection does) or on all.
            keep_regions: whether the results hold all scored boxes, or the ranked ones only.
            stopping: whether no further batch is to be begun.

        Raises:
            StoppedError: there was a further one.
        """
        analysis = Analysis()
        for batch in self._batches(unit, analysis.timings):
            if stopping():
                raise StoppedError("stopped before the end of a unit")
            results = self._batch(batch, gated)
            if not keep_regions:
                results = [evolve(r, proposals=bx.as_boxes([]), scores=None) for r in results]
            analysis.results += results
            analysis.skipped += [batch.failed[i] for i in sorted(batch.failed)]
        analysis.timings.peak = peak_memory()
        return analysis

    def _batches(self, unit: Unit, timings: Timings) -> Iterator[Batch]:
        """The batches of a unit; while one is worked on, the next is decoded in a thread.

        Only decoding overlaps, one batch ahead: decoders release the interpreter, and components need not
        stand threads. The rest overlaps between processes.
        """
        hashed = self.regions.cache.folder is not None
        with ThreadPoolExecutor(1) as reader:
            coming = deque(Batch(piece, self.read, timings) for piece in unit.batches())
            fetched = reader.submit(coming[0].fetch, hashed=hashed)
            while coming:
                batch = coming.popleft()
                with timings.wait("anomaly_filter"):
                    read_at = fetched.result()
                if coming:
                    timings.waiting["read"] += perf_counter() - read_at
                    fetched = reader.submit(coming[0].fetch, hashed=hashed)
                yield batch

    def anomaly_scores(self, unit: Unit) -> tuple[list[float], list[Skipped]]:
        """Scores of a unit's frames, NaN where a frame failed: the very figures that `analyse` compares."""
        scores, skipped = [], []
        for piece in unit.batches():
            batch = Batch(piece, self.read)
            found = self._filter(batch)
            scores += [found.get(i, float("nan")) for i in range(len(piece.refs))]
            skipped += [batch.failed[i] for i in sorted(batch.failed)]
        return scores, skipped

    def _filter(self, batch: Batch) -> dict[int, float]:
        batch.each("read", batch.alive(), batch.frame)
        component = self.components.anomaly_filter
        if component is None:
            return dict.fromkeys(batch.alive(), float("nan"))

        def score(some: list[int]) -> Sequence[float]:
            windows = [batch.window(i) for i in some]
            with self.components.call(component):
                scores = np.asarray(component.score(windows), np.float32)
            if scores.shape != (len(some),) or not np.isfinite(scores).all():
                raise CSError(
                    f"{type(component).__name__} gave scores {scores.shape}, not finite ({len(some)},)"
                )
            return [float(s) for s in scores]

        return batch.together("anomaly_filter", batch.alive(), score)

    def _observe(self, batch: Batch) -> dict[int, dict[str, float]]:
        """What the filter says of each frame beside its score; nothing where it says no more."""
        component: object = self.components.anomaly_filter
        if not isinstance(component, Observer):
            return {}

        def observe(some: list[int]) -> list[dict[str, float]]:
            windows = [batch.window(i) for i in some]
            with self.components.call(component):
                found = component.observe(windows)
            for name, values in found.items():
                if np.asarray(values).shape != (len(some),) or not np.isfinite(values).all():
                    raise CSError(f"{type(component).__name__} observed {name}: not finite ({len(some)},)")
            return [{name: float(values[at]) for name, values in found.items()} for at in range(len(some))]

        return batch.together("anomaly_filter", batch.alive(), observe)

    def figures(self, unit: Unit) -> list[tuple[str, dict[str, float]]]:
        """Id and figures, as `Known` compares them, of every frame of a unit that does not fail."""
        found = []
        for piece in unit.batches():
            batch = Batch(piece, self.read)
            scores, observed = self._filter(batch), self._observe(batch)
            found += [
                (piece.refs[i].id, figures(batch.frame(i), scores[i], observed.get(i, {})))
                for i in batch.alive()
            ]
        return found

    def _state(self, frame: Frame, score: float, observed: Mapping[str, float]) -> State:
        return self.known.state(figures(frame, score, observed)) if self.known else State()

    def _batch(self, batch: Batch, gated: bool) -> list[FrameResult]:
        scores = self._filter(batch)
        observed = self._observe(batch)
        flagged = {i: self.threshold is None or score >= self.threshold for i, score in scores.items()}
        wanted = [i for i in batch.alive() if flagged[i] or not gated]
        boxes = {i: found for i, (_, found) in self.regions.propose(batch, wanted).items()}
        embeddings = self.regions.embed(batch, boxes)
        judged = batch.each(
            "scorer", list(embeddings), lambda i: self._score(batch, i, boxes[i], embeddings[i])
        )
        statistics = batch.each("read", batch.alive(), lambda i: frame_cues(batch.frame(i).grey))
        circles = batch.each("read", batch.alive(), lambda i: _circle(batch.frame(i)))
        states = batch.each(
            "read", batch.alive(), lambda i: self._state(batch.frame(i), scores[i], observed.get(i, {}))
        )
        results = []
        for i in batch.alive():
            frame, ref = batch.frame(i), batch.unit.refs[i]
            proposals, region_scores = judged.get(i, (bx.as_boxes([]), None))
            ranked = rank(frame.id, proposals, region_scores, self.settings)
            told = not self.withhold or states[i].name in {"", "familiar"}
            results.append(
                FrameResult(
                    frame=frame.id,
                    sequence=ref.sequence,
                    index=ref.index,
                    hours=ref.hours,
                    size=frame.size,
                    score=scores[i],
                    flagged=flagged[i],
                    proposals=proposals,
                    scores=region_scores,
                    ranked=ranked,
                    detections=report(ranked, self.settings.top, self.least) if told else (),
                    state=states[i],
                    observed=observed.get(i, {}),
                    statistics=statistics[i],
                    embryo=circles[i],
                    depth=frame.depth,
                    plane=None if ref.z is None else str(ref.z),
                ).in_frame(frame.crop)
            )
        return results

    def _score(
        self, batch: Batch, i: int, boxes: Float32, embeddings: Float16
    ) -> tuple[Float32, RegionScores | None]:
        if not len(boxes):
            return boxes, None
        frame = batch.frame(i)
        sizes = np.tile(np.array([frame.size], np.int32), (len(boxes), 1))
        scorer = self.components.scorer
        with self.components.call(scorer):
            scores = scorer.score(Regions(embeddings.astype(np.float32), boxes, sizes))
        for name in ("probability", "quality", "confidence"):
            values = getattr(scores, name)
            if values.shape != (len(boxes),) or not np.isfinite(values).all():
                raise CSError(
                    f"{type(self.components.scorer).__name__}: {name} is not finite ({len(boxes)},)"
                )
        if scores.boxes is None:
            return boxes, scores
        if scores.boxes.shape != boxes.shape or not bx.are_boxes(scores.boxes):
            raise CSError(
                f"{type(scorer).__name__}: refined boxes must be finite ({len(boxes)}, 4), x1 <= x2, y1 <= y2"
            )
        refined = bx.clip(scores.boxes, frame.size)
        kept = bx.area(refined) > 0
        return refined[kept], RegionScores(
            scores.probability[kept], scores.quality[kept], scores.confidence[kept]
        )


def report(ranked: Sequence[Detection], top: int, least: float) -> tuple[Detection, ...]:
    """Of ranked boxes, the first `top`, as far as their confidence is at least `least`."""
    return tuple(d for d in ranked[:top] if d.confidence >= least)


def _circle(frame: Frame) -> tuple[float, float, float] | None:
    embryo = frame.embryo
    return (embryo.x, embryo.y, embryo.radius) if embryo.found else None


def rank(
    frame: str, boxes: Float32, scores: RegionScores | None, settings: PipelineSettings
) -> tuple[Detection, ...]:
    """Boxes by falling confidence, overlaps suppressed, at most 100."""
    if scores is None:
        return ()
    kept = bx.nms(boxes, scores.confidence, settings.suppression, limit=RANKED)
    return tuple(
        Detection(
            frame=frame,
            box=tuple(float(v) for v in boxes[i]),  # type: ignore[arg-type]
            confidence=float(scores.confidence[i]),
            probability=float(scores.probability[i]),
            quality=float(scores.quality[i]),
            rank=place,
        )
        for place, i in enumerate(kept)
    )

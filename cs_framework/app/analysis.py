"""One frame through filter, proposers, embedder and scorer: by the very stages that ``cs-run`` takes."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from attrs import asdict, define, evolve, field, frozen

from cs_framework.api.arrays import Float32
from cs_framework.api.components import Explanation
from cs_framework.api.frames import Frame
from cs_framework.app.folders import Entry
from cs_framework.app.jobs import Step
from cs_framework.bundle import Bundle, read_bundle
from cs_framework.data.images import content_hash, frame_reader
from cs_framework.data.refs import FrameRef
from cs_framework.errors import FrameError, RecipeError
from cs_framework.pipeline.batch import Batch, Unit, make_units
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components, digest, make_env
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.results import FrameResult
from cs_framework.pipeline.stages import Stages, rank, report
from cs_framework.recipe import Choice, LoadedRecipe, load_recipe, read_recipe
from cs_framework.recipe.bundled import bundled
from cs_framework.recipe.loading import RESOLVED_FILE
from cs_framework.recipe.schema import NARROWED_BY, DataSettings, GateSettings, PipelineSettings, Recipe
from cs_framework.steps.points import gate_at

T = TypeVar("T")


_DETECT = ['steps=["detect"]']


@frozen(eq=False)
class Model:
    """Components that are chosen, with their settings; nothing is built."""

    entry: Entry
    loaded: LoadedRecipe
    """With the settings as they are chosen."""
    bundle: Bundle | None
    """What was trained; None where only proposers can be looked at."""
    recipe: Recipe
    """As it was read."""

    @classmethod
    def open(cls, entry: Entry, *, programs: bool = False) -> Model:
        """Read a recipe, or a trained bundle with the data and pipeline settings of the run it lies in.

        Args:
            entry: what to open.
            programs: whether one-file plugins that the recipe names may be run.

        Raises:
            RecipeError: it cannot be read, or a plugin is missing, or one-file plugins may not be run.
        """
        if entry.kind != "recipe":
            return cls._trained(entry, programs)
        _refuse_programs(entry, read_recipe(entry.path, _DETECT), programs)
        loaded = load_recipe(entry.path, overrides=_DETECT if programs else [*_DETECT, "plugins=[]"])
        if not loaded.proposers:
            raise RecipeError(f"{entry.label}: the recipe names no proposer")
        recipe = evolve(loaded.recipe, steps=("proposals",))
        return cls(entry, evolve(loaded, recipe=recipe), None, recipe)

    @classmethod
    def _trained(cls, entry: Entry, programs: bool) -> Model:
        """Components always come from ``bundle.json``, which can name installed ones only."""
        run = read_recipe(entry.run / RESOLVED_FILE, _DETECT) if entry.run else None
        plugins = [str(path) for path in run.plugins] if run and programs else []
        options = [f"model.bundle={entry.path}", f"plugins={json.dumps(plugins, ensure_ascii=False)}"]
        blocked = run.block.plugins if run else ()
        try:
            loaded = load_recipe(bundled(Path("detect.toml")), overrides=options, block=blocked)
        except RecipeError:
            if run is not None:  # which plugins are missing is of no use where they may not be run
                _refuse_programs(entry, run, programs)
            raise
        if run is not None:
            recipe = evolve(loaded.recipe, data=run.data, pipeline=run.pipeline, seed=run.seed)
            loaded = evolve(loaded, recipe=recipe)
        return cls(entry, loaded, read_bundle(entry.path), loaded.recipe)

    def choices(self) -> dict[str, Choice]:
        """The components, by their place in a recipe: ``anomaly_filter``, ``proposer.0``, ..."""
        loaded = self.loaded
        parts = {
            "anomaly_filter": loaded.anomaly_filter,
            **{f"proposer.{number}": choice for number, choice in enumerate(loaded.proposers)},
            "embedder": loaded.embedder,
            "scorer": loaded.scorer,
        }
        used = {place: choice for place, choice in parts.items() if choice is not None}
        if self.bundle is None:  # of the rest, nothing can be shown
            return {place: choice for place, choice in used.items() if place.startswith("proposer")}
        return used

    def with_settings(
        self, settings: Mapping[str, object], pipeline: PipelineSettings, data: DataSettings
    ) -> Model:
        """The same with other settings; those of components by the places of `choices`."""
        choices = {
            place: evolve(choice, settings=settings.get(place, choice.settings))
            for place, choice in self.choices().items()
        }
        loaded = evolve(
            self.loaded,
            recipe=evolve(
                self.loaded.recipe, pipeline=pipeline, data=evolve(data, crop=self.recipe.data.crop)
            ),
            proposers=tuple(choice for place, choice in choices.items() if place.startswith("proposer")),
            anomaly_filter=choices.get("anomaly_filter", self.loaded.anomaly_filter),
            embedder=choices.get("embedder", self.loaded.embedder),
            scorer=choices.get("scorer", self.loaded.scorer),
        )
        return evolve(self, loaded=loaded)

    @property
    def threshold(self) -> float | None:
        """The gate: as it was set in training, or as the settings now ask for; None where there is none."""
        gate = self.bundle.gate if self.bundle else None
        if gate is None:
            return None
        pipeline = self.loaded.recipe.pipeline
        if pipeline.gate != GateSettings():
            gate = gate_at(pipeline, gate.scores, gate.labels)
        return gate.point.threshold

    @property
    def least(self) -> float:
        """The least confidence of a reported box."""
        return self.bundle.least_confidence(self.loaded.recipe.pipeline) if self.bundle else 0.0

    @property
    def key(self) -> str:
        """What built components depend on."""
        pipeline = self.loaded.recipe.pipeline
        stamp = (self.entry.path / "bundle.json").stat().st_mtime_ns if self.bundle else 0
        return digest(
            [
                str(self.entry.path),
                stamp,
                pipeline.device,
                pipeline.threads,
                {
                    place: [choice.component.qualified_name, asdict(choice.settings)]  # type: ignore[arg-type]
                    for place, choice in self.choices().items()
                },
            ]
        )

    @property
    def results_key(self) -> str:
        """What results depend on beside the frame; how boxes are ranked and reported is not in it."""
        recipe = self.loaded.recipe
        narrowed = [getattr(recipe.pipeline, name) for name in NARROWED_BY]
        return digest([self.key, narrowed, recipe.data.bits, recipe.data.crop, recipe.seed])


def _refuse_programs(entry: Entry, recipe: Recipe, programs: bool) -> None:
    if recipe.plugins and not programs:
        named = ", ".join(path.name for path in recipe.plugins[:5])
        raise RecipeError(
            f"{entry.label}: its recipe names one-file plugins ({named}), which are programs: if you trust "
            "whoever wrote them, start the app with cs-app --allow-plugins"
        )


@define(eq=False)
class Analyser:
    """Built components; one frame at a time, whoever asks."""

    model: Model
    components: Components
    _lock: threading.Lock = field(factory=threading.Lock)

    @classmethod
    def build(cls, model: Model) -> Analyser:
        """Build all components, and load what was trained.

        Raises:
            CSError: one cannot be built here, or does not fit what was trained.
        """
        env = make_env(model.loaded)
        folder = model.bundle.folder if model.bundle else None
        return cls(model, Components.build(model.loaded, env, folder))

    def analyse(self, unit: Unit, model: Model, step: Step) -> FrameResult:
        """Both stages on one frame, whatever the gate says; proposals alone where nothing is trained.

        Args:
            unit: the one frame with its window.
            model: the model, which may differ from the one built in `results_key` only.
            step: is told each stage before it begins.

        Raises:
            FrameError: why the frame cannot be analysed.
            Cancelled: by `step`.
        """
        with self._lock:
            step("Reading the frame")
            watched = self._watched(step)
            maker = RegionMaker(model.loaded, watched, Cache(None))
            read = frame_reader(model.loaded.recipe.data)
            if model.bundle is None:
                batch = Batch(unit, read)
                found = maker.propose(batch, [0])
                skipped = list(batch.failed.values())
                crop = batch.frame(0).crop if found else None
                results = [_proposed(unit.refs[0], *found[0]).in_frame(crop)] if found else []
            else:
                pipeline = model.loaded.recipe.pipeline
                analysis = Stages(watched, maker, pipeline, read, None, known=model.bundle.known).analyse(
                    unit, gated=False
                )
                results, skipped = analysis.results, analysis.skipped
        if skipped:
            stage = "" if skipped[0].stage == "read" else f" ({skipped[0].stage.replace('_', ' ')})"
            raise FrameError(f"{skipped[0].reason}{stage}")
        return results[0]

    def explain(self, unit: Unit, model: Model) -> Explanation | None:
        """What is behind the anomaly score of one frame, None where there is no filter."""
        component = self.components.anomaly_filter
        if component is None or self.model.bundle is None:
            return None
        with self._lock:
            window = Batch(unit, frame_reader(model.loaded.recipe.data)).window(0)
            return component.explain(window).in_frame(window.frame.crop)

    def embed(self, frame: Frame, box: Sequence[float]) -> Float32:
        """(D,) the embedding of one box of a whole frame."""
        boxes = np.array([box], np.float32)
        seen = frame.cropped() if self.model.loaded.recipe.data.crop == "embryo" else frame
        with self._lock:
            (rows,) = self.components.embedder.embed(
                [(seen, seen.crop.boxes_in_crop(boxes) if seen.crop else boxes)]
            )
        return np.asarray(rows[0], np.float32)

    @property
    def context(self) -> int:
        """Neighbours that the filter wants on each side."""
        return self.components.anomaly_filter.context if self.components.anomaly_filter else 0

    def _watched(self, step: Step) -> Components:
        parts = self.components
        whole = self.model.bundle is not None
        names: dict[int, str] = {}

        def watched(component: Any, doing: str) -> Any:
            one = _Watched(component, step, doing)
            names[id(one)] = parts.names.get(id(component), type(component).__name__)
            return one

        return Components(
            anomaly_filter=parts.anomaly_filter
            and watched(parts.anomaly_filter, "Asking whether the frame is unusual"),
            proposers=tuple(watched(p, "Proposing boxes") for p in parts.proposers),
            embedder=watched(parts.embedder, "Describing the boxes") if whole else None,
            scorer=watched(parts.scorer, "Scoring the boxes") if whole else None,
            names=names,
        )


class _Watched:
    """A component that says when it is put to work."""

    def __init__(self, component: object, step: Step, doing: str) -> None:
        self._component, self._step, self._doing = component, step, doing

    def __getattr__(self, name: str) -> Any:
        if name in ("score", "propose", "embed"):
            self._step(self._doing)
        return getattr(self._component, name)


def _proposed(ref: FrameRef, size: tuple[int, int], boxes: Float32) -> FrameResult:
    return FrameResult(
        ref.id, ref.sequence, ref.index, size, float("nan"), flagged=False, proposals=boxes, hours=ref.hours
    )


def reported(result: FrameResult, model: Model) -> FrameResult:
    """A result, ranked, gated and cut as the settings are now."""
    pipeline, threshold = model.loaded.recipe.pipeline, model.threshold
    ranked = rank(result.frame, result.proposals, result.scores, pipeline)
    return evolve(
        result,
        flagged=threshold is None or result.score >= threshold,
        ranked=ranked,
        detections=report(ranked, pipeline.top, model.least),
    )


def units_of(refs: Sequence[FrameRef], context: int) -> list[Unit]:
    """A unit for each frame, with its window."""
    return [
        Unit((ref,), (window,))
        for unit in make_units(refs, context)
        for ref, window in zip(unit.refs, unit.windows, strict=True)
    ]


@define(eq=False)
class LruCache(Generic[T]):
    """What was made before, the last `limit` of it; for several threads."""

    limit: int
    _items: OrderedDict[str, T] = field(factory=OrderedDict)
    _lock: threading.Lock = field(factory=threading.Lock)

    def get(self, key: str) -> T | None:
        """What is kept under a key, or None."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: str, item: T) -> T:
        """Keep something; what was not asked for longest goes."""
        with self._lock:
            self._items[key] = item
            self._items.move_to_end(key)
            while len(self._items) > self.limit:
                self._items.popitem(last=False)
        return item

    def through(self, key: str, make: Callable[[], T]) -> T:
        """What is kept, or else made now."""
        found = self.get(key)
        return self.put(key, make()) if found is None else found


def frame_key(unit: Unit) -> str:
    """What a frame and its neighbours show.

    Raises:
        FrameError: a file cannot be read.
    """
    return digest([[content_hash(ref), ref.z, ref.circle] for ref in unit.windows[0]])

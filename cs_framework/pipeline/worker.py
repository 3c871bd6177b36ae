"""Components of a process, built once, for all the work that it is given.

Components never travel between processes: a worker builds its own from the resolved recipe and the
bundle, and keeps them; the work itself is a function of a module, which an engine calls with the worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from attrs import evolve, field, frozen

from cs_framework.api.components import Skipped
from cs_framework.api.frames import Frame
from cs_framework.data.images import frame_reader, read_frame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import FrameError, StoppedError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components, make_env
from cs_framework.pipeline.familiarity import Known
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.stages import Analysis, Stages
from cs_framework.recipe import LoadedRecipe, load_recipe

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@frozen
class WorkerSpec:
    """Everything a process needs to build the same components as any other."""

    recipe: Path
    """The resolved recipe."""
    bundle: Path | None = None
    """What was trained; None while training."""
    threshold: float | None = None
    """The gate."""
    least: float = 0.0
    """The least confidence of a reported box."""
    known: Known | None = None
    """What the model saw in training."""
    withhold: bool = False
    """Whether boxes are reported of familiar frames alone."""
    cache: Path | None = None
    block: tuple[str, ...] = ()
    stop: Path | None = None
    """A file that is there when no further batch is to be begun."""
    content: str = ""
    """A digest of what these files hold: a process that outlives a run must not go on with what they held."""


@frozen(eq=False)
class Worker:
    """The components of one process, and what they need to run on frames."""

    loaded: LoadedRecipe
    components: Components
    spec: WorkerSpec
    barred: Mapping[str, Skipped] = field(factory=dict)
    """Frames of the present unit that are not worked on, by id."""

    @classmethod
    def build(cls, spec: WorkerSpec) -> Worker:
        """Build the components anew, from files alone."""
        loaded = load_recipe(spec.recipe, block=spec.block)
        env = make_env(loaded, spec.cache)
        return cls(loaded, Components.build(loaded, env, spec.bundle), spec)

    @property
    def stages(self) -> Stages:
        """The two stages with this worker's components."""
        recipe = self.loaded.recipe
        spec = self.spec
        return Stages(
            self.components,
            self.regions,
            recipe.pipeline,
            self.read,
            spec.threshold,
            spec.least,
            spec.known,
            spec.withhold,
        )

    @property
    def regions(self) -> RegionMaker:
        """Proposes and embeds with this worker's components."""
        return RegionMaker(self.loaded, self.components, Cache(self.spec.cache))

    @property
    def read(self) -> Callable[[FrameRef], Frame]:
        """Decodes a frame as the components see it, but none that killed a process."""
        decode = frame_reader(self.loaded.recipe.data)

        def read(ref: FrameRef) -> Frame:
            barred = self.barred.get(ref.id)
            if barred is not None and not barred.not_done:
                raise FrameError(barred.reason)
            return decode(ref)

        return read


def analyse(worker: Worker, unit: Unit, gated: bool, keep_regions: bool) -> Analysis | None:
    """Both stages on a unit of frames; None where the run is stopped before its end."""
    stop = worker.spec.stop

    def stopping() -> bool:
        return stop is not None and stop.exists()

    try:
        return worker.stages.analyse(unit, gated=gated, keep_regions=keep_regions, stopping=stopping)
    except StoppedError:
        return None


_here: dict[WorkerSpec, Worker] = {}
_one_at_a_time = threading.Lock()


def call(spec: WorkerSpec, work: Callable[[Worker, Unit, *Ts], T], arguments: tuple[Unit, *Ts]) -> T:
    """``work(worker, *arguments)`` in a worker process, whose components are built at the first call.

    One call at a time, since components need not stand several threads, which some engines have.
    """
    with _one_at_a_time:
        if spec not in _here:
            for worker in _here.values():
                worker.components.close()
            _here.clear()
            _here[spec] = Worker.build(spec)
        unit, *others = arguments
        barred = {item.frame: item for item in unit.barred}
        return work(evolve(_here[spec], barred=barred), unit, *others)  # type: ignore[arg-type]


def try_reading(ref: FrameRef) -> None:
    """Decode a frame in a worker process, to see whether it dies of that."""
    with suppress(FrameError):
        read_frame(ref)

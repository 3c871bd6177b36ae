"""What a process does with the units it is given.

Components never travel between processes: a worker builds its own from the resolved recipe and the
bundle, and keeps them for all units it is given.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from cs_framework.data.images import read_frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import FrameError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components, make_env
from cs_framework.pipeline.proposed import Proposed, proposed
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.stages import Analysis, Stages
from cs_framework.recipe import LoadedRecipe, load_recipe
from cs_framework.synthetic.implants import cavity
from cs_framework.training.regions import RegionBatch, Sampling, regions_of


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
    cache: Path | None = None
    block: tuple[str, ...] = ()
    content: str = ""
    """A digest of what these files hold: a process that outlives a run must not go on with what they held."""


@frozen(eq=False)
class Worker:
    """Does the kinds of work there are on a unit."""

    loaded: LoadedRecipe
    components: Components
    spec: WorkerSpec

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
        return Stages(self.components, self._regions, recipe.pipeline, self._read, spec.threshold, spec.least)

    @property
    def _regions(self) -> RegionMaker:
        return RegionMaker(self.loaded, self.components, Cache(self.spec.cache))

    @property
    def _read(self) -> Any:
        return partial(read_frame, bits=self.loaded.recipe.data.bits)

    def analyse(self, unit: Unit, gated: bool, keep_regions: bool) -> Analysis:
        """Both stages."""
        return self.stages.analyse(unit, gated=gated, keep_regions=keep_regions)

    def table(self, unit: Unit, labelled: dict[str, LabelledFrame], sampling: Sampling) -> RegionBatch:
        """Embedded regions to train on."""
        return regions_of(unit, labelled, self._regions, self._read, sampling)

    def clarity(self, unit: Unit) -> list[float]:
        """How clear the cavity of each frame is; NaN where a frame cannot be read."""

        def of(ref: FrameRef) -> float:
            try:
                return cavity(self._read(ref))
            except FrameError:
                return float("nan")

        return [of(ref) for ref in unit.refs]

    def propose(self, unit: Unit) -> Proposed:
        """Boxes alone, timed."""
        return proposed(unit, self._regions, self._read)


_here: dict[WorkerSpec, Worker] = {}
_one_at_a_time = threading.Lock()


def call(spec: WorkerSpec, method: str, arguments: Sequence[Any]) -> Any:
    """``worker.method(*arguments)`` in a worker process, whose components are built at the first call.

    One call at a time, since components need not stand several threads, which some engines have.
    """
    with _one_at_a_time:
        if spec not in _here:
            _here.clear()
            _here[spec] = Worker.build(spec)
        return getattr(_here[spec], method)(*arguments)

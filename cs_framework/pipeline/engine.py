"""Hands units of work to this process or to several, and gives the answers back in order.

Components never travel between processes: a worker builds its own from the resolved recipe and the
bundle, and keeps them for all units it is given.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from cs_framework.data.images import read_frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.errors import CSError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components, make_env
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.pipeline.stages import Analysis, Stages
from cs_framework.recipe import LoadedRecipe, load_recipe
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
    cache: Path | None = None
    block: tuple[str, ...] = ()


@frozen(eq=False)
class Worker:
    """Does the three kinds of work there are on a unit."""

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
        return Stages(self.components, self._regions, recipe.pipeline, self._read, self.spec.threshold)

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


_here: dict[WorkerSpec, Worker] = {}


def _call(spec: WorkerSpec, method: str, arguments: Sequence[Any]) -> Any:
    if spec not in _here:
        _here.clear()
        _here[spec] = Worker.build(spec)
    return getattr(_here[spec], method)(*arguments)


@define
class Engine:
    """`workers` processes, started when there is work for more than one."""

    workers: int
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def map(self, worker: Worker, method: str, calls: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """``worker.method(*arguments)`` for each of `calls`, in their order.

        At most two calls per process are under way or waiting to be taken, so memory stays bounded.
        """
        if self.workers == 1 or len(calls) == 1:
            for arguments in calls:
                yield getattr(worker, method)(*arguments)
            return
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context)
        pool = self._pool
        yield from self._ordered(pool.submit(_call, worker.spec, method, arguments) for arguments in calls)

    def _ordered(self, submitted: Iterable[Future[Any]]) -> Iterator[Any]:
        waiting: deque[Future[Any]] = deque()
        try:
            for future in submitted:
                waiting.append(future)
                if len(waiting) >= 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            self._pool = None
            raise CSError(
                "a worker process died (out of memory?): try fewer with --set pipeline.workers=1"
            ) from error

    def close(self) -> None:
        """Stop the processes; work not yet begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

"""The engine ``dask``: the workers of a Dask cluster, on this machine or on many.

Workers see the same files under the same paths as this process and have the same packages. Dask itself
redoes the units of a worker that dies, and gives up on one that has killed several: then its frames are
looked at one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, ClassVar

import dask.config
from attrs import define, field
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm.core import CommClosedError

from cs_framework.errors import CSError
from cs_framework.pipeline.engines.engine import Arguments, Engine, T, Task, Ts, Work
from cs_framework.pipeline.engines.local import without_interrupts
from cs_framework.pipeline.engines.safe_path import SAFE_PATH
from cs_framework.pipeline.worker import WorkerSpec

log = logging.getLogger(__name__)

_SPAWNED_WITH = "distributed.nanny.pre-spawn-environ"
START_TIMEOUT = "60s"
_DISCONNECTED = (CancelledError, CommClosedError, ConnectionError)
"""What becomes of units under way when the connection to the scheduler breaks."""


@define(eq=False)
class DaskEngine(Engine):
    """A cluster that runs already, or one of `workers` processes on this machine, stopped at the end."""

    lost: ClassVar[tuple[type[Exception], ...]] = (KilledWorker, MemoryError)
    address: str | None = None
    """``tcp://host:port`` of a scheduler; None starts a cluster."""
    gpu: bool = False
    """Whether units go only to workers that were started with the resource ``GPU=1``."""
    _client: Any = field(default=None, init=False)
    _cluster: Any = field(default=None, init=False)

    def map(self, spec: WorkerSpec, work: Work[*Ts, T], calls: Iterable[Arguments[*Ts]]) -> Iterator[T]:
        """See [Engine.map][cs_framework.pipeline.engines.Engine.map]."""
        try:
            yield from super().map(spec, work, calls)
        except _DISCONNECTED as error:
            where = self.address or "of this run"
            raise CSError(f"the Dask scheduler {where} has gone away; --resume goes on from here") from error

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Task[T]:
        resources = {"GPU": 1} if self.gpu else None
        client = self._connected()
        task: Task[T] = client.submit(function, *arguments, pure=False, resources=resources)
        return task

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        if self.address is None:
            kept = dask.config.get(_SPAWNED_WITH, {})  # for those that are started in the place of dead ones
            with without_interrupts(), dask.config.set({_SPAWNED_WITH: {**kept, **SAFE_PATH}}):
                self._cluster = LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=self.workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,  # dead workers are reported here
                    resources={"GPU": 1} if self.gpu else None,
                )
        try:
            where = self._cluster or self.address
            self._client = Client(where, timeout=START_TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise CSError(f"no Dask scheduler answers at {self.address}: {error}") from error
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # so is a scheduler that has gone
        if self._cluster is None:
            self._say_what_is_missing()
            # so many that each worker has a unit to work on and one waiting, and adaptive clusters see work
            self.workers = max(self.workers, len(self._client.nthreads()))
        return self._client

    def _say_what_is_missing(self) -> None:
        """Units wait for workers, without end where nobody starts them."""
        there = self._client.scheduler_info()["workers"].values()
        if not there:
            log.warning("the Dask cluster at %s has no worker yet: waiting for one", self.address)
        elif self.gpu and not any(worker["resources"].get("GPU") for worker in there):
            log.warning(
                "no worker of the Dask cluster at %s was started with --resources GPU=1: waiting for one",
                self.address,
            )

    def _renew(self) -> None:
        """Nothing: Dask has started fresh workers."""

    def close(self) -> None:
        """Stop at once; what is under way is dropped. A cluster that ran before runs on."""
        for started in (self._client, self._cluster):
            if started is not None:
                with suppress(TimeoutError):  # on a busy machine; its processes end with this one
                    started.close(timeout=5)
        self._client = self._cluster = None

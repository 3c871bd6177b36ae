"""The engine ``local``: this process, or several on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import ClassVar

from attrs import define, field

from cs_framework.errors import CSError
from cs_framework.pipeline.engines.engine import Arguments, Engine, T, Task, Ts, Work, frames
from cs_framework.pipeline.engines.safe_path import safe_path
from cs_framework.pipeline.worker import Worker, WorkerSpec, call


@define(eq=False)
class LocalEngine(Engine):
    """`workers` processes; one is this process itself, where nothing has to be started."""

    lost: ClassVar[tuple[type[Exception], ...]] = (BrokenProcessPool, MemoryError)
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with what workers import, which takes seconds, while this process does the same."""
        if self.workers > 1 and _context().get_start_method() == "forkserver":
            from multiprocessing import forkserver

            with without_interrupts():
                forkserver.ensure_running()

    def map(self, worker: Worker, work: Work[*Ts, T], calls: Iterable[Arguments[*Ts]]) -> Iterator[T]:
        """See [Engine.map][cs_framework.pipeline.engines.Engine.map]."""
        if self.workers > 1:
            yield from super().map(worker, work, calls)
            return
        for arguments in calls:
            try:
                yield work(worker, *arguments)
            except MemoryError as error:
                raise CSError(
                    f"out of memory on {frames(arguments)}; fewer boxes need less "
                    "(--set pipeline.max_proposals=500); --resume goes on from here"
                ) from error

    def _submit(self, spec: WorkerSpec, work: Work[*Ts, T], arguments: Arguments[*Ts]) -> Task[T]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=_context(), initializer=_prepare)
        try:
            with without_interrupts():
                return self._pool.submit(call, spec, work, arguments)
        except BrokenProcessPool as error:  # a worker died since the last answer: this one is lost like it
            lost: Future[T] = Future()
            lost.set_exception(error)
            return lost

    def _renew(self) -> None:
        self.close()

    def close(self) -> None:
        """Stop at once; what is under way is dropped."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())  # no public way before Python 3.14
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        self._pool = None


def _context() -> BaseContext:
    """Processes that are clean, as CUDA wants them, but need not each import for seconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():  # Windows
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "cs_framework.pipeline.worker"])
    return context


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Start processes that never see Ctrl-C, which a terminal sends to all: this one decides.

    Nor do they import what lies in the working directory.
    """
    with safe_path():
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # starting it with the first process would let signals in again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """Leave Ctrl-C to the parent, and end with it: a worker whose parent is killed would wait forever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

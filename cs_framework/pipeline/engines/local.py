"""The engine ``local``: processes on this machine.

Also one worker is a process of its own, so that a frame that kills it does not end the run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from attrs import define, field

from cs_framework.pipeline.engines.engine import Engine, T, Task
from cs_framework.pipeline.engines.safe_path import safe_path
from cs_framework.pipeline.interrupt import STOPPING


@define(eq=False)
class LocalEngine(Engine):
    """A pool of `workers` processes."""

    lost: ClassVar[tuple[type[Exception], ...]] = (BrokenProcessPool, MemoryError)
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def warm_up(self) -> None:
        """Begin with what workers import, which takes seconds, while this process does the same."""
        if _context().get_start_method() == "forkserver":
            from multiprocessing import forkserver

            with without_interrupts():
                forkserver.ensure_running()

    def _submit(self, function: Callable[..., T], *arguments: Any) -> Task[T]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=_context(), initializer=_prepare)
        try:
            with without_interrupts():
                return self._pool.submit(function, *arguments)
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
        pool: Any = self._pool  # there is no public way before Python 3.14
        processes, manager = list((pool._processes or {}).values()), pool._executor_manager_thread
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        if manager is not None:  # else it may find its pipes closed while this process ends
            manager.join(timeout=5)
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
    """Start processes that never see the signals that stop a run: this one decides.

    Nor do they import what lies in the working directory.
    """
    with safe_path():
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # starting it with the first process would let signals in again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """Leave signals to the parent, and end with it: a worker whose parent is killed would wait forever."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

"""What all engines share: few units under way, answers in order, and what becomes of units that kill."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Protocol, TypeVar, TypeVarTuple

from attrs import define

from cs_framework.errors import CSError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.worker import Worker, WorkerSpec

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
T_co = TypeVar("T_co", covariant=True)

Work = Callable[[Worker, Unit, *Ts], T]
"""A function of a module, so that a process can find it by its name."""
Arguments = tuple[Unit, *Ts]
"""What it is called with, beside the worker of the process."""


class Task(Protocol[T_co]):
    """A call under way: the futures of concurrent.futures and of Dask."""

    def result(self) -> T_co:
        """Wait for the answer."""
        ...

    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        ...

    def exception(self) -> BaseException | None:
        """What it raised."""
        ...

    def cancel(self) -> object:
        """Drop it, if it has not begun."""
        ...

    def cancelled(self) -> bool:
        """Whether it was dropped."""
        ...


@define(eq=False)
class Engine(ABC):
    """Calls functions with the workers of processes."""

    workers: int
    """Processes that work at the same time."""
    lost: ClassVar[tuple[type[Exception], ...]] = (MemoryError,)
    """What a task raises whose worker died or has no memory left."""

    def map(self, worker: Worker, work: Work[*Ts, T], calls: Iterable[Arguments[*Ts]]) -> Iterator[T]:
        """``work(worker, *arguments)`` for each of `calls`, in their order.

        At most two calls per process are under way or waiting to be taken, so memory stays bounded.

        Raises:
            CSError: a unit has killed its worker, also a fresh one that had nothing else to do.
        """
        under_way: deque[tuple[Arguments[*Ts], Task[T]]] = deque()
        try:
            for arguments in calls:
                under_way.append((arguments, self._submit(worker.spec, work, arguments)))
                while len(under_way) >= 2 * self.workers:
                    yield self._next(under_way, worker.spec, work)
            while under_way:
                yield self._next(under_way, worker.spec, work)
        finally:
            for _, task in under_way:
                task.cancel()

    def _next(
        self, under_way: deque[tuple[Arguments[*Ts], Task[T]]], spec: WorkerSpec, work: Work[*Ts, T]
    ) -> T:
        """The oldest answer; where its worker was lost, the unit is done again with nothing beside it.

        So the unit that kills is told from those that were merely under way at the same time.
        """
        arguments, task = under_way.popleft()
        try:
            return task.result()
        except self.lost:
            log.warning("a worker process died or ran out of memory; %s are done again", frames(arguments))
        self._renew()
        try:
            answer = self._submit(spec, work, arguments).result()
        except self.lost as error:
            raise lost_twice(arguments) from error
        for _ in range(len(under_way)):
            others, task = under_way.popleft()
            under_way.append((others, self._submit(spec, work, others) if self._is_lost(task) else task))
        return answer

    def _is_lost(self, task: Task[Any]) -> bool:
        return task.done() and (task.cancelled() or isinstance(task.exception(), self.lost))

    @abstractmethod
    def _submit(self, spec: WorkerSpec, work: Work[*Ts, T], arguments: Arguments[*Ts]) -> Task[T]:
        """Begin a call."""

    @abstractmethod
    def _renew(self) -> None:
        """Get fresh workers; what is under way may be dropped."""

    @abstractmethod
    def close(self) -> None:
        """Stop at once; what is under way is dropped."""


def frames(arguments: tuple[Unit, *tuple[Any, ...]]) -> str:
    """The frames of a call, in words."""
    unit = arguments[0]
    first, last = unit.refs[0].id, unit.refs[-1].id
    return f"the frames {first} to {last}"


def lost_twice(arguments: tuple[Unit, *tuple[Any, ...]]) -> CSError:
    """What to say of a unit that cannot be done."""
    return CSError(
        f"a worker process died or ran out of memory on {frames(arguments)}, and a fresh one did so, too. "
        "Fewer processes leave more memory to each (--set pipeline.workers=1), fewer boxes need less "
        "(--set pipeline.max_proposals=500); --resume goes on from here"
    )

"""What all engines share: few units under way, answers in order, and what becomes of units that kill."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Protocol, TypeVar, TypeVarTuple

from attrs import define, field

from cs_framework.api.components import NOT_DONE, Skipped
from cs_framework.errors import CSError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.worker import Worker, WorkerSpec, call, try_reading

log = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
T_co = TypeVar("T_co", covariant=True)

MOST_CULPRITS = 3
"""Rounds of looking for frames that kill: where more fail, it is no fault of frames."""
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
    _killers: list[Skipped] = field(factory=list, init=False)
    """Frames that killed the process that read them."""

    def map(self, spec: WorkerSpec, work: Work[*Ts, T], calls: Iterable[Arguments[*Ts]]) -> Iterator[T]:
        """``work(worker, *arguments)`` for each of `calls`, in their order.

        At most two calls per process are under way or waiting to be taken, so memory stays bounded. A frame
        that kills the process that works on it is barred from its unit, and the others are done.

        Raises:
            CSError: a unit kills its worker whichever frames are barred.
        """
        under_way: deque[tuple[Arguments[*Ts], Task[T]]] = deque()
        try:
            for arguments in calls:
                under_way.append(self._begin(spec, work, arguments))
                while len(under_way) >= 2 * self.workers:
                    yield self._next(under_way, spec, work)
            while under_way:
                yield self._next(under_way, spec, work)
        finally:
            for _, task in under_way:
                task.cancel()

    def _begin(
        self, spec: WorkerSpec, work: Work[*Ts, T], arguments: Arguments[*Ts]
    ) -> tuple[Arguments[*Ts], Task[T]]:
        unit, *others = arguments
        barred: Arguments[*Ts] = (unit.barring(self._killers), *others)  # type: ignore[assignment]
        return barred, self._submit(call, spec, work, barred)

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
        answer = self._again(spec, work, arguments)
        for _ in range(len(under_way)):
            others, task = under_way.popleft()
            under_way.append(self._begin(spec, work, others) if self._is_lost(task) else (others, task))
        return answer

    def _again(self, spec: WorkerSpec, work: Work[*Ts, T], arguments: Arguments[*Ts]) -> T:
        """The answer of a unit that has nothing beside it, without the frames that kill."""
        unit, *others = arguments
        for _ in range(MOST_CULPRITS + 1):
            now: Arguments[*Ts] = (unit, *others)  # type: ignore[assignment]
            try:
                answer: T = self._submit(call, spec, work, now).result()
                return answer
            except self.lost as error:
                last = error
                self._renew()
            unit = unit.barring(self._culprits(spec, work, now))
        raise lost_twice(arguments) from last

    def _culprits(self, spec: WorkerSpec, work: Work[*Ts, T], arguments: Arguments[*Ts]) -> list[Skipped]:
        """The frames that a fresh process dies of reading; else the one on which a component is lost.

        To find that one, the unit is halved until it is left.
        """
        unit, *others = arguments
        read = [ref for ref in unit.read() if self._loses(try_reading, ref)]
        if read:
            found = [Skipped(ref.id, "read", f"{ref.id}: killed the process that read it") for ref in read]
            self._killers += found
            return found
        while len(unit.refs) > 1:
            first, second = unit.halves()
            unit = first if self._loses(call, spec, work, (first, *others)) else second
        frame = unit.refs[0].id
        return [Skipped(frame, NOT_DONE, f"{frame}: a process died of it, or ran out of memory")]

    def _loses(self, function: Callable[..., object], *arguments: object) -> bool:
        """Whether a worker that has nothing else to do is lost."""
        try:
            self._submit(function, *arguments).result()
        except self.lost:
            self._renew()
            return True
        return False

    def _is_lost(self, task: Task[Any]) -> bool:
        return task.done() and (task.cancelled() or isinstance(task.exception(), self.lost))

    @abstractmethod
    def _submit(self, function: Callable[..., T], *arguments: Any) -> Task[T]:
        """Begin a call of a function in a process."""

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
        f"worker processes died or ran out of memory on {frames(arguments)}, whichever frames are left out. "
        "Fewer processes leave more memory to each (--set pipeline.workers=1), fewer boxes need less "
        "(--set pipeline.max_proposals=500); --resume goes on from here"
    )

"""Frames on their way through the stages: units, batches, the shards of long runs, and what went wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from attrs import define, evolve, field, frozen

from cs_framework.api.components import NOT_DONE, Skipped
from cs_framework.api.frames import Frame, Window
from cs_framework.data.images import content_hash
from cs_framework.data.refs import FrameRef
from cs_framework.data.windows import neighbours
from cs_framework.errors import NOT_A_FAULT, FrameError, RecipeError, SetupError, UnavailableError
from cs_framework.pipeline.components import digest
from cs_framework.pipeline.faults import raise_if_memory, skipped
from cs_framework.pipeline.timings import Timings

T = TypeVar("T")

UNIT = 64
BATCH = 16


@frozen
class Unit:
    """64 consecutive frames of one source: the grain of work. Batches never cross it.

    `windows` holds, for each frame, the references of its window (itself in the middle).
    """

    refs: tuple[FrameRef, ...]
    windows: tuple[tuple[FrameRef, ...], ...]
    barred: tuple[Skipped, ...] = ()
    """Frames, in windows too, on which a process was lost: they are skipped without another try."""

    def batches(self) -> list[Unit]:
        """The same in pieces of 16 frames, each a call to the components."""
        return [self._part(s, s + BATCH) for s in range(0, len(self.refs), BATCH)]

    def halves(self) -> tuple[Unit, Unit]:
        """The first half of the frames and the others."""
        middle = len(self.refs) // 2
        return self._part(0, middle), self._part(middle, len(self.refs))

    def barring(self, more: Iterable[Skipped]) -> Unit:
        """The same without those of some frames that it reads."""
        read = {ref.id for ref in self.read()}
        return evolve(self, barred=(*self.barred, *(item for item in more if item.frame in read)))

    def read(self) -> list[FrameRef]:
        """The frames of all windows but those that are barred, each once."""
        barred = {item.frame for item in self.barred}
        return [ref for ref in dict.fromkeys(chain.from_iterable(self.windows)) if ref.id not in barred]

    def _part(self, start: int, end: int) -> Unit:
        return evolve(self, refs=self.refs[start:end], windows=self.windows[start:end])


def make_units(refs: Sequence[FrameRef], context: int = 0) -> list[Unit]:
    """Cut the frames of a source into units, each with the neighbours that a filter's context asks for."""
    windows = neighbours(refs, context)
    return [Unit(tuple(refs[s : s + UNIT]), tuple(windows[s : s + UNIT])) for s in range(0, len(refs), UNIT)]


def make_batches(refs: Sequence[FrameRef], context: int = 0) -> list[Unit]:
    """The batches of all units in a row: what the processes of one machine share, so that none idles."""
    return [batch for unit in make_units(refs, context) for batch in unit.batches()]


@define(eq=False)
class Batch:
    """The frames of a batch, decoded when first asked for, and the ones that failed.

    Whatever goes wrong with one frame is recorded in `failed` and the others go on.
    """

    unit: Unit
    read: Callable[[FrameRef], Frame]
    timings: Timings = field(factory=Timings)
    failed: dict[int, Skipped] = field(factory=dict)
    _decoded: dict[str, Frame | FrameError] = field(factory=dict)
    _hashes: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin without the frames that are barred."""
        barred = {item.frame: item for item in self.unit.barred}
        self.failed |= {i: barred[ref.id] for i, ref in enumerate(self.unit.refs) if ref.id in barred}

    def frame(self, i: int) -> Frame:
        """Frame `i`, decoded once."""
        return self._decode(self.unit.refs[i])

    def _decode(self, ref: FrameRef) -> Frame:
        if ref.id not in self._decoded:
            with self.timings.measure("read", frames=1):
                try:
                    self._decoded[ref.id] = self.read(ref)
                except FrameError as error:
                    self._decoded[ref.id] = error
        found = self._decoded[ref.id]
        if isinstance(found, FrameError):
            raise found
        return found

    def content_hash(self, i: int) -> str:
        """A digest of the file of frame `i`, made once."""
        ref = self.unit.refs[i]
        if ref.id not in self._hashes:
            with self.timings.measure("read"):
                self._hashes[ref.id] = content_hash(ref)
        return self._hashes[ref.id]

    def fetch(self, *, hashed: bool) -> float:
        """Decode all there is, and hash it if wanted, before it is asked for.

        What fails is told when it is asked for.

        Returns:
            When that was done, as `time.perf_counter` has it.
        """
        for i, window in enumerate(self.unit.windows):
            with suppress(Exception):
                if hashed:
                    self.content_hash(i)
            for ref in window:
                with suppress(Exception):
                    self._decode(ref)
        return perf_counter()

    def window(self, i: int) -> Window:
        """The window of frame `i`; an unreadable neighbour is replaced by the frame itself.

        Raises:
            UnavailableError: a neighbour cannot be read for now: with it, the frame will have another score.
        """
        frames = []
        for ref in self.unit.windows[i]:
            try:
                frames.append(self._decode(ref))
            except UnavailableError:
                raise
            except Exception:
                frames.append(self.frame(i))
        return Window(tuple(frames))

    def alive(self) -> list[int]:
        """Positions of the frames that have not failed."""
        return [i for i in range(len(self.unit.refs)) if i not in self.failed]

    def each(self, stage: str, wanted: Sequence[int], function: Callable[[int], T]) -> dict[int, T]:
        """`function` of each wanted frame; a frame for which it raises is recorded as failed."""
        wanted = [i for i in wanted if i not in self.failed]
        if stage == "read":  # whose time is taken where files are opened
            return self._each(stage, wanted, function)
        with self.timings.measure(stage, len(wanted)):
            return self._each(stage, wanted, function)

    def _each(self, stage: str, wanted: Sequence[int], function: Callable[[int], T]) -> dict[int, T]:
        done = {}
        for i in wanted:
            try:
                done[i] = function(i)
            except (SetupError, MemoryError, *NOT_A_FAULT):
                raise
            except (
                BaseException
            ) as error:  # sys.exit, and panics of native code, are a component's faults, too
                raise_if_memory(error)
                self.fail(i, stage, error)
        return done

    def together(
        self, stage: str, wanted: Sequence[int], function: Callable[[list[int]], Sequence[T]]
    ) -> dict[int, T]:
        """`function` of all wanted frames at once; where that raises, of one after the other."""
        wanted = [i for i in wanted if i not in self.failed]
        if not wanted:
            return {}
        with self.timings.measure(stage, len(wanted)):
            try:
                return dict(zip(wanted, function(wanted), strict=True))
            except (SetupError, MemoryError, *NOT_A_FAULT):
                raise
            except BaseException:
                return self._each(stage, wanted, lambda i: function([i])[0])

    def fail(self, i: int, stage: str, error: BaseException) -> None:
        """Record that a frame failed at a stage."""
        stage = NOT_DONE if isinstance(error, UnavailableError) else stage
        self.failed[i] = skipped(self.unit.refs[i].id, stage, error)


Stamp = tuple[int, int] | None
"""Size in bytes and time of the last change in ns; None where there is no file."""


def stamp(path: Path) -> Stamp:
    """A file as it is now. Its content is not read: an archive is large."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


@frozen
class Shard:
    """One unit of work, numbered in the order of the input."""

    number: int
    unit: Unit
    stamps: tuple[Stamp, ...]
    """Of the file of each frame, when the input was listed."""
    context: int
    """Neighbours in each window, on each side."""
    inputs: str
    """A digest of the frames and their windows: which, in which order, and their files' stamps."""

    @classmethod
    def of(cls, number: int, unit: Unit, context: int, stamped: Callable[[Path], Stamp]) -> Shard:
        """One with files as `stamped` says they are."""

        def inputs(ref: FrameRef) -> tuple[object, ...]:
            return ref.id, ref.sequence, ref.index, ref.hours, ref.page, stamped(ref.path)

        described = [[inputs(ref) for ref in window] for window in unit.windows]
        return cls(number, unit, tuple(stamped(ref.path) for ref in unit.refs), context, digest(described))

    def as_of_now(self) -> Shard:
        """The same frames, with their files as they are by now."""
        return Shard.of(self.number, self.unit, self.context, _remembered())


def make_shards(refs: Sequence[FrameRef], context: int) -> list[Shard]:
    """Cut the input of a run; the same files give the same shards in every process."""
    stamped = _remembered()
    return [Shard.of(n, unit, context, stamped) for n, unit in enumerate(make_units(refs, context))]


def _remembered() -> Callable[[Path], Stamp]:
    """`stamp`, asked once for a stack or a video, each of whose frames has the same file."""
    return lru_cache(maxsize=1024)(stamp)


@frozen
class Share:
    """The `index`-th of `count` shares of a run, counted from 0: every `count`-th shard."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read ``i/n``.

        Raises:
            RecipeError: it is not that.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or int(found[1]) >= int(found[2]):
            raise RecipeError(f"--shard {text}: write I/N with I from 0 to N - 1, such as 0/4")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        """The shards of this share; all shares together hold every shard once."""
        return shards[self.index :: self.count]

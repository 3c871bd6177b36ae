"""The pieces of a long run: 64 consecutive frames, by reference, and whether their files are the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from attrs import frozen

from cs_framework.data.refs import FrameRef
from cs_framework.errors import RecipeError
from cs_framework.pipeline.batch import Unit, make_units
from cs_framework.pipeline.components import digest

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

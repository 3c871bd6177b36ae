"""Ctrl-C and SIGTERM during work that takes days: finish the batches under way, then stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from cs_framework.errors import TerminatedError

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM)
"""What a terminal sends to all processes of a run, and what schedulers do: the first process decides."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within the block SIGTERM ends this process in good order, as Ctrl-C does.

    Raises:
        TerminatedError: on SIGTERM, wherever the main thread is.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may handle signals
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interruptible(mark: Path) -> Iterator[Callable[[], int]]:
    """Within the block the first SIGINT or SIGTERM is only noted; a second one acts as ever.

    Args:
        mark: a file that is made when there has been one: workers anywhere see it.

    Yields:
        A function that gives the number of the signal, 0 until there has been one.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def note(number: int, frame: FrameType | None) -> None:
        restore()
        noted.append(number)
        with suppress(OSError):
            mark.touch()
        log.warning("stopping when the batches under way are done; once more stops at once")

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, note) for number in STOPPING}
    try:
        yield lambda: noted[0] if noted else 0
    finally:
        restore()
        with suppress(OSError):
            mark.unlink(missing_ok=True)

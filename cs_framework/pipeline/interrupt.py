"""Ctrl-C during work that takes days: finish what is begun, then stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within the block the first SIGINT is only noted; a second raises KeyboardInterrupt, as ever.

    Yields:
        A function that tells whether there has been one.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only that one may handle signals
        yield noted.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        noted.set()
        log.warning("stopping when the frames under way are done; once more stops at once")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGINT, before)

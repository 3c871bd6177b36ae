"""What components raise: told apart from what ends a run, named, and kept with its traceback."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from cs_framework._hints import reason, shortened
from cs_framework.api.components import Skipped
from cs_framework.errors import NOT_A_FAULT, ComponentError, CSError, FrameError

log = logging.getLogger(__name__)

_LONGEST_TRACE = 20_000
_OUT_OF_MEMORY = re.compile(
    "insufficient memory"  # OpenCV
    "|can't allocate memory"  # torch
    "|failed to allocate memory|bad_alloc|bad allocation",  # ONNX Runtime
    re.IGNORECASE,
)


@contextmanager
def blaming(component: str) -> Iterator[None]:
    """Whatever is raised within the block becomes an error that names the component and the exception's type.

    What it raises on purpose, memory that runs out, Ctrl-C and the app's own cancellation pass as they are.

    Raises:
        ComponentError: for anything else, ``sys.exit`` and panics of native code included.
    """
    try:
        yield
    except (CSError, MemoryError, *NOT_A_FAULT):
        raise
    except BaseException as error:
        raise_if_memory(error)
        raise ComponentError(f"{component}: {reason(error)}") from error


def raise_if_memory(error: BaseException) -> None:
    """Memory that runs out is no fault of a frame, by whatever name a library calls it.

    What is said of reading a frame is left out: it repeats a name that anybody may have chosen.
    """
    if isinstance(error, FrameError):
        return
    text = reason(error)
    if type(error).__name__ == "OutOfMemoryError" or _OUT_OF_MEMORY.search(text):
        raise MemoryError(text) from error


def skipped(frame: str, stage: str, error: BaseException) -> Skipped:
    """The record of a frame at which something was raised."""
    text = str(error).strip() if isinstance(error, CSError) else reason(error)
    expected = isinstance(error, FrameError)
    trace = "" if expected else "".join(traceback.format_exception(error))[-_LONGEST_TRACE:]
    return Skipped(frame, stage, shortened(text or type(error).__name__), trace)


def log_traces(records: Iterable[Skipped]) -> None:
    """Write the tracebacks of skipped frames to ``run.log``, from whatever process they come."""
    for record in records:
        if record.trace:
            log.debug("%s failed at %s\n%s", record.frame, record.stage, record.trace)

"""What commands show: progress of long work, and user errors as one line and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from importlib.metadata import distributions
from typing import TypeVar

from cs_framework._markers import DISTRIBUTION, FORMER_DISTRIBUTION
from cs_framework.pipeline.interrupt import terminable
from cs_framework.steps.outcome import USER_ERRORS, describe, to_stderr

T = TypeVar("T")
log = logging.getLogger(__name__)


@contextmanager
def handle_errors(interrupted: str = "stopped") -> Iterator[None]:
    """Show user errors as one line on standard error and end the process with their exit code.

    So are Ctrl-C and SIGTERM, in the words of `interrupted`. A mixed-up installation is warned of first.
    """
    if mixed := mixed_installation():
        to_stderr(f"warning: {mixed}")
    try:
        with terminable():
            yield
    except USER_ERRORS as error:
        exit_code, line = describe(error, interrupted)
        to_stderr(line)
        sys.exit(exit_code)


def mixed_installation() -> str | None:
    """What to do where a distribution that has this project's former name is installed beside it."""
    ours, other = (next(iter(distributions(name=name)), None) for name in (DISTRIBUTION, FORMER_DISTRIBUTION))
    if ours is None or other is None:
        return None
    return (
        f"{FORMER_DISTRIBUTION} {other.version} is installed beside {DISTRIBUTION}, and each overwrites "
        f"files of the other: pip uninstall {FORMER_DISTRIBUTION}, then "
        f"pip install --force-reinstall --no-deps {DISTRIBUTION}"
    )


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and show how far along they are: a moving bar on a terminal, else a line now and then."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as bar

        yield from bar(items, description, total=total, console=Console(stderr=True), transient=True)
        return
    for done, item in enumerate(items, start=1):
        yield item
        if total and done * 4 // total > (done - 1) * 4 // total:
            log.info("%s: %d of %d", description, done, total)

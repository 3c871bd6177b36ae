"""What commands show: progress of long work, and user errors as one line and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

import click

from cs_framework.errors import CSError, StoppedError, printable

T = TypeVar("T")
log = logging.getLogger(__name__)


@contextmanager
def errors_told(interrupted: str = "stopped") -> Iterator[None]:
    """Errors of the framework and of files go to standard error, and end the process with their exit code.

    So does Ctrl-C, in the words of `interrupted`.
    """
    try:
        yield
    except StoppedError as stopped:
        click.echo(printable(str(stopped)), err=True)
        sys.exit(stopped.exit_code)
    except CSError as error:
        click.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(printable(f"error: {where}{error.strerror or error}"), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo(interrupted, err=True)
        sys.exit(130)


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

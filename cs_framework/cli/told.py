"""What goes wrong, in a line: no command shows a traceback for what its user can mend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from cs_framework.errors import CSError, StoppedError, printable


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

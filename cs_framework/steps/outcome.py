"""What a run came to: the exit code and the lines shown, the same for commands, Python, tests and app."""

from __future__ import annotations

import json
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from cs_framework.errors import CSError, StoppedError, TerminatedError, printable, shortened

if TYPE_CHECKING:
    import pyarrow

INTERRUPTED = "stopped; the same command with --resume goes on"
"""The line for Ctrl-C during a run."""
LONGEST = 10_000
"""Characters of an error that are shown, as it may quote what a file of anybody holds."""
USER_ERRORS = (CSError, OSError, KeyboardInterrupt)
"""What a user can act on; anything else is a fault of the program and keeps its traceback."""


@frozen
class Outcome:
    """The result of running a recipe."""

    exit_code: int
    """0 done, 1 failed, 2 the recipe or the arguments are wrong, 130 stopped by Ctrl-C, 143 by SIGTERM."""
    out: Path
    """The run folder; it may not exist where the run did not start."""
    log: str
    """All that was shown, warnings and errors included."""

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``, of a run that evaluates."""
        content: dict[str, Any] = json.loads((self.out / "metrics.json").read_text(encoding="utf-8"))
        return content

    @cached_property
    def detections(self) -> pyarrow.Table:
        """``detections.parquet``, of a run that detects: a row for each reported box."""
        from pyarrow import parquet

        return parquet.read_table(self.out / "detections.parquet")


def describe(error: BaseException, interrupted: str = "stopped") -> tuple[int, str]:
    """The exit code and the line for one of `USER_ERRORS`; `interrupted` is the line for Ctrl-C."""
    if isinstance(error, KeyboardInterrupt):
        return 143 if isinstance(error, TerminatedError) else 130, interrupted
    if isinstance(error, StoppedError):
        return error.exit_code, printable(str(error))
    if isinstance(error, CSError):
        return error.exit_code, printable(shortened(f"error: {error}", LONGEST))
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    return 2, printable(f"error: {where}{getattr(error, 'strerror', None) or error}")


def to_stderr(line: str) -> None:
    """Show a line to the user of a command."""
    print(line, file=sys.stderr, flush=True)

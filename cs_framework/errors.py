"""Errors that a user can act on: each text names the file, line or key, and the cure."""

from __future__ import annotations

import re
import signal

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Control characters as text: names of files may hold some, and a terminal does what they say."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def shortened(text: str, most: int) -> str:
    """Text of `most` characters at most, its end left out where it is longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


class CSError(Exception):
    """Base of all errors that the framework and its components raise on purpose."""

    exit_code = 1


class RecipeError(CSError):
    """The recipe or the arguments are wrong; the message lists every problem found."""

    exit_code = 2


class SetupError(CSError):
    """A component cannot be built here: weights, a library or a device are missing."""

    exit_code = 2


class DataError(CSError):
    """The data set as a whole cannot be used: no frames, a bad index, one embryo in two splits."""

    exit_code = 2


class StoppedError(CSError):
    """A signal stopped the run in good order; the exit code tells which."""

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class TerminatedError(KeyboardInterrupt):
    """SIGTERM has come: everything ends as after Ctrl-C."""


class ComponentError(CSError):
    """A component raised what it should not; the text names it, its distribution and the exception's type."""


class Cancelled(BaseException):
    """Raised to cancel work that nobody waits for. No `Exception`, which would count as a frame's fault."""


NOT_A_FAULT = (KeyboardInterrupt, GeneratorExit, Cancelled)
"""What is raised through a component without being its fault."""


class FrameError(CSError):
    """One frame cannot be read or processed; a run records it and goes on."""


class UnavailableError(FrameError):
    """One frame cannot be read for now: a disk, a network or memory failed, which may pass."""

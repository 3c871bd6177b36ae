"""Faults that may pass, told apart from those of a file."""

from __future__ import annotations

import errno
import os

from av.error import FFmpegError

_MAY_PASS = {
    number
    for name in (
        *("EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EAGAIN", "EINTR", "EBUSY", "EREMOTEIO"),
        *("ETIMEDOUT", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ENOTCONN", "EPIPE", "ESHUTDOWN"),
        *("ENETDOWN", "ENETUNREACH", "ENETRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENOLINK", "ECOMM"),
    )
    if (number := getattr(errno, name, None)) is not None
}
"""Faults of a disk, a network or a process, by their numbers on this system."""


def passing(error: BaseException | None) -> str | None:
    """What the system says of a fault that may pass; None where it is the file's.

    FFmpeg's own errors are the file's: to it, one that is cut short is an input/output error.
    """
    while error is not None:
        if isinstance(error, MemoryError):
            return "no memory"
        if isinstance(error, OSError) and not isinstance(error, FFmpegError) and error.errno in _MAY_PASS:
            return os.strerror(error.errno or 0)
        error = error.__cause__ or error.__context__
    return None

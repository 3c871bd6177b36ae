"""The log of a run: in full to a file, in short to the user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cs_framework.errors import printable


@contextmanager
def log_file(path: Path, show: Callable[[str], None]) -> Iterator[None]:
    """Log to a file in full and to the user in short, while the block runs."""
    logger = logging.getLogger()
    file = _LogFile(path, encoding="utf-8")
    file.setFormatter(_Plain("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    console = _Console(show)
    console.setLevel(logging.INFO)
    console.setFormatter(_Plain("%(message)s"))
    console.addFilter(lambda record: record.name.startswith("cs_") or record.levelno >= logging.ERROR)
    level = logger.level
    logger.setLevel(logging.INFO)
    logging.getLogger("cs_framework").setLevel(logging.DEBUG)
    for handler in (file, console):
        logger.addHandler(handler)
    try:
        yield
    except Exception:
        logging.getLogger("cs_framework").debug("the run failed", exc_info=True)
        raise
    finally:
        logger.setLevel(level)
        for handler in (file, console):
            logger.removeHandler(handler)
            with suppress(OSError):
                handler.close()


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """What a terminal may show."""
        return printable(super().format(record))


class _Console(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message to the user; a terminal that has gone stops no run."""
        with suppress(OSError, ValueError):
            self._show(self.format(record))


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say nothing: where no log can be written, no result can, and that is reported."""

"""Work that goes on while the page is drawn again and again: how far it is, and how to stop it."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, field

from cs_framework.app.folders import PrivateFolder
from cs_framework.errors import Cancelled, CSError
from cs_framework.recipe.loading import RESOLVED_FILE

log = logging.getLogger(__name__)

Step = Callable[[str], None]
"""Says what is about to be done; raises `Cancelled` where nobody wants it any more."""
_SAID = "said.txt"
UNEXPECTED = "something went wrong that should not; the window that cs-app was started in says what"


@define(eq=False)
class Job:
    """Tasks done one after the other in a thread."""

    tasks: Sequence[Callable[[Step], object]]
    done: int = 0
    doing: str = "Starting"
    _steps: int = 0
    """Taken in the present task."""
    problems: list[str] = field(factory=list)
    """What went wrong, task by task."""
    _stop: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Job:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._work, daemon=True, name="cs-app analysis")
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Whether there is something to wait for."""
        return self._thread is not None and self._thread.is_alive() and not self.cancelled

    @property
    def fraction(self) -> float:
        """How much is done, in [0, 1]."""
        within = self._steps / (self._steps + 2)  # nobody knows how many steps a task has
        return min((self.done + within) / max(len(self.tasks), 1), 1.0)

    @property
    def cancelled(self) -> bool:
        """Whether it was stopped by `cancel`."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Give up; what a component is doing right now ends by itself, and its result is dropped."""
        self._stop.set()

    def wait(self) -> None:
        """Until all is done."""
        if self._thread is not None:
            self._thread.join()

    def step(self, doing: str) -> None:
        """Note what comes next.

        Raises:
            Cancelled: it was given up.
        """
        if self.cancelled:
            raise Cancelled
        self.doing = doing
        self._steps += 1

    def _work(self) -> None:
        for task in self.tasks:
            self._steps = 0
            try:
                self.step(self.doing)
                task(self.step)
            except Cancelled:
                return
            except CSError as error:
                self.problems.append(str(error))
            except BaseException:  # a component may call sys.exit, and nothing else sees to this thread
                log.exception("a task of the app failed")
                self.problems.append(UNEXPECTED)
            self.done += 1


@define(eq=False)
class Training:
    """``cs-run RECIPE train`` in a process of its own."""

    name: str
    out: Path
    _process: subprocess.Popen[bytes]
    _said: PrivateFolder

    @classmethod
    def start(cls, recipe: Path, out: Path, overrides: Sequence[str] = ()) -> Training:
        """Begin.

        The process works in a private folder and never imports from it (``-P``), so nothing that lies
        beside the frames is taken for a module or for settings.

        Args:
            recipe: what to train.
            out: the run folder; what an earlier attempt left there is replaced.
            overrides: ``KEY=VALUE`` options.
        """
        run = "from cs_framework.cli.run import main; main()"
        options = [part for override in overrides for part in ("--set", override)]
        command = [sys.executable, "-P", "-c", run, str(recipe), "train", "--out", str(out), *options]
        said = PrivateFolder()
        if (out / RESOLVED_FILE).exists():
            command.append("--replace")
        with (said.path / _SAID).open("wb") as output:
            process = subprocess.Popen(
                command, cwd=said.path, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        return cls(recipe.stem, out, process, said)

    @property
    def running(self) -> bool:
        """Whether it is not over."""
        return self._process.poll() is None

    @property
    def succeeded(self) -> bool:
        """Whether there is a bundle."""
        return self._process.poll() == 0

    def lines(self) -> list[str]:
        """What it has said so far."""
        text = (self._said.path / _SAID).read_bytes().decode("utf-8", "replace")
        return [line for line in re.split(r"[\r\n]+", text) if line.strip()]

    def cancel(self) -> None:
        """Stop it, and wait until it is gone."""
        if self.running:
            self._process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

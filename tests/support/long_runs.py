"""Runs over many tiny frames, in processes of their own that can be killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
from attrs import frozen

from cs_framework.pipeline.interrupt import STOPPING
from tests.support.frames import TOY_PLUGIN

LONGEST = 120.0
"""Seconds after which what is waited for is taken to hang."""
_CONTEXT = multiprocessing.get_context("forkserver")
# Processes begin with what takes seconds to import.
_CONTEXT.set_forkserver_preload(
    ["cs_framework.steps.execute", "cs_framework.cli.run", "torch", "cv2", "timm"]
)


def write_frames(folder: Path, count: int, side: int = 32) -> Path:
    """Grey noise, every third frame with a bright streak."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for i in range(count):
        image = rng.integers(80, 120, (side, side)).astype(np.uint8)
        if i % 3 == 0:
            image[side // 2 : side // 2 + 8, side // 4 : side // 4 + 14] = 230
        cv2.imwrite(str(folder / f"f{i:05d}.png"), image)
    return folder


def detect_recipe(folder: Path, trained: Path, frames: Path, **filter_settings: object) -> Path:
    """A recipe that looks at `frames` with a trained bundle, whose filter is given some other settings."""
    bundle = folder / "model"
    shutil.copytree(trained, bundle)
    content = json.loads((bundle / "bundle.json").read_text())
    content["components"]["anomaly_filter"]["settings"].update(filter_settings)
    (bundle / "bundle.json").write_text(json.dumps(content))
    recipe = folder / "long.toml"
    recipe.write_text(
        f'steps = ["detect"]\nplugins = ["{TOY_PLUGIN}"]\n[model]\nbundle = "{bundle}"\n'
        "[pipeline]\nthreads = 1\nmin_confidence = 0.0\n"
        f'[detect]\ninput = "{frames}"\nunfamiliar = "report"\n[outputs]\noverlays = 3\n'
    )
    return recipe


@frozen(eq=False)
class Running:
    """``cs-run`` in a process of its own."""

    process: BaseProcess
    said_to: Path

    def wait(self) -> tuple[int | None, str]:
        """Its exit code, negative for a signal, and what it said on standard error."""
        self.process.join(LONGEST)
        if self.process.exitcode is None:
            self._hangs()
        return self.process.exitcode, self.said

    @property
    def said(self) -> str:
        """Its standard error so far."""
        return self.said_to.read_text() if self.said_to.exists() else ""

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def insist(self, number: int) -> None:
        """Send a signal until the process ends, as people do: one may fall where Python drops exceptions."""
        for _ in range(60):
            if not self.process.is_alive():
                return
            self.signal(number)
            self.process.join(timeout=2)

    def until(self, condition: Callable[[], bool]) -> bool:
        """Wait for a condition; whether it came true before the process ended."""
        try:
            return wait_until(condition, self.process.is_alive)
        except TimeoutError:
            self._hangs()

    def _hangs(self) -> NoReturn:
        """Tell so, and leave nothing behind that the end of the tests would wait for."""
        said = self.said
        assert self.process.pid is not None
        self.process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its workers
        raise AssertionError("it hangs: " + said)


def wait_until(condition: Callable[[], bool], going_on: Callable[[], bool]) -> bool:
    """Wait for a condition; whether it came true while something was going on.

    Raises:
        TimeoutError: neither changes.
    """
    end = time.monotonic() + LONGEST
    while going_on():
        if condition():
            return True
        if time.monotonic() > end:
            raise TimeoutError(f"nothing has happened for {LONGEST:.0f} s")
        time.sleep(0.005)
    return False


def start(said_to: Path, *arguments: object, before: Callable[[], None] | None = None) -> Running:
    """Start ``cs-run``; `before` is called first in its process, to put limits on it."""
    said_to.unlink(missing_ok=True)
    process = _CONTEXT.Process(target=_main, args=(said_to, list(map(str, arguments)), before))
    process.start()
    return Running(process, said_to)


def finished(out: Path) -> int:
    """Parts in a run folder."""
    return len(list((out / "parts").glob("[!.]*.parquet")))


def workers(told: Path) -> list[int]:
    """Processes that have left their number in the folder that the toy filter tells it to, and live."""
    return [pid for pid in (int(path.name) for path in told.iterdir()) if alive(pid)]


def alive(pid: int) -> bool:
    """Whether there is such a process, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def memory(pid: int) -> int:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def open_files(pid: int) -> int:
    """Files that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _main(said_to: Path, arguments: list[str], before: Callable[[], None] | None) -> None:
    from cs_framework.cli.run import main

    os.setsid()
    # An engine within the tests may have started the server of processes, with these blocked for its workers.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    sys.stderr = said_to.open("w", buffering=1)
    os.dup2(sys.stderr.fileno(), 2)
    if before:
        before()
    main(arguments)

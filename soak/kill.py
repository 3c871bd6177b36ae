"""Kill one run again and again, then a worker of a Dask cluster; compare with an undisturbed run.

python -m soak.kill [--frames 2000] [--kills 20] [--dask-kills 10]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from soak.toy import prepare, start
from tests.support.long_runs import finished, workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--dask-kills", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), random.Random(0)
        # So slow a batch that all kills find the run at work.
        recipe = prepare(folder / "fast", given.frames, seconds=0.3)
        assert start(recipe, "--out", folder / "whole").wait() == 0
        wanted = (folder / "whole" / "detections.parquet").read_bytes()
        again = kill_run(recipe, folder / "killed", given.kills, rng)
        print(f"{given.kills} kills of the run, parts before each: {again}")
        assert (folder / "killed" / "detections.parquet").read_bytes() == wanted
        print("detections.parquet is that of the undisturbed run")
        told = folder / "told"
        told.mkdir()
        # A worker takes seconds to come back, and the run must not end meanwhile.
        slow = prepare(folder / "slow", given.frames, tells=str(told), seconds=1.5)
        count = kill_workers(slow, folder / "dask", told, given.dask_kills, rng)
        print(f"{count} kills of a Dask worker")
        assert (folder / "dask" / "detections.parquet").read_bytes() == wanted
        print("detections.parquet is that of the undisturbed run")


def kill_run(recipe: Path, out: Path, kills: int, rng: random.Random) -> list[int]:
    """Parts that were there at each kill; a third of the kills come before the run has done anything new."""
    there: list[int] = []
    for _ in range(kills):
        wanted = finished(out) + rng.randint(0, 2)
        running = start(recipe, "--out", out, "--resume")
        time.sleep(rng.uniform(0, 3) if wanted == finished(out) else 0)
        while running.poll() is None and finished(out) < wanted:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.1))
        assert running.poll() is None, "it ended before it could be killed: give more --frames"
        running.send_signal(signal.SIGKILL)
        running.wait()
        there.append(finished(out))
    assert start(recipe, "--out", out, "--resume").wait() == 0
    return there


def kill_workers(recipe: Path, out: Path, told: Path, kills: int, rng: random.Random) -> int:
    """Kill one of two workers whenever both have come up; return how often that was possible."""
    running = start(recipe, "--out", out, "--engine", "dask", "--set", "pipeline.workers=2")
    done = 0
    while running.poll() is None and done < kills:
        there = workers(told)
        if len(there) == 2 and finished(out):
            os.kill(rng.choice(there), signal.SIGKILL)
            done += 1
        time.sleep(rng.uniform(0.1, 0.5))
    assert running.wait() == 0
    return done


if __name__ == "__main__":
    main()

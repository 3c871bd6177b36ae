"""Look at 50,000 small frames: memory, throughput and open files at a tenth of the way and at its end.

python -m soak.frames50k [--frames 50000] [--workers 1]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from soak.toy import prepare, start
from tests.support.long_runs import finished, memory, open_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, out = prepare(folder, given.frames), folder / "run"
        shards = -(-given.frames // 64)
        begun = time.monotonic()
        running = start(recipe, "--out", out, "--set", f"pipeline.workers={given.workers}")
        print(f"{'done':>6} {'seconds':>8} {'frames/s':>9} {'memory MiB':>11} {'open files':>11}")
        last, then = 0, 0.0
        for percent in (5, 10, 25, 50, 75, 100):
            while running.poll() is None and finished(out) < shards * percent // 100:
                time.sleep(0.1)
            now, parts = time.monotonic() - begun, finished(out)
            rate = (parts - last) * 64 / (now - then)
            taken = f"{memory(running.pid):>11} {open_files(running.pid):>11}"
            print(f"{percent:>5}% {now:>8.1f} {rate:>9.0f} {taken}")
            last, then = parts, now
        assert running.wait() == 0
        print(f"assembled after {time.monotonic() - begun:.1f} s")
        print((out / "run.log").read_text()[-900:])


if __name__ == "__main__":
    main()

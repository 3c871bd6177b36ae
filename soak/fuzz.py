"""Fuzz everything that reads files of strangers; `tests/hostile` keeps what was found.

python -m soak.fuzz [TARGET ...] [--seconds 60] [--keep FOLDER]

Needs ``pip install atheris``, which watches what code a file reaches and looks for files that reach more.
Each target has a process of its own. A finding is anything but a `CSError`, a crash, ten seconds without an
answer or 1.5 GB of memory; the file that causes it is kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path


def main() -> int:
    from tests.hostile.targets import TARGETS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="where findings are kept")
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    found = 0
    for target in given.targets or TARGETS:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from soak.fuzz import fuzz; fuzz({target!r}, {given.seconds}, {str(given.keep)!r})",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stderr.splitlines()
        told = next((line for line in lines if "DONE" in line), "")
        print(f"{target}: {told or 'did not start'}", flush=True)
        if done.returncode:
            found += 1
            print("\n".join(lines[-40:]), flush=True)
    return min(found, 1)


def fuzz(target: str, seconds: int, keep: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(
        include=["cs_framework", "cs_dual_head", "PIL", "tifffile", "json", "csv", "tomllib"]
    ):
        from cs_framework.data import samples, video
        from cs_framework.errors import CSError
        from tests.hostile.seeds import seeds, write_bundle
        from tests.hostile.targets import TARGETS

    # Frames that may be large, may take long; bounds on memory show as well with small ones.
    samples.MAX_PIXELS = video.MAX_PIXELS = 1_000_000
    name, read = TARGETS[target]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, content in enumerate(seeds(folder)[target]):
            (corpus / str(number)).write_bytes(content)
        work = folder / "work"
        if name.startswith("model/"):
            write_bundle(work / "model")
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def once(content: bytes) -> None:
            path.write_bytes(content)
            with suppress(CSError):
                read(path)

        options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1500", "-max_len=20000"]
        atheris.Setup(
            ["fuzz", str(corpus), f"-artifact_prefix={keep}/{target}-", "-print_final_stats=1", *options],
            once,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())

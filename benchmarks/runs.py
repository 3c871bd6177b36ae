"""Whole runs of ``cs-run``: workers, memory, and how time grows with the number of frames."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter, sleep

import cv2

from benchmarks.material import load_frames

_RECIPE = """
name = "benchmark"
[data]
source = "synthetic"
synthetic = {{ embryos = 5, frames = 4, size = 160 }}
[[proposer]]
use = "selective-search"
settings = {{ mode = "{mode}" }}
[embedder]
use = "ridge-texture"
[scorer]
use = "dual-head-mlp"
settings = {{ epochs = 1 }}
[pipeline]
threads = 1
[evaluate]
resamples = 100
[outputs]
overlays = 0
"""


def detect(frames: Path | None, scratch: Path) -> dict[str, float]:
    """32 frames with Selective Search as published, by one worker and by two."""
    recipe = _trained(scratch, "quality")
    folder = _written(frames, scratch, 32)
    report: dict[str, float] = {}
    for workers in (1, 2):
        elapsed, peak = _run(recipe, folder, scratch / f"detect{workers}", workers)
        report |= {f"seconds_{workers}_workers": elapsed, f"peak_mb_{workers}_workers": peak}
    report["two_workers_speedup"] = report["seconds_1_workers"] / report["seconds_2_workers"]
    return report


def growth(frames: Path | None, scratch: Path) -> dict[str, float]:
    """16, 64 and 256 frames: seconds for each further frame, and peak memory."""
    recipe = _trained(scratch, "grey")
    report: dict[str, float] = {}
    for count in (16, 64, 256):
        elapsed, peak = _run(recipe, _written(frames, scratch, count), scratch / f"growth{count}", 1)
        report |= {f"seconds_{count}_frames": elapsed, f"peak_mb_{count}_frames": peak}
    first = (report["seconds_64_frames"] - report["seconds_16_frames"]) / 48
    later = (report["seconds_256_frames"] - report["seconds_64_frames"]) / 192
    return report | {"later_frames_cost": later / first}


def _trained(scratch: Path, mode: str) -> Path:
    """A recipe whose run folder holds a bundle, made with the cheap proposer."""
    recipe = scratch / f"{mode}.toml"
    recipe.write_text(_RECIPE.format(mode=mode))
    out = scratch / f"trained-{mode}"
    _call(recipe, "train", "--out", out, "--set", "data.synthetic={embryos=5, frames=4, size=96}")
    detecting = scratch / f"detect-{mode}.toml"
    detecting.write_text(
        f'name = "detect"\nsteps = ["detect"]\n[model]\nbundle = "{out / "model"}"\n'
        "[pipeline]\nthreads = 1\n[outputs]\noverlays = 0\n"
    )
    return detecting


def _written(frames: Path | None, scratch: Path, count: int) -> Path:
    folder = scratch / f"frames{count}"
    folder.mkdir(exist_ok=True)
    shown = load_frames(frames, min(count, 64))
    for number in range(count):
        cv2.imwrite(str(folder / f"e_{number:04d}.png"), shown[number % len(shown)].grey)
    return folder


def _run(recipe: Path, folder: Path, out: Path, workers: int) -> tuple[float, float]:
    """Seconds, and the largest memory in MB of the run and its workers together."""
    return _call(
        recipe,
        "--out",
        out,
        "--no-cache",
        "--set",
        f"detect.input={folder}",
        "--set",
        f"pipeline.workers={workers}",
    )


def _call(recipe: Path, *arguments: object) -> tuple[float, float]:
    command = [str(Path(sys.executable).with_name("cs-run")), str(recipe), *map(str, arguments)]
    start, peak = perf_counter(), [0.0]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watching = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watching.start()
    _, errors = process.communicate()
    elapsed = perf_counter() - start
    watching.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors}")
    return elapsed, peak[0]


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Sum up the resident memory of a process and its descendants, ten times a second (Linux)."""
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    while process.poll() is None:
        members, total = [process.pid], 0.0
        while members:
            pid = members.pop()
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
                members += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue
        peak[0] = max(peak[0], total)
        sleep(0.1)

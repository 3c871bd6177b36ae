"""Engines hand out the work and nothing else: the same bytes from each, also when workers are killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.test_shards import long, same_results  # noqa: F401  (a fixture)
from tests.support.long_runs import detect_recipe, finished, start, write_frames


def children(pid: int) -> list[int]:
    """Processes below a process that run a pool's or a cluster's work."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def workers(pid: int) -> list[int]:
    """Those that have torch in memory."""
    return [child for child in children(pid) if "libtorch_cpu" in Path(f"/proc/{child}/maps").read_text()]


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_the_same_bytes_from_two_workers_one_of_which_is_killed(engine, long, tmp_path):  # noqa: F811
    out = tmp_path / "run"
    running = start(
        *(tmp_path / "said", long / "long.toml", "--out", out),
        *("--engine", engine, "--set", "pipeline.workers=2"),
    )
    assert running.until(lambda: finished(out) >= 3), running.said
    os.kill(workers(running.process.pid)[-1], signal.SIGKILL)
    code, said = running.wait()
    assert code == 0, said
    assert "Traceback" not in said
    same_results(out, long / "whole")


def test_workers_end_with_a_run_that_is_killed(long, tmp_path):  # noqa: F811
    running = start(
        *(tmp_path / "said", long / "long.toml", "--out", tmp_path / "run", "--set", "pipeline.workers=2"),
    )
    assert running.until(lambda: finished(tmp_path / "run") >= 1), running.said
    left = children(running.process.pid)
    running.signal(signal.SIGKILL)
    running.wait()
    watched = start(tmp_path / "other", "--help")  # as good a clock as any
    watched.wait()
    assert left
    assert not [pid for pid in left if "libtorch_cpu" in _maps(pid)]


def _maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""


def test_an_address_where_nothing_answers_is_named(toy_run, tmp_path, cs_run, monkeypatch):
    from cs_framework.pipeline.engines import dask

    monkeypatch.setattr(dask, "START_TIMEOUT", "1s")
    write_frames(tmp_path / "frames", 3)
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames")
    done = cs_run(recipe, "--out", tmp_path / "run", "--engine", "dask:tcp://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr


def test_an_engine_that_is_none_is_named(toy_run, tmp_path, cs_run):
    done = cs_run(toy_run / "resolved.toml", "--out", tmp_path / "x", "--engine", "slurm", cwd=tmp_path)
    assert (done.returncode, "pipeline.engine" in done.stderr) == (2, True)

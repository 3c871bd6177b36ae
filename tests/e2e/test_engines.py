"""Engines hand out the work and nothing else: the same bytes from each, also when workers are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.long_runs import (
    alive,
    detect_recipe,
    finished,
    start,
    wait_until,
    workers,
    write_frames,
)

CS_RUN = Path(sys.executable).with_name("cs-run")


@pytest.fixture(scope="module")
def told(tmp_path_factory, toy_run, cs_run):
    """A recipe over 700 frames whose workers leave their numbers in ``told``, and its undisturbed run.

    Workers go beyond the first shard only where there is the file ``go``.
    """
    folder = tmp_path_factory.mktemp("told")
    (folder / "told").mkdir()
    write_frames(folder / "frames", 700)
    recipe = detect_recipe(
        *(folder, toy_run / "model", folder / "frames"),
        **{"tells": str(folder / "told"), "stops_at": "f001", "goes_on": str(folder / "go")},
    )
    (folder / "go").touch()
    done = cs_run(recipe, "--out", folder / "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    for path in (folder / "told").iterdir():
        path.unlink()  # this process
    return folder


@pytest.fixture
def go(told):
    """The file that lets workers go on; it is not there yet."""
    (told / "go").unlink(missing_ok=True)
    return told / "go"


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_the_same_bytes_from_two_workers_one_of_which_is_killed(engine, told, go, tmp_path):
    out = tmp_path / "run"
    running = start(
        *(tmp_path / "said", told / "long.toml", "--out", out),
        *("--engine", engine, "--set", "pipeline.workers=2"),
    )
    assert running.until(lambda: finished(out) >= 1 and len(workers(told / "told")) == 2), running.said
    os.kill(workers(told / "told")[-1], signal.SIGKILL)
    go.touch()
    code, said = running.wait()
    assert code == 0, said
    assert "Traceback" not in said
    for name in ("detections.parquet", "frames.parquet", "detections.coco.json"):
        assert (out / name).read_bytes() == (told / "whole" / name).read_bytes()


def test_workers_end_with_a_run_that_is_killed(told, go, tmp_path):
    out = tmp_path / "run"
    running = start(tmp_path / "said", told / "long.toml", "--out", out, "--set", "pipeline.workers=2")
    assert running.until(lambda: len(workers(told / "told")) == 2), running.said
    left = workers(told / "told")
    running.signal(signal.SIGKILL)
    running.wait()
    for _ in range(1000):
        if not any(map(alive, left)):
            break
        time.sleep(0.02)
    assert not any(map(alive, left))


def test_workers_that_stand_do_not_go_on_with_an_earlier_recipe(toy_run, tmp_path, cs_run):
    from distributed import LocalCluster

    write_frames(tmp_path / "frames", 3)
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        for top in (1, 3):
            arguments = ("--engine", f"dask:{cluster.scheduler_address}", "--set", f"pipeline.top={top}")
            done = cs_run(recipe, "--out", tmp_path / "run", "--replace", *arguments, cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            assert f"1 flagged, {top} strings reported" in done.stderr


def test_an_address_where_nothing_answers_is_named(toy_run, tmp_path, cs_run, monkeypatch):
    from cs_framework.pipeline.engines import dask

    monkeypatch.setattr(dask, "START_TIMEOUT", "1s")
    write_frames(tmp_path / "frames", 3)
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames")
    done = cs_run(recipe, "--out", tmp_path / "run", "--engine", "dask:tcp://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_dask_workers_to_finish_the_batch_under_way(number, told, go, tmp_path):
    out, said = tmp_path / "run", tmp_path / "said"
    command = [CS_RUN, told / "long.toml", "--out", out, "--engine", "dask", "--set", "pipeline.workers=2"]
    with said.open("w") as file:
        running = subprocess.Popen(list(map(str, command)), stderr=file, start_new_session=True)

    def going_on() -> bool:
        return running.poll() is None

    try:
        assert wait_until(lambda: finished(out) >= 1, going_on), said.read_text()
        os.killpg(running.pid, number)  # as a terminal or a scheduler does
        assert wait_until(lambda: "once more stops at once" in said.read_text(), going_on), said.read_text()
        go.touch()
        assert running.wait(120) == 128 + number
    finally:
        running.kill()
    assert f"stopped; {finished(out)} of 11 shards are finished" in said.read_text()
    assert "Traceback" not in said.read_text()


def test_a_dask_scheduler_that_goes_away_is_told(told, go, tmp_path):
    where = tmp_path / "scheduler.json"
    dask = Path(sys.executable).with_name("dask")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    cluster = [
        subprocess.Popen([dask, *line, "--scheduler-file", where, "--no-dashboard"], **quiet)
        for line in (("scheduler", "--port", "0"), ("worker", "--nthreads", "1", "--no-nanny"))
    ]
    try:
        assert wait_until(where.exists, lambda: cluster[0].poll() is None)
        address = json.loads(where.read_text())["address"]
        running = start(
            *(tmp_path / "said", told / "long.toml", "--out", tmp_path / "run"),
            *("--engine", f"dask:{address}"),
        )
        assert running.until(lambda: finished(tmp_path / "run") >= 1), running.said
        cluster[0].kill()
        code, said = running.wait()
    finally:
        for process in cluster:
            process.kill()
            process.wait()
    assert code == 1
    assert f"error: the Dask scheduler {address} has gone away; --resume goes on" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("workers", "told"), [(0, "has no worker yet"), (1, "was started with --resources GPU=1")]
)
def test_workers_that_are_not_there_are_missed(workers, told, caplog):
    from distributed import LocalCluster

    from cs_framework.pipeline.engines.dask import DaskEngine

    with LocalCluster(n_workers=workers, processes=False, dashboard_address=None) as cluster:
        engine = DaskEngine(1, cluster.scheduler_address, gpu=True)
        engine._connected()
        engine.close()
    assert told in caplog.text


def test_dask_that_is_not_installed_is_told_with_the_cure(toy_run, tmp_path, cs_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = cs_run(toy_run / "resolved.toml", "--out", tmp_path / "x", "--engine", "dask", cwd=tmp_path)
    assert done.returncode == 2
    assert 'pip install "cytoplasmic-strings[dask]"' in done.stderr
    assert not (tmp_path / "x").exists()


def test_an_engine_that_is_none_is_named(toy_run, tmp_path, cs_run):
    done = cs_run(toy_run / "resolved.toml", "--out", tmp_path / "x", "--engine", "slurm", cwd=tmp_path)
    assert (done.returncode, "pipeline.engine" in done.stderr) == (2, True)

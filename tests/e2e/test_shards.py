"""Long runs: killed and resumed, shared among processes, found damaged; nothing is lost or doubled."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.frames import TOY_PLUGIN
from tests.support.long_runs import detect_recipe, finished, memory, open_files, start, write_frames

FRAMES = 2000


@pytest.fixture(scope="session")
def long(tmp_path_factory, toy_run, cs_run):
    """Folder of a recipe over 2,000 frames (``long.toml``) and its undisturbed run (``whole``).

    The last of the 32 shards is done only where there is the file ``go``.
    """
    folder = tmp_path_factory.mktemp("long")
    write_frames(folder / "frames", FRAMES)
    held = {"stops_at": "f0199", "goes_on": str(folder / "go")}
    recipe = detect_recipe(folder, toy_run / "model", folder / "frames", **held)
    (folder / "go").touch()
    done = cs_run(recipe, "--out", folder / "whole", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def short(tmp_path, toy_run, cs_run):
    """The same over 130 frames, which are three shards, for tests that change something."""
    write_frames(tmp_path / "frames", 130)
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames")
    done = cs_run(recipe, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "run" / "detections.parquet").unlink()
    return tmp_path


def same_results(one, two):
    for name in (
        "detections.parquet",
        "frames.parquet",
        "detections.csv",
        "detections.coco.json",
        "skipped.csv",
    ):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(long, tmp_path):
    out, rng = tmp_path / "run", random.Random(1)
    (long / "go").unlink()
    for _ in range(5):
        wanted = min(finished(out) + rng.randint(1, 5), 31)
        running = start(tmp_path / "said", long / "long.toml", "--out", out, "--resume")
        assert running.until(lambda wanted=wanted: finished(out) >= wanted), running.said
        time.sleep(rng.random() * 0.05)
        running.signal(signal.SIGKILL)
        assert running.wait()[0] == -signal.SIGKILL
    (long / "go").touch()
    done, said = start(tmp_path / "said", long / "long.toml", "--out", out, "--resume").wait()
    assert done == 0, said
    assert "of 32 shards are finished already" in said
    same_results(out, long / "whole")
    assert pq.read_table(out / "frames.parquet").num_rows == FRAMES
    assert not list(out.rglob("*.part*"))


def test_shares_need_nothing_but_a_folder_in_common(long, tmp_path, cs_run):
    out = tmp_path / "shared"
    shares = [
        start(tmp_path / f"said{i}", long / "long.toml", "--out", out, "--shard", f"{i}/3") for i in range(3)
    ]
    for share in shares:
        code, said = share.wait()
        assert code == 0, said
        assert f"cs-run --assemble {out}" in said
    assert not (out / "detections.parquet").exists()
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for part in sorted((out / "parts").iterdir())[4:6]:
        part.rename(hidden / part.name)
    early = cs_run("--assemble", out, cwd=tmp_path)
    assert early.returncode == 1
    assert "2 of 32 shards are missing: 4, 5." in early.stderr
    for part in hidden.iterdir():
        part.rename(out / "parts" / part.name)
    done = cs_run("--assemble", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    same_results(out, long / "whole")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_memory_and_open_files_do_not_grow_with_the_frames(long, tmp_path):
    out = tmp_path / "run"
    (long / "go").unlink()
    running = start(tmp_path / "said", long / "long.toml", "--out", out)
    figures = []
    for shards in (3, 31):  # of 32
        assert running.until(lambda shards=shards: finished(out) >= shards), running.said
        figures.append((memory(running.process.pid), open_files(running.process.pid)))
    (long / "go").touch()
    assert running.wait()[0] == 0
    (memory_then, files_then), (memory_now, files_now) = figures
    assert memory_now < memory_then + 16, figures
    assert files_now < files_then + 4, figures  # a frame, a part


@pytest.mark.parametrize("harm", ["cut", "turned"])
def test_a_damaged_part_is_computed_anew_and_no_other(harm, short, cs_run):
    parts = sorted((short / "run" / "parts").iterdir())
    before = {part.name: (part.read_bytes(), part.stat().st_mtime_ns) for part in parts}
    content = bytearray(parts[1].read_bytes())
    content[len(content) // 2] ^= 1
    parts[1].write_bytes(content if harm == "turned" else content[:-7])
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 0, done.stderr
    assert "damaged are computed anew: 1 (00001-" in done.stderr
    assert "2 of 3 shards are finished already" in done.stderr
    for part in sorted((short / "run" / "parts").iterdir()):
        content, changed = before.pop(part.name)
        assert part.read_bytes() == content
        assert (part.stat().st_mtime_ns == changed) == (part.name != parts[1].name)
    assert not before


def test_a_file_that_changed_since_takes_its_shard_with_it(short, cs_run):
    cv2.imwrite(str(short / "frames" / "f00070.png"), np.full((32, 32), 7, np.uint8))
    cv2.imwrite(str(short / "frames" / "f00130.png"), np.full((32, 32), 9, np.uint8))
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 0, done.stderr
    assert "changed since are computed anew: 2 (00001-" in done.stderr
    assert "1 of 3 shards are finished already" in done.stderr
    assert pq.read_table(short / "run" / "frames.parquet").num_rows == 131


def test_frames_that_were_out_of_reach_cost_no_finished_part(short, cs_run):
    run = short / "run"
    parts = sorted((run / "parts").iterdir())
    hidden = (short / "frames" / "f00000.png").rename(short / "f00000.png")
    done = cs_run("--assemble", run, cwd=short)
    assert done.returncode == 1, done.stderr
    assert "3 of 3 shards are missing" in done.stderr
    assert sorted((run / "parts").iterdir()) == parts
    hidden.rename(short / "frames" / "f00000.png")
    done = cs_run("--assemble", run, cwd=short)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(run / "frames.parquet").num_rows == 130


def test_parts_that_do_not_count_are_gone_when_the_run_is_finished(short, cs_run):
    parts = {*(short / "run" / "parts").iterdir()}
    for number in range(66):
        (short / "frames" / f"f{number:05d}.png").unlink()
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 0, done.stderr
    (left,) = (short / "run" / "parts").iterdir()
    assert left not in parts


def test_a_finished_run_takes_up_what_is_new(short, cs_run):
    arguments = (short / "long.toml", "--out", short / "run", "--resume")
    assert cs_run(*arguments, cwd=short).returncode == 0
    shutil.copy(short / "frames" / "f00003.png", short / "frames" / "f00200.png")
    done = cs_run(*arguments, cwd=short)
    assert done.returncode == 0, done.stderr
    assert "2 of 3 shards are finished already" in done.stderr
    assert pq.read_table(short / "run" / "frames.parquet").num_rows == 131


def test_what_is_finished_is_not_mixed_with_another_bundle(short, cs_run):
    file = short / "model" / "bundle.json"
    content = json.loads(file.read_text())
    content["notes"] = ["another"]
    file.write_text(json.dumps(content))
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 2
    assert "model/bundle.json: " in done.stderr
    assert "recipe: " not in done.stderr


def test_what_is_finished_is_not_mixed_with_another_state_of_a_plugin(short, cs_run):
    plugin, recipe = short / "toy_plugin.py", short / "long.toml"
    shutil.copy(TOY_PLUGIN, plugin)
    recipe.write_text(recipe.read_text().replace(str(TOY_PLUGIN), str(plugin)))
    assert cs_run(recipe, "--out", short / "run", "--replace", cwd=short).returncode == 0
    plugin.write_text(plugin.read_text() + "\n# edited\n")
    done = cs_run(recipe, "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 2
    assert "toy_plugin.py: sha256-" in done.stderr


@pytest.mark.parametrize("content", [b"\xff", b"name = ", b"[pipeline"])
def test_a_damaged_recipe_in_the_run_folder_is_told(content, short, cs_run):
    (short / "run" / "resolved.toml").write_bytes(content)
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 2
    assert f"{short / 'run' / 'resolved.toml'}: damaged" in done.stderr


def test_another_number_of_workers_is_no_other_recipe(short, cs_run):
    done = cs_run(
        short / "long.toml", "--out", short / "run", "--resume", "--set", "pipeline.workers=2", cwd=short
    )
    assert done.returncode == 0, done.stderr


def test_without_a_folder_resuming_starts_afresh(short, cs_run):
    shutil.rmtree(short / "run")
    done = cs_run(short / "long.toml", "--out", short / "run", "--resume", cwd=short)
    assert done.returncode == 0, done.stderr
    assert finished(short / "run") == 3


@pytest.mark.parametrize("shard", ["3/3", "1", "a/b", "-1/2"])
def test_a_share_that_is_none_is_named(shard, short, cs_run):
    done = cs_run(short / "long.toml", "--shard", shard, cwd=short)
    assert (done.returncode, f"--shard {shard}" in done.stderr) == (2, True)


def test_time_and_memory_are_told(short, cs_run):
    shutil.rmtree(short / "run")
    done = cs_run(short / "long.toml", "--out", short / "run", "--profile", cwd=short)
    assert done.stderr.count("busy s") == 2  # during the run and at its end
    assert "peak memory" in (short / "run" / "run.log").read_text()
    for stage in ("read", "anomaly_filter", "proposer", "embedder", "scorer", "write"):
        assert f"\n{stage} " in done.stderr

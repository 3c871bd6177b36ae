"""What can happen to a run that takes days, caused for real: what the user sees, and that nothing is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.support.frames import TOY_PLUGIN, write_recipe, write_root
from tests.support.long_runs import detect_recipe, finished, start, write_frames


@pytest.fixture
def make(tmp_path, toy_run):
    """Make the recipe of a run over 260 frames, with settings of the toy filter."""

    def make(**settings: object) -> Path:
        write_frames(tmp_path / "frames", 260)
        return detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames", **settings)

    return make


def held(folder: Path) -> dict[str, str]:
    """Settings of the toy filter with which a run goes beyond its first shard only when ``go`` is made."""
    return {"stops_at": "f001", "goes_on": str(folder / "go")}


def resume(recipe: Path, out: Path, cs_run, *more: object) -> None:
    """Go on to the end, and see that every frame has one row."""
    done = cs_run(recipe, "--out", out, "--resume", *more, cwd=recipe.parent)
    assert done.returncode == 0, done.stderr
    frames = pq.read_table(out / "frames.parquet")["frame"].to_pylist()
    assert frames == [f"f{i:05d}.png" for i in range(260)]


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1), (signal.SIGTERM, 2)]
)
def test_a_signal_finishes_the_batch_under_way_and_a_second_one_does_not(
    number, workers, make, tmp_path, cs_run
):
    recipe, out, go = make(**held(tmp_path)), tmp_path / "run", tmp_path / "go"
    arguments = (recipe, "--out", out, "--resume", "--set", f"pipeline.workers={workers}")
    running = start(tmp_path / "said", *arguments)
    assert running.until(lambda: finished(out) >= 1 and (tmp_path / "go.waits").exists()), running.said
    os.killpg(running.process.pid, number)  # a terminal and a scheduler send it to workers, too
    assert running.until(lambda: "once more stops at once" in running.said), running.said
    go.touch()
    code, said = running.wait()
    assert code == 128 + number
    assert "Traceback" not in said
    assert f"stopped; {finished(out)} of 5 shards are finished" in said
    assert "--resume goes on" in said
    assert not list(out.glob(".stop*"))
    if workers == 1:
        assert finished(out) == 1  # the batch that was under way is not the last one of its shard
        (tmp_path / "run" / "parts").rename(tmp_path / "kept")
        go.unlink()
        running = start(tmp_path / "said", *arguments)
        assert running.until(lambda: finished(out) >= 1), running.said
        running.signal(number)
        assert running.until(lambda: "once more stops at once" in running.said)
        running.insist(number)
        code, said = running.wait()
        assert (code, finished(out)) == (128 + number, 1), said
        assert "Traceback" not in said
        go.touch()
    resume(recipe, out, cs_run)


def limited_files(size: int = 3000) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_limit_on_files_is_told_and_mended(make, tmp_path, cs_run):
    recipe, out = make(), tmp_path / "run"
    code, said = start(tmp_path / "said", recipe, "--out", out, before=limited_files).wait()
    assert code == 1
    assert "File too large" in said
    assert "--resume goes on" in said
    assert "Traceback" not in said
    resume(recipe, out, cs_run)


def test_weights_that_cannot_be_written_are_told(tmp_path):
    recipe = write_recipe(tmp_path / "toy.toml", write_root(tmp_path / "data", splits=("train", "val")))
    large = ("--set", "scorer.use=dual-head-mlp", "--set", "scorer.settings={hidden=[512, 512], epochs=1}")
    arguments = (recipe, "train", "--no-cache", "--out", tmp_path / "run", *large)
    code, said = start(tmp_path / "said", *arguments, before=partial(limited_files, 500_000)).wait()
    assert code == 1
    assert f"error: {tmp_path / 'run'}: " in said
    assert "File too large" in said
    assert "--resume goes on" in said
    assert "Traceback" not in said


def console(*command: object) -> subprocess.CompletedProcess[str]:
    script = [str(part) for part in command]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def test_a_full_disk_is_told_and_mended(make, tmp_path, cs_run):
    recipe, out = make(), tmp_path / "disk" / "run"
    (tmp_path / "disk").mkdir()
    if console("unshare", "-rm", "true").returncode:
        pytest.skip("no file system can be mounted here")
    script = (
        f"mount -t tmpfs -o size=60k none {tmp_path / 'disk'} && "
        f"{Path(sys.executable).with_name('cs-run')} {recipe} --out {out}; code=$?; "
        f"cp -r {out} {tmp_path / 'copy'}; exit $code"
    )
    done = console("unshare", "-rm", "sh", "-c", script)
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "--resume goes on" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.copytree(tmp_path / "copy", out)
    assert finished(out)
    resume(recipe, out, cs_run)


def test_a_folder_that_cannot_be_written_is_told(make, tmp_path):
    recipe, out = make(), tmp_path / "run"
    out.mkdir(mode=0o500)
    command = [Path(sys.executable).with_name("cs-run"), recipe, "--out", out]
    if os.geteuid() == 0:  # whom modes do not stop
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override", *command]
    done = console(*command)
    assert done.returncode == 1, done.stderr
    assert f"{out}" in done.stderr
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_vanishes_is_told_and_not_made_again(make, tmp_path):
    recipe, out = make(**held(tmp_path)), tmp_path / "run"
    running = start(tmp_path / "said", recipe, "--out", out)
    assert running.until(lambda: finished(out) >= 1), running.said
    shutil.move(out, tmp_path / "elsewhere")
    (tmp_path / "go").touch()
    code, said = running.wait()
    assert code == 1
    assert f"{out / 'parts'} has vanished" in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_folder_that_vanishes_while_training_is_told(tmp_path):
    root = write_root(tmp_path / "data", splits=("train", "val"))
    recipe, out = write_recipe(tmp_path / "toy.toml", root), tmp_path / "run"
    loses = f"anomaly_filter.settings={{loses={str(out / 'resolved.toml')!r}}}"
    code, said = start(tmp_path / "said", recipe, "--no-cache", "--out", out, "--set", loses).wait()
    assert code == 1
    assert f"error: {out} has vanished during the run" in said
    assert "Traceback" not in said
    assert not (out / "metrics.json").exists()


def test_files_that_disappear_or_change_meanwhile_are_skipped_with_their_reason(make, tmp_path, cs_run):
    recipe, out = make(**held(tmp_path)), tmp_path / "run"
    running = start(tmp_path / "said", recipe, "--out", out)
    assert running.until(lambda: finished(out) >= 1), running.said
    (tmp_path / "frames" / "f00255.png").unlink()
    cv2.imwrite(str(tmp_path / "frames" / "f00256.png"), np.full((40, 40), 255, np.uint8))
    (tmp_path / "go").touch()
    code, said = running.wait()
    assert code == 0, said
    skipped = (out / "skipped.csv").read_text()
    assert '"f00255.png","read","f00255.png: No such file or directory"' in skipped
    assert '"f00256.png","read","its file changed during the run"' in skipped
    assert pq.read_table(out / "frames.parquet").num_rows == 258


def test_files_that_were_away_are_looked_at_when_the_run_is_resumed(make, tmp_path, cs_run):
    recipe, out = make(**held(tmp_path)), tmp_path / "run"
    running = start(tmp_path / "said", recipe, "--out", out)
    assert running.until(lambda: finished(out) >= 1), running.said
    (tmp_path / "frames").rename(tmp_path / "away")  # as a disk that is taken out
    (tmp_path / "go").touch()
    code, said = running.wait()
    assert code == 0, said
    assert pq.read_table(out / "frames.parquet").num_rows < 260
    (tmp_path / "away").rename(tmp_path / "frames")
    resume(recipe, out, cs_run)
    assert (out / "skipped.csv").read_text().count("\n") == 1


def test_a_frame_that_a_disk_does_not_give_is_not_done_and_the_others_are(make, tmp_path, cs_run):
    recipe, out = make(), tmp_path / "run"
    lost = tmp_path / "frames" / "f00100.png"
    lost.unlink()
    lost.symlink_to("/proc/self/mem")  # reading it is an input/output error
    done = cs_run(recipe, "--out", out, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 frames are not done, such as f00100.png: the same command with --resume does" in done.stderr
    assert '"f00100.png","not done","f00100.png: Input/output error"' in (out / "skipped.csv").read_text()
    assert pq.read_table(out / "frames.parquet").num_rows == 259
    assert "1 of them is not done" in (out / "report.html").read_text()
    lost.unlink()
    cv2.imwrite(str(lost), np.full((32, 32), 9, np.uint8))
    resume(recipe, out, cs_run)
    assert (out / "skipped.csv").read_text().count("\n") == 1


def test_a_model_is_not_made_without_frames_that_a_disk_does_not_give(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train", "val"))
    recipe, out = write_recipe(tmp_path / "toy.toml", root), tmp_path / "run"
    lost = next((root / "train" / "normal").iterdir())
    lost.rename(tmp_path / "kept")
    lost.symlink_to("/proc/self/mem")
    done = cs_run(recipe, "train", "--no-cache", "--out", out, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 frames to learn from cannot be read for now" in done.stderr
    assert not (out / "model").exists()


@pytest.mark.parametrize(("end", "workers"), [("dies_on", 1), ("dies_on", 2), ("hungry_on", 1)])
def test_a_frame_that_kills_a_component_is_not_done_until_that_is_mended(
    end, workers, make, tmp_path, cs_run
):
    cured = tmp_path / "cured"
    recipe, out = make(**{end: "f00100", "cured": str(cured), "context": 1}), tmp_path / "run"
    settings = ("--set", f"pipeline.workers={workers}")
    done = cs_run(recipe, "--out", out, *settings, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "1 frames are not done, such as f00100.png" in done.stderr
    told = "f00100.png: a process died of it, or ran out of memory"
    assert f'"f00100.png","not done","{told}"' in (out / "skipped.csv").read_text()
    assert pq.read_table(out / "frames.parquet").num_rows == 259
    assert "Traceback" not in done.stderr
    cured.touch()
    resume(recipe, out, cs_run, *settings)
    assert (out / "skipped.csv").read_text().count("\n") == 1


@pytest.mark.slow
def test_a_component_that_dies_of_any_frame_ends_the_run(make, tmp_path, cs_run):
    recipe, out = make(hungry_on="f0"), tmp_path / "run"
    done = cs_run(recipe, "--out", out, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "out of memory on the frames f00000.png to f00063.png, whichever frames are left" in done.stderr
    assert "--set pipeline.max_proposals=500" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_dies_once_costs_nothing(make, tmp_path, cs_run):
    recipe, out = make(dies_on="f00100", dies_once=str(tmp_path / "died")), tmp_path / "run"
    done = cs_run(recipe, "--out", out, "--set", "pipeline.workers=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "died").exists()
    assert "a worker process died or ran out of memory; the frames " in done.stderr  # those, or others beside
    assert pq.read_table(out / "frames.parquet").num_rows == 260


@pytest.mark.parametrize(
    ("how", "told", "workers"),
    [
        ("error", "ValueError: planted failure", 1),
        ("error", "ValueError: planted failure", 2),
        ("exit", "SystemExit: 0", 1),
        ("exit", "SystemExit: 0", 2),
        ("panic", "Panic: index out of bounds", 1),
        ("silent", "Silent", 1),
        ("long", "ValueError: yyy", 1),
    ],
)
def test_a_component_that_ends_badly_costs_its_frame_and_is_named(
    how, told, workers, tmp_path, toy_run, cs_run
):
    write_frames(tmp_path / "frames", 70)
    settings = {"fails_on": "f00066", "fails_by": how}
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames", **settings)
    out = tmp_path / "run"
    done = cs_run(recipe, "--out", out, "--set", f"pipeline.workers={workers}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out / "frames.parquet").num_rows == 69
    skipped = (out / "skipped.csv").read_text()
    assert "anomaly filter 'brightness' of toy_plugin.py" in skipped
    assert told in skipped
    assert len(skipped) < 2000
    assert (out / "report.html").exists()
    assert "in score\n" in (out / "run.log").read_text(), "the traceback"


def test_a_run_of_which_nothing_is_left_fails(tmp_path, toy_run, cs_run):
    write_frames(tmp_path / "frames", 3)
    settings = {"fails_on": "f0", "fails_by": "exit"}
    recipe = detect_recipe(tmp_path, toy_run / "model", tmp_path / "frames", **settings)
    done = cs_run(recipe, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 1


def test_a_fit_that_leaves_is_a_failure_of_its_component(tmp_path, cs_run):
    recipe = write_recipe(tmp_path / "toy.toml", write_root(tmp_path / "data", embryos=1, frames=2))
    fits = "    def fit(self, train, val, env):\n"
    text = TOY_PLUGIN.read_text().replace(fits, f"{fits}        raise SystemExit(0)\n", 1)
    (tmp_path / "leaves.py").write_text(text)
    recipe.write_text(recipe.read_text().replace(str(TOY_PLUGIN), "./leaves.py"))
    done = cs_run(recipe, "train", "--no-cache", "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 1
    assert "error: anomaly filter 'brightness' of leaves.py" in done.stderr
    assert "SystemExit: 0" in done.stderr
    assert "leaves.py" in (tmp_path / "run" / "run.log").read_text()

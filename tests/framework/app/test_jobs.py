"""Work in the background: it reports, stops when told, and survives what goes wrong."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from cs_framework.app.jobs import UNEXPECTED, Job, Training
from cs_framework.errors import Cancelled, FrameError
from tests.support.frames import write_recipe, write_root


def test_tasks_are_done_in_turn_and_say_what_they_do():
    said = []
    job = Job([lambda step: (step("one"), said.append(job.doing)), lambda step: said.append("two")])
    job.start().wait()
    assert said == ["one", "two"]
    assert (job.done, job.fraction, job.running, job.problems) == (2, 1.0, False, [])


def test_a_fault_of_one_task_is_kept_and_the_others_go_on(caplog):
    def wrong(step):
        raise FrameError("a.png: damaged")

    def broken(step):
        raise ZeroDivisionError("secret path")

    job = Job([wrong, broken, lambda step: None]).start()
    job.wait()
    assert job.problems == ["a.png: damaged", UNEXPECTED]
    assert job.done == 3
    assert caplog.records[0].levelno == logging.ERROR


def test_cancelled_work_stops_at_its_next_step():
    started, go_on, reached = threading.Event(), threading.Event(), []

    def task(step):
        step("first")
        started.set()
        go_on.wait(60)
        with pytest.raises(Cancelled):
            step("second")
        reached.append("the end of the step")
        raise Cancelled

    job = Job([task, lambda step: reached.append("another task")]).start()
    started.wait(60)
    assert job.running
    job.cancel()
    assert not job.running, "nobody waits any longer, though the thread still works"
    go_on.set()
    job.wait()
    assert reached == ["the end of the step"]


@pytest.mark.slow
def test_training_makes_a_run_and_says_how_it_goes(tmp_path):
    recipe = write_recipe(tmp_path / "toy.toml", write_root(tmp_path / "data", embryos=1, frames=2))
    out = tmp_path / "runs" / "toy"
    training = Training.start(recipe, out, ["outputs.regions=true"])
    training._process.wait(300)
    assert training.succeeded, training.lines()
    assert any("train" in line for line in training.lines())
    assert (out / "model" / "bundle.json").exists()
    assert (out / "training" / "regions_train.parquet").exists()


@pytest.mark.slow
def test_training_can_be_cancelled_and_fails_in_words(tmp_path):
    recipe = write_recipe(tmp_path / "toy.toml", write_root(tmp_path / "data", embryos=1, frames=2))
    held = f"anomaly_filter.settings.learns_when={tmp_path / 'never'}"
    training = Training.start(recipe, tmp_path / "run", [held])
    while training.running and not (tmp_path / "never.waits").exists():
        time.sleep(0.01)
    assert training.running, training.lines()
    training.cancel()
    assert not training.running
    assert not training.succeeded
    wrong = Training.start(recipe, tmp_path / "other", ["scorer.use=nobody"])
    wrong._process.wait(300)
    assert not wrong.succeeded
    assert "nobody" in "\n".join(wrong.lines())

"""The engine of one machine, where its processes die."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from cs_framework.pipeline.engines.engine import Task
from cs_framework.pipeline.engines.local import LocalEngine
from cs_framework.pipeline.worker import WorkerSpec


class Broken:
    """A pool one of whose processes died while nobody was waiting for it."""

    def submit(self, *arguments):
        raise BrokenProcessPool("a child process terminated abruptly")


def test_a_unit_handed_to_a_broken_pool_counts_as_lost(tmp_path):
    engine = LocalEngine(2)
    engine._pool = Broken()
    task: Task[object] = engine._submit(WorkerSpec(tmp_path / "resolved.toml"), print, ())
    assert task.done()
    assert isinstance(task.exception(), engine.lost)

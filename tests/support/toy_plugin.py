"""A one-file plugin with one tiny component of each kind, for tests of the framework alone.

Frames of these tests are grey with a bright streak: brightness finds it, so each stage has something to find.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
from attrs import frozen

from cs_framework import (
    AnomalyFilterSpec,
    DataError,
    EmbedderSpec,
    Explanation,
    History,
    ProposerSpec,
    RegionScores,
    ScorerSpec,
    hookimpl,
    setting,
)


@frozen
class NoSettings:
    pass


@frozen
class GridSettings:
    size: int = setting(16, ge=1, help="side of a box in px")


@frozen
class FilterSettings:
    context: int = setting(0, ge=0, help="neighbours")
    fails_on: str = setting("", help="raise on frames whose id holds this")
    fails_by: str = setting("error", help="what is raised: error, exit, panic, silent or long")
    dies_on: str = setting("", help="the process is killed on frames whose id holds this")
    cured: str = setting("", help="a file that tells that it dies no longer, and has memory")
    dies_once: str = setting("", help="a file that tells that it has been killed before, which is enough")
    hungry_on: str = setting("", help="ask for more memory than there is on frames whose id holds this")
    loses: str = setting("", help="a file that is gone when it has learnt")
    learns_when: str = setting("", help="a file that it waits for before it learns")
    stops_at: str = setting("", help="wait on frames whose id holds this, until there is the file goes_on")
    goes_on: str = setting(
        "", help="the file that lets it go on; where it waits, it makes one ending in .waits"
    )
    tells: str = setting("", help="a folder in which each process that works leaves its number")
    seconds: float = setting(0.0, help="what a batch takes")
    adapts: str = setting("better", choices=("better", "worse", "no"), help="how well it learns on")


def wait_for(file: str) -> None:
    """Until there is this file; meanwhile there is one beside it that says so."""
    Path(f"{file}.waits").touch()
    while not Path(file).exists():
        time.sleep(0.005)


class Panic(BaseException):
    """As native code raises it through pyo3."""


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")


FAILURES = {
    "error": ValueError("planted failure"),
    "exit": SystemExit(0),
    "panic": Panic("index out of bounds"),
    "silent": Silent(),
    "long": ValueError("y" * 100_000),
}


class Learner:
    learnt = 0.0

    def save(self, folder: Path) -> None:
        (folder / "learnt.json").write_text(json.dumps(self.learnt))

    def load(self, folder: Path) -> None:
        self.learnt = json.loads((folder / "learnt.json").read_text())


class Brightness(Learner):
    def __init__(self, settings, env):
        self.settings, self.context = settings, settings.context

    def fit(self, train, val, env):
        if self.settings.learns_when:
            wait_for(self.settings.learns_when)
        self.learnt = float(np.mean([w.frame.grey.max() for w in train]))
        if self.settings.loses:
            Path(self.settings.loses).unlink()
        return History(rows=[{"epoch": 1, "train_loss": 1.0}], notes=["a toy"])

    def adapt(self, train, val, env, views):
        if self.settings.adapts == "no":
            raise DataError("no frame has a cavity")
        before, best = self.learnt, self.settings.adapts == "better"
        for _ in env.track(range(views), "adapting", views):
            pass
        self.learnt = float(np.mean([w.frame.grey.max() for w in train])) + len(val) if best else before
        return History(rows=[{"epoch": 0, "val": 0.5}, {"epoch": 1, "val": 0.4 + best}], best_epoch=int(best))

    def score(self, windows):
        time.sleep(self.settings.seconds)
        if self.settings.tells:
            Path(self.settings.tells, str(os.getpid())).touch()
        if self.settings.stops_at and any(self.settings.stops_at in w.frame.id for w in windows):
            wait_for(self.settings.goes_on)
        cured = bool(self.settings.cured) and Path(self.settings.cured).exists()
        for window in [] if cured else windows:
            if self.settings.fails_on and self.settings.fails_on in window.frame.id:
                raise FAILURES[self.settings.fails_by]
            if self.settings.dies_on and self.settings.dies_on in window.frame.id:
                self.die()
            if self.settings.hungry_on and self.settings.hungry_on in window.frame.id:
                np.ones(1 << 45)
        return np.array([w.frame.grey.max() - self.learnt for w in windows], np.float32)

    def die(self):
        if self.settings.dies_once:
            try:
                Path(self.settings.dies_once).touch(exist_ok=False)
            except FileExistsError:
                return
        os.kill(os.getpid(), signal.SIGKILL)

    def explain(self, window):
        return Explanation(window.frame.grey.astype(np.float32))


class Grid:
    def __init__(self, settings, env):
        self.size = settings.size

    def propose(self, frame):
        height, width = frame.size
        step = max(self.size // 2, 1)
        boxes = [
            (x, y, x + self.size, y + self.size)
            for y in range(0, height - self.size + 1, step)
            for x in range(0, width - self.size + 1, step)
        ]
        return np.array(boxes, np.float32).reshape(-1, 4)


class BoxStatistics:
    dim = 3

    def __init__(self, settings, env):
        pass

    def embed(self, batch):
        rows = []
        for frame, boxes in batch:
            patches = [frame.grey[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]
            values = [(p.mean(), p.max(), p.std()) for p in patches]
            rows.append(np.array(values, np.float32).reshape(-1, 3))
        return rows


class MeanScorer(Learner):
    def __init__(self, settings, env):
        pass

    def fit(self, table, val, env):
        strings = table.embeddings[table.labels == 1, 0].astype(np.float64)
        background = table.embeddings[table.labels == 0, 0].astype(np.float64)
        self.learnt = float((strings.mean() + background.mean()) / 2)
        return History(rows=[{"epoch": 1, "train_loss": 0.5, "val_ap": 0.9}], best_epoch=1)

    def score(self, regions):
        probability = 1 / (1 + np.exp((self.learnt - regions.embeddings[:, 0]) / 10))
        probability = probability.astype(np.float32)
        return RegionScores(probability, np.ones_like(probability), probability)


def _record(spec, name, factory, settings):
    return spec(name=name, factory=f"{__name__}:{factory}", settings=f"{__name__}:{settings}", summary=name)


@hookimpl
def cs_anomaly_filters():
    yield _record(AnomalyFilterSpec, "brightness", "Brightness", "FilterSettings")


@hookimpl
def cs_proposers():
    yield _record(ProposerSpec, "grid", "Grid", "GridSettings")


@hookimpl
def cs_embedders():
    yield _record(EmbedderSpec, "box-statistics", "BoxStatistics", "NoSettings")


@hookimpl
def cs_scorers():
    yield _record(ScorerSpec, "mean", "MeanScorer", "NoSettings")

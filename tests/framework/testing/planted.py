"""Components that keep every rule, and others that break one each and say in `breaks` which checks see it."""

from __future__ import annotations

import json
import os
import pickle
import sys

import cv2
import numpy as np
from attrs import frozen

from cs_framework import Explanation, History, RegionScores, SetupError

SHAPE_OF_OUTPUT = "one-item output-contract "
EVERY_CALL = (
    SHAPE_OF_OUTPUT + "repeatable seed-deterministic global-state inputs-unchanged spawned-worker some-boxes"
)


@frozen
class HeavySettings:
    """In a module that imports NumPy and OpenCV."""


class Component:
    breaks = ""

    def __init__(self, settings, env):
        self.settings, self.env = settings, env


class Learner(Component):
    learnt = 0.0

    def save(self, folder):
        (folder / "learnt.json").write_text(json.dumps(self.learnt))

    def load(self, folder):
        self.learnt = json.loads((folder / "learnt.json").read_text())


class Grid(Component):
    def propose(self, frame):
        height, width = frame.size
        return np.array([[0, 0, width, height], [0, 0, 1, 1]], np.float32)


class Follower(Grid):
    """Works with the filter below."""

    works_with = "brightness"
    filter = None

    def bind(self, anomaly_filter):
        if anomaly_filter is None:
            raise SetupError("there is no filter")
        self.filter = anomaly_filter

    @property
    def fingerprint(self):
        return str(self.filter.learnt) if self.filter and self.filter.learnt else ""

    def propose(self, frame):
        return super().propose(frame)[: 1 + (self.filter.learnt > 0)]


class DoesWithoutAFilter(Follower):
    breaks = "binding"

    def bind(self, anomaly_filter):
        self.filter = anomaly_filter


class KeepsItsFingerprint(Follower):
    breaks = "binding"

    @property
    def fingerprint(self):
        return "always" if self.filter and self.filter.learnt else ""


class Leaves(Grid):
    breaks = EVERY_CALL

    def propose(self, frame):
        sys.exit(0)


class SeedsTheGlobalGenerator(Grid):
    breaks = "global-state"

    def propose(self, frame):
        np.random.seed(self.env.seed)
        return super().propose(frame)


class OffersNothing(Grid):
    breaks = "some-boxes"

    def propose(self, frame):
        return super().propose(frame)[:0]


class FollowsInSecret(Grid):
    breaks = "interface"

    def bind(self, anomaly_filter):
        pass


class OutsideTheFrame(Grid):
    breaks = SHAPE_OF_OUTPUT

    def propose(self, frame):
        return super().propose(frame) + np.float32(0.5)


class FlatBoxes(Grid):
    breaks = SHAPE_OF_OUTPUT

    def propose(self, frame):
        return super().propose(frame) * np.array([1, 1, 1, 0], np.float32)


class DoublePrecision(Grid):
    breaks = SHAPE_OF_OUTPUT

    def propose(self, frame):
        return super().propose(frame).astype(np.float64)


class NoBoxesAsAList(Grid):
    breaks = SHAPE_OF_OUTPUT + "some-boxes"

    def propose(self, frame):
        return np.array([], np.float32)


class NeedsRoom(Grid):
    breaks = EVERY_CALL

    def propose(self, frame):
        if min(frame.size) < 3:
            raise ValueError("too small")
        return super().propose(frame)


class Remembers(Grid):
    breaks = "repeatable"

    calls = 0

    def propose(self, frame):
        self.calls += 1
        return super().propose(frame)[:: -1 if self.calls > 7 else 1]


class DrawsFromTheGlobalGenerator(Grid):
    breaks = "repeatable seed-deterministic global-state spawned-worker"

    def propose(self, frame):
        return super().propose(frame) * np.array([1, 1, 1, np.random.uniform(0.5, 1)], np.float32)


class SetsThreads(Grid):
    breaks = "global-state"

    def propose(self, frame):
        cv2.setNumThreads(3)
        return super().propose(frame)


class DependsOnTheProcess(Grid):
    breaks = "spawned-worker"

    def propose(self, frame):
        share = np.float32(1 / (1 + os.getpid() % 1000))
        return super().propose(frame) * np.array([1, 1, share, share], np.float32)


class DiesInAWorker(Grid):
    breaks = "spawned-worker"

    def propose(self, frame):
        if os.environ.get("PLANTED_PARENT") != str(os.getpid()):
            os._exit(3)
        return super().propose(frame)


class WritesOnFrames(Grid):
    breaks = EVERY_CALL

    def propose(self, frame):
        frame.image[0, 0] = 0
        return super().propose(frame)


class Means(Component):
    dim = 1

    def embed(self, batch):
        rows = []
        for frame, boxes in batch:
            patches = [frame.grey[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]
            rows.append(np.array([[patch.mean()] for patch in patches], np.float32).reshape(-1, 1))
        return rows


class TooLargeForHalfPrecision(Means):
    breaks = "half-precision"

    def embed(self, batch):
        return [rows * np.float32(1e4) for rows in super().embed(batch)]


class LooksAtOtherBoxes(Means):
    breaks = "box-independent"

    def embed(self, batch):
        return [rows - rows.mean() if len(rows) else rows for rows in super().embed(batch)]


class NormalisesByBatch(Means):
    breaks = "batch-independent box-independent"

    def embed(self, batch):
        rows = super().embed(batch)
        largest = max((r.max() for r in rows if len(r)), default=1)
        return [r / np.float32(largest) for r in rows]


class RoundsTheBoxesInPlace(Means):
    breaks = "inputs-unchanged"

    def embed(self, batch):
        rows = super().embed(batch)
        for _, boxes in batch:
            np.floor(boxes, out=boxes)
        return rows


class GivesATuple(Means):
    breaks = SHAPE_OF_OUTPUT + "empty-batch"

    def embed(self, batch):
        return tuple(super().embed(batch))


class SaysAnotherDim(Means):
    breaks = SHAPE_OF_OUTPUT
    dim = 2


class HasNoDim(Means):
    breaks = SHAPE_OF_OUTPUT + "interface"
    dim = None


class CannotTakeNothing(Means):
    breaks = "empty-batch"

    def embed(self, batch):
        np.stack([frame.grey[0, 0] for frame, _ in batch])
        return super().embed(batch)


class Brightness(Learner):
    context = 1

    def fit(self, train, val, env):
        self.learnt = float(np.mean([window.frame.grey.mean() for window in train]))
        scores = self.score(list(val))
        return History([{"epoch": 1, "val_score": float(scores.mean()) if len(scores) else 0.0}], 1)

    def score(self, windows):
        return np.array([window.frame.grey.mean() - self.learnt for window in windows], np.float32)

    def explain(self, window):
        return Explanation(window.frame.grey.astype(np.float32), window.frame.grey > self.learnt)


class ObservesTheBatch(Brightness):
    breaks = "observe"

    def observe(self, windows):
        return {"place": np.arange(len(windows), dtype=np.float32)}


class ObservesUnderATakenName(Brightness):
    breaks = "observe"

    def observe(self, windows):
        return {"detections": np.zeros(len(windows), np.float32)}


class ScoresInAList(Brightness):
    breaks = SHAPE_OF_OUTPUT + "empty-batch"

    def score(self, windows):
        return super().score(windows).tolist()

    def fit(self, train, val, env):
        return History()


class ExplainsAtAnotherSize(Brightness):
    breaks = SHAPE_OF_OUTPUT

    def explain(self, window):
        return Explanation(np.zeros((32, 32), np.float32))


class NeedsValidation(Brightness):
    breaks = "fit"

    def fit(self, train, val, env):
        self.learnt = val[0].frame.grey.mean() * 0
        return History()


class TellsNoEpoch(Brightness):
    breaks = "fit"

    def fit(self, train, val, env):
        return History([{"loss": 1.0}])


class KeptAnEpochThatNeverWas(Brightness):
    breaks = "fit"

    def fit(self, train, val, env):
        return History([{"epoch": 1, "loss": 1.0}], best_epoch=2)


class Threshold(Learner):
    def fit(self, table, val, env):
        self.learnt = float(table.embeddings[table.labels == 1, 0].astype(np.float64).mean())
        return History()

    def score(self, regions):
        probability = (1 / (1 + np.exp(self.learnt - regions.embeddings[:, 0]))).astype(np.float32)
        return RegionScores(probability, probability, probability)


class InPercent(Threshold):
    breaks = SHAPE_OF_OUTPUT

    def score(self, regions):
        scores = super().score(regions)
        return RegionScores(scores.probability, scores.quality, scores.confidence * 100)


class TurnsBoxes(Threshold):
    breaks = SHAPE_OF_OUTPUT

    def score(self, regions):
        scores = super().score(regions)
        turned = regions.boxes[:, [2, 3, 0, 1]]
        return RegionScores(scores.probability, scores.quality, scores.confidence, turned)


class Pickles(Threshold):
    breaks = "save-load"

    def save(self, folder):
        (folder / "learnt.pkl").write_bytes(pickle.dumps(self.learnt))

    def load(self, folder):
        self.learnt = pickle.loads((folder / "learnt.pkl").read_bytes())


class LoadsNothing(Threshold):
    breaks = "save-load spawned-worker"

    def load(self, folder):
        pass


class CentresTheTable(Threshold):
    breaks = "inputs-unchanged"

    def fit(self, table, val, env):
        table.embeddings[:] -= table.embeddings.mean(axis=0)
        return super().fit(table, val, env)


class CannotSave(Threshold):
    breaks = "interface save-load spawned-worker"
    save = property()

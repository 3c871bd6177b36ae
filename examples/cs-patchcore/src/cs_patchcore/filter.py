"""The component ``patchcore``, after Roth et al., Towards Total Recall in Industrial Anomaly Detection.

(CVPR 2022, arXiv:2106.08265.) As there: patches described by feature maps averaged over 3 x 3, a memory
chosen by greedy k-centre, and the score of the strangest patch. Left out: the reweighting of that score.
Added: only patches inside the embryo count, and memory is chosen from a fixed number of candidates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from cs_framework import DataError, Env, Explanation, Frame, History, SetupError, Window, Windows
from cs_patchcore.features import PatchFeatures
from cs_patchcore.memory import choose, distance_to
from cs_patchcore.settings import Settings

_MEMORY = "memory.safetensors"
_META = "patchcore.json"
_BATCH = 8


class PatchCore:
    """Scores a frame by the patch that is farthest from everything remembered of string-free frames."""

    context = 0

    def __init__(self, settings: Settings, env: Env) -> None:
        self._settings = settings
        self._env = env
        self._features = PatchFeatures(settings, env)
        self._memory: Tensor | None = None

    def fit(self, train: Windows, val: Windows, env: Env) -> History:
        """Remember patches of the normal training frames.

        Raises:
            DataError: there are no normal frames.
        """
        normal = np.flatnonzero(np.asarray(train.labels) == 0).tolist()
        if not normal:
            raise DataError("patchcore: there is no normal training frame; put some under train/normal")
        generator = torch.Generator().manual_seed(env.seed)
        wanted = -(-self._settings.candidates // len(normal))
        windows = (train[row] for row in env.track(normal, "patchcore: training frames", len(normal)))
        candidates = torch.cat(
            [
                inside[torch.randperm(len(inside), generator=generator)[:wanted]]
                for frames in _batches(windows)
                for patches, mask in self._described(frames)
                for inside in [patches[mask]]
            ]
        )
        self._memory, radius = choose(candidates, self._settings.memory, env.seed)
        history = History(rows=[{"epoch": 1, "train_radius": radius}], best_epoch=1)
        if self._settings.weights is None:
            history.notes.append(f"{self._settings.model} has random weights: pretrained ones see more")
        if len(normal) < len(train):
            history.notes.append(f"left out {len(train) - len(normal)} abnormal training frames")
        return history

    def score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """(N,) distance of the strangest patch inside the embryo to the nearest remembered one."""
        memory = self._remembered()
        scores = [
            float(distance_to(memory, patches[mask]).max())
            for frames in _batches(windows)
            for patches, mask in self._described(frames)
        ]
        return np.array(scores, np.float32)

    def explain(self, window: Window) -> Explanation:
        """The distance of each patch, at the size of the frame; inside the embryo it counts."""
        ((patches, _),) = self._described([window.frame])
        distance = distance_to(self._remembered(), patches)
        residual = F.interpolate(distance[None, None], window.frame.size, mode="bilinear")[0, 0]
        return Explanation(residual.numpy(), window.frame.embryo.mask)

    def save(self, folder: Path) -> None:
        """Write the memory and what it was made with."""
        save_file({"memory": self._remembered().contiguous()}, folder / _MEMORY)
        (folder / _META).write_text(json.dumps(self._made_with(), indent=2) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            SetupError: it is damaged, or was made with another network.
        """
        try:
            made_with = json.loads((folder / _META).read_text(encoding="utf-8"))
            memory = load_file(folder / _MEMORY)["memory"]
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise SetupError(f"{folder} holds no readable memory, train it again: {error}") from error
        if made_with != self._made_with():
            raise SetupError(
                f"{folder} was made with {made_with}, but now it is {self._made_with()}: use the same "
                "settings (and the same seed, which random weights depend on), or train again"
            )
        self._memory = memory

    def _made_with(self) -> dict[str, Any]:
        """What patches have to be described with to mean the same."""
        settings = self._settings
        random = f"random, seed {self._env.seed}"
        return {
            "model": settings.model,
            "weights": Path(settings.weights).name if settings.weights else random,
            "levels": list(settings.levels),
            "image_size": settings.image_size,
        }

    def _remembered(self) -> Tensor:
        if self._memory is None:
            raise SetupError("patchcore has learnt nothing yet: run the step train, or name a bundle")
        return self._memory

    def _described(self, frames: Sequence[Frame]) -> Iterator[tuple[Tensor, Tensor]]:
        """(rows, columns, D) patches of each frame, and which of them (rows, columns) are in the embryo."""
        for frame, patches in zip(frames, self._features(frames), strict=True):
            mask = torch.from_numpy(frame.embryo.mask.astype(np.float32))
            inside = F.adaptive_avg_pool2d(mask[None], self._features.grid)[0] >= 0.5
            yield patches, inside if inside.any() else torch.ones_like(inside)


def _batches(windows: Iterable[Window]) -> Iterator[list[Frame]]:
    """The frames in question, some at a time."""
    frames = (window.frame for window in windows)
    while batch := list(islice(frames, _BATCH)):
        yield batch

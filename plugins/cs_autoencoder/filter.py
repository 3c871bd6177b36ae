"""The component ``autoencoder``: how badly does a network that has seen no strings reconstruct a frame?"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sklearn.metrics import roc_auc_score
from torch import Tensor

from cs_autoencoder.network import ConvAutoencoder, seeded_autoencoder
from cs_autoencoder.preprocessing import PreparedFrames, prepare
from cs_autoencoder.residual import combined_residual, frame_losses, frame_scores
from cs_autoencoder.settings import Settings
from cs_framework import DataError, Env, Explanation, History, SetupError, Window, Windows

_WEIGHTS = "autoencoder.safetensors"
_META = "autoencoder.json"


class Autoencoder:
    """The published anomaly filter, in both its variants.

    Args:
        settings: see `Settings`.
        env: where the network runs.
    """

    context = 0

    def __init__(self, settings: Settings, env: Env) -> None:
        self._settings = settings
        self._device = torch.device(env.device)
        # A CPU is faster at few pixels at a time, in memory that it has at hand; a GPU wants whole batches.
        few = max(1, 4 * 128**2 // settings.image_size**2)
        self._at_once = few if self._device.type == "cpu" else settings.batch_size
        self._network: ConvAutoencoder | None = None

    def fit(self, train: Windows, val: Windows, env: Env) -> History:
        """Learn to reconstruct normal frames; keep the epoch with the best validation AUROC.

        Every frame is decoded once; those of `train` that are labelled abnormal are left out.

        Args:
            train: frames to learn from.
            val: frames to choose the epoch by; unless both labels occur, the last epoch is kept.
            env: seed (unless the settings hold one) and progress.

        Returns:
            Per epoch the mean loss of training and of normal validation frames, and the validation AUROC.

        Raises:
            DataError: `train` holds no normal frame.
        """
        normal = np.flatnonzero(np.asarray(train.labels) == 0).tolist()
        if not normal:
            raise DataError("autoencoder: there is no normal training frame; put some under train/normal")
        windows = env.track((train[row] for row in normal), "autoencoder: training frames", len(normal))
        train_frames = self._prepare(windows, len(normal))
        windows = env.track(val, "autoencoder: validation frames", len(val))
        val_frames = self._prepare(windows, len(val))

        history = self._learn(train_frames, val_frames, np.asarray(val.labels), env)
        if left_out := len(train) - len(normal):
            history.notes.append(f"left out {left_out} abnormal training frames")
        if "val_auroc" not in history.rows[-1]:
            history.notes.append("kept the last epoch, as validation lacks normal or abnormal frames")
        return history

    def score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """(N,) scores, at least 0.001, higher = more unusual; see `frame_scores`."""
        frames = self._prepare(windows, len(windows))
        scores = [
            score for residual, masks in self._residuals(frames) for score in frame_scores(residual, masks)
        ]
        return np.array(scores, np.float32)

    def explain(self, window: Window) -> Explanation:
        """The residual behind the score and the smooth mask, at the size of the frame.

        The mask is None where all pixels count: in the variant ``unweighted``, and where no area is smooth.
        """
        ((residual, masks),) = self._residuals(self._prepare([window], 1))
        height, width = window.frame.size
        pixels = residual[0, 0].float().numpy(force=True)
        mask = None
        if masks is not None and masks.any():
            inside = masks[0, 0].numpy(force=True).astype(np.uint8)
            mask = cv2.resize(inside, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
        return Explanation(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), mask)

    def save(self, folder: Path) -> None:
        """Write ``autoencoder.safetensors`` and ``autoencoder.json`` into a folder, made if need be."""
        weights = {key: value.cpu().contiguous() for key, value in self._fitted().state_dict().items()}
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / _WEIGHTS)
        (folder / _META).write_text(json.dumps(self._meta(), indent=2) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            SetupError: files are missing or damaged, or were written under other settings.
        """
        try:
            meta = json.loads((folder / _META).read_text(encoding="utf-8"))
            if meta != self._meta():
                raise SetupError(
                    f"{folder / _META} was written for {meta}, but the settings ask for {self._meta()}: "
                    "change the settings, or train again"
                )
            network = seeded_autoencoder(0)
            network.load_state_dict(load_file(folder / _WEIGHTS))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise SetupError(f"{folder} holds no readable autoencoder, train it again: {error}") from error
        self._network = network.to(self._device)

    def _meta(self) -> dict[str, Any]:
        """What has to be the same for saved weights to mean the same."""
        settings = self._settings
        return {
            "format": 1,
            "variant": settings.variant,
            "image_size": settings.image_size,
            "heat_alignment": settings.heat_alignment,
        }

    def _fitted(self) -> ConvAutoencoder:
        if self._network is None:
            raise SetupError("autoencoder: there are no weights yet, call fit or load first")
        return self._network

    def _prepare(self, windows: Iterable[Window], count: int) -> PreparedFrames:
        return prepare((window.frame for window in windows), count, self._settings)

    def _batch(self, frames: PreparedFrames, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (N, 1, S, S) as float32 in [0, 1], and masks."""
        masks = None if frames.masks is None else frames.masks[rows].to(self._device)
        return frames.images[rows].to(self._device).float() / 255, masks

    def _learn(
        self, train: PreparedFrames, val: PreparedFrames, val_labels: NDArray[np.int8], env: Env
    ) -> History:
        settings = self._settings
        seed = env.seed if settings.seed is None else settings.seed
        network = self._network = seeded_autoencoder(seed).to(self._device)
        optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        shuffling = torch.Generator().manual_seed(seed)
        history = History()
        best = -math.inf
        kept: dict[str, Tensor] = {}
        for epoch in range(1, settings.epochs + 1):
            batches = torch.randperm(len(train), generator=shuffling).split(settings.batch_size)
            name = f"autoencoder: epoch {epoch} of {settings.epochs}"
            network.to(memory_format=torch.contiguous_format)
            losses: list[float] = []
            for rows in env.track(batches, name, len(batches)):
                losses += self._step(network, optimizer, train, rows)
            figures = {"train_loss": float(np.mean(losses)), **self._validate(val, val_labels)}
            history.rows.append({"epoch": epoch, **figures})
            # Without an AUROC each epoch counts as better than the one before, so that the last is kept.
            figure = figures.get("val_auroc", epoch)
            if figure > best:
                best = figure
                history.best_epoch = epoch
                kept = copy.deepcopy(network.state_dict())
        network.load_state_dict(kept)
        return history

    def _step(
        self, network: ConvAutoencoder, optimizer: torch.optim.Optimizer, frames: PreparedFrames, rows: Tensor
    ) -> list[float]:
        """One step of the optimizer; the loss of each frame."""
        all_losses: list[float] = []
        optimizer.zero_grad()
        with _exact_convolutions():
            for part in rows.split(self._at_once):
                images, masks = self._batch(frames, part)
                losses = frame_losses(combined_residual(images, network(images)), masks)
                (losses.sum() / len(rows)).backward()
                all_losses += losses.tolist()
        optimizer.step()
        return all_losses

    def _validate(self, frames: PreparedFrames, labels: NDArray[np.int8]) -> dict[str, float]:
        """Mean loss of the normal frames and AUROC of the scores, as far as there are frames for them."""
        losses: list[float] = []
        scores: list[float] = []
        for residual, masks in self._residuals(frames):
            losses += frame_losses(residual, masks).tolist()
            scores += frame_scores(residual, masks)
        figures = {}
        if (labels == 0).any():
            figures["val_loss"] = float(np.mean(np.array(losses)[labels == 0]))
            if (labels == 1).any():
                figures["val_auroc"] = float(roc_auc_score(labels, scores))
        return figures

    def _residuals(self, frames: PreparedFrames) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Combined residuals (N, 1, S, S) as float64 and masks, batch by batch."""
        # On a CPU convolutions infer faster with the channels last, and learn faster with them first.
        network = self._fitted().to(memory_format=torch.channels_last)
        for rows in torch.arange(len(frames)).split(self._at_once):
            images, masks = self._batch(frames, rows)
            with torch.inference_mode(), _exact_convolutions():
                # Variances are small differences of large means: in float32, residuals would be off by 3e-5.
                residual = combined_residual(_double(images), _double(network(images)))
            yield residual, masks


def _exact_convolutions() -> AbstractContextManager[None]:
    """On a GPU: the same figures every time, in full float32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def _double(images: Tensor) -> Tensor:
    return (images.cpu() if images.device.type == "mps" else images).double()

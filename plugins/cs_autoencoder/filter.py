"""The component ``autoencoder``: how badly does a network that has seen no strings reconstruct a frame?"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor, nn

from cs_autoencoder.network import seeded_autoencoder
from cs_autoencoder.preprocessing import PreparedWindows, prepare
from cs_autoencoder.residual import combined_residual, frame_losses, frame_scores
from cs_autoencoder.settings import Settings
from cs_framework import (
    DataError,
    Env,
    Explanation,
    History,
    SetupError,
    Window,
    Windows,
    exact_convolutions,
    load_learnt,
    over_mirrors,
    save_learnt,
)

_NAME = "autoencoder"


@frozen(eq=False)
class _Judged:
    """A batch of frames that were reconstructed; maps are (N, 1, S, S)."""

    residual: Tensor
    """Combined residuals, float64."""
    unusual: Tensor
    """The same less the median residual of the neighbours, where there are any."""
    masks: Tensor | None
    """The pixels that count; None for all."""


class Autoencoder:
    """The published anomaly filter, in both its variants.

    Args:
        settings: see `Settings`.
        env: where the network runs.
    """

    def __init__(self, settings: Settings, env: Env) -> None:
        self._settings = settings
        self.context = settings.context
        self._device = torch.device(env.device)
        # A CPU is faster at few pixels at a time, in memory that it has at hand; a GPU wants whole batches.
        few = max(1, 4 * 128**2 // settings.image_size**2)
        self._at_once = few if self._device.type == "cpu" else settings.batch_size
        self.network: nn.Module | None = None
        """What was learnt; see `cs_framework.api.components.Exportable`."""

    @property
    def network_input(self) -> tuple[int, ...]:
        """Shape of an image."""
        return 1, self._settings.image_size, self._settings.image_size

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
        alone = (Window((window.frame,) * len(window.frames)) for window in windows)
        train_frames = prepare(alone, self._settings)
        val_windows = prepare(env.track(val, "autoencoder: validation frames", len(val)), self._settings)

        history = self._learn(train_frames, val_windows, np.asarray(val.labels), env)
        if left_out := len(train) - len(normal):
            history.notes.append(f"left out {left_out} abnormal training frames")
        if "val_auroc" not in history.rows[-1]:
            history.notes.append("kept the last epoch, as validation lacks normal or abnormal frames")
        return history

    def score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """(N,) scores, higher = more unusual; see `frame_scores`. With `context` they may be below 0."""
        judged = self._judge(prepare(windows, self._settings))
        return np.array([score for one in judged for score in self._scores(one)], np.float32)

    def explain(self, window: Window) -> Explanation:
        """The residual behind the score and the smooth mask, at the size of the frame.

        The mask is None where all pixels count: where no area is smooth, and in the variant ``unweighted``,
        unless the region is the embryo. With `context`, the residual is what is left beyond the neighbours'.
        """
        (judged,) = self._judge(prepare([window], self._settings))
        height, width = window.frame.size
        pixels = judged.unusual[0, 0].float().numpy(force=True)
        mask = None
        if judged.masks is not None and judged.masks.any():
            inside = judged.masks[0, 0].numpy(force=True).astype(np.uint8)
            mask = cv2.resize(inside, (width, height), interpolation=cv2.INTER_NEAREST_EXACT).astype(bool)
        residual = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        return Explanation(np.asarray(residual, np.float32), mask)

    def save(self, folder: Path) -> None:
        """Write ``autoencoder.safetensors`` and ``autoencoder.json`` into a folder, made if need be."""
        save_learnt(folder, _NAME, self._fitted().state_dict(), self._meta())

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            SetupError: files are missing or damaged, or were written under other settings.
        """
        network = seeded_autoencoder(0)
        try:
            network.load_state_dict(load_learnt(folder, _NAME, self._meta()))
        except RuntimeError as error:
            raise SetupError(f"{folder} holds no readable autoencoder, train it again: {error}") from error
        self.network = network.to(self._device)

    def _meta(self) -> dict[str, Any]:
        """What has to be the same for saved weights to mean the same."""
        settings = self._settings
        return {
            "format": 1,
            "variant": settings.variant,
            "image_size": settings.image_size,
            "heat_alignment": settings.heat_alignment,
        }

    def _fitted(self) -> nn.Module:
        if self.network is None:
            raise SetupError("autoencoder: there are no weights yet, call fit or load first")
        return self.network

    def _batch(self, frames: PreparedWindows, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images (N, 1, S, S) as float32 in [0, 1], and masks, of some frames."""
        images = torch.stack([frames.images[row] for row in rows]).to(self._device).float() / 255
        if frames.masks is None:
            return images, None
        return images, torch.stack([frames.masks[row] for row in rows]).to(self._device)

    def _losses(self, residual: Tensor, masks: Tensor | None) -> Tensor:
        return frame_losses(residual, masks if self._settings.variant == "weighted" else None)

    def _scores(self, judged: _Judged) -> list[float]:
        summary = self._settings.summary
        if summary == "published":
            summary = "p95" if self._settings.variant == "weighted" else "mean"
        return frame_scores(judged.unusual, judged.masks, summary)

    def _learn(
        self, train: PreparedWindows, val: PreparedWindows, val_labels: NDArray[np.int8], env: Env
    ) -> History:
        settings = self._settings
        seed = env.seed if settings.seed is None else settings.seed
        network = self.network = seeded_autoencoder(seed).to(self._device)
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
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        frames: PreparedWindows,
        rows: Tensor,
    ) -> list[float]:
        """One step of the optimizer; the loss of each frame."""
        all_losses: list[float] = []
        optimizer.zero_grad()
        with exact_convolutions():
            for part in rows.split(self._at_once):
                images, masks = self._batch(frames, frames.middle[part])
                losses = self._losses(combined_residual(images, network(images)), masks)
                (losses.sum() / len(rows)).backward()
                all_losses += losses.tolist()
        optimizer.step()
        return all_losses

    def _validate(self, frames: PreparedWindows, labels: NDArray[np.int8]) -> dict[str, float]:
        """Mean loss of the normal frames and AUROC of the scores, as far as there are frames for them."""
        from sklearn.metrics import roc_auc_score

        losses: list[float] = []
        scores: list[float] = []
        for judged in self._judge(frames):
            losses += self._losses(judged.residual, judged.masks).tolist()
            scores += self._scores(judged)
        figures = {}
        if (labels == 0).any():
            figures["val_loss"] = float(np.mean(np.array(losses)[labels == 0]))
            if (labels == 1).any():
                figures["val_auroc"] = float(roc_auc_score(labels, scores))
        return figures

    def _judge(self, windows: PreparedWindows) -> Iterator[_Judged]:
        """Go through windows batch by batch."""
        # Neighbours in time share most of their neighbours, so large batches reconstruct fewer frames twice.
        at_once = self._settings.batch_size if self.context else self._at_once
        for start in range(0, len(windows), at_once):
            shown = windows.rows[start : start + at_once]
            frames, places = shown.unique(return_inverse=True)
            residual, masks = self._residuals(windows, frames)
            middle = places[:, self.context]
            own = residual[middle]
            unusual = own
            if self.context:
                pairs = zip(middle, places, strict=True)
                unusual = torch.stack([_less_neighbours(residual, *pair) for pair in pairs])
            yield _Judged(own, unusual, None if masks is None else masks[middle].to(own.device))

    def _residuals(self, frames: PreparedWindows, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Combined residuals (N, 1, S, S) as float64, and masks, of some frames."""
        # On a CPU convolutions infer faster with the channels last, and learn faster with them first.
        network = self._fitted().to(memory_format=torch.channels_last)
        residuals, all_masks = [], []
        for part in rows.split(self._at_once):
            images, masks = self._batch(frames, part)
            with torch.inference_mode(), exact_convolutions():
                maps = over_mirrors(partial(self._residual, network), images, flips=self._settings.flips)
            residuals.append(maps)
            if masks is not None:
                all_masks.append(masks)
        return torch.cat(residuals), torch.cat(all_masks) if all_masks else None

    def _residual(self, network: nn.Module, view: Tensor) -> Tensor:
        # Variances are small differences of large means: in float32, residuals would be off by 3e-5.
        return combined_residual(_double(view), _double(self._reconstruct(network, view)))

    def _reconstruct(self, network: nn.Module, images: Tensor) -> Tensor:
        low = self._settings.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=low):
            return network(images)


def _less_neighbours(residuals: Tensor, middle: Tensor, places: Tensor) -> Tensor:
    """The residual of the middle frame less the median of the others; a sequence's end repeats frames."""
    others = places[places != middle]
    own = residuals[middle]
    return own - residuals[others].quantile(0.5, dim=0) if len(others) else own


def _double(images: Tensor) -> Tensor:
    return (images.cpu() if images.device.type == "mps" else images).double()

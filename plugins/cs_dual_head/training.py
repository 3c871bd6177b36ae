"""How the network learns from weakly labelled regions."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor

from cs_dual_head.network import DualHead, focal_loss, predict
from cs_dual_head.settings import DualHeadSettings
from cs_framework import DataError, Env, History, RegionTable

Rows = NDArray[np.intp]


def train(
    network: DualHead,
    table: RegionTable,
    val: RegionTable | None,
    *,
    settings: DualHeadSettings,
    seed: int,
    env: Env,
) -> History:
    """Train in place, and leave the network with the weights of the best epoch.

    The best epoch is the one with the highest average precision of the probability on `val`, as it is,
    not balanced. Where `val` cannot tell, all epochs are run and the last one is kept. Dropout draws
    from torch's global generator, which the caller seeds.

    Raises:
        DataError: one class is missing, or the loss is not finite.
    """
    history = History()
    if val is None or not np.isin((0, 1), val.labels).all():
        val = None
        history.notes.append(
            "dual-head-mlp: no validation regions of both classes, so the last epoch was kept, not the best"
        )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    best_ap, best_weights = -1.0, {}
    for epoch in env.track(range(1, settings.epochs + 1), "dual-head-mlp", settings.epochs):
        rng = np.random.default_rng(seed + epoch)
        rows = balanced_rows(table.labels, rng)
        run_epoch(network, optimizer, table, rows, settings=settings, rng=rng)
        history.rows.append({"epoch": epoch, **_figures("train", network, table, rows, settings)})
        if val is None:
            history.best_epoch = epoch
            continue
        figures = _figures("val", network, val, np.flatnonzero(val.labels >= 0), settings)
        history.rows[-1] |= figures
        if figures["val_ap"] > best_ap:
            best_ap, history.best_epoch = figures["val_ap"], epoch
            best_weights = {name: weight.clone() for name, weight in network.state_dict().items()}
        elif epoch - history.best_epoch >= settings.patience:
            break
    if best_weights:
        network.load_state_dict(best_weights)
    return history


def balanced_rows(labels: NDArray[np.int8], rng: np.random.Generator) -> Rows:
    """As many rows of label 0 as of label 1, shuffled: all of the rarer class, a draw from the other.

    Raises:
        DataError: one of the two is missing.
    """
    strings, background = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if not len(strings):
        raise DataError(
            "dual-head-mlp: no training region overlaps an annotated box enough to count as a string. "
            "Give boxes for the training frames, use a proposer that reaches them, "
            "or lower training.positive_iou."
        )
    if not len(background):
        raise DataError(
            "dual-head-mlp: no training region counts as background. "
            "Add string-free frames (training.normal_regions), or raise training.negative_iou."
        )
    count = min(len(strings), len(background))
    rows = np.concatenate([rng.choice(part, count, replace=False) for part in (strings, background)])
    return rng.permutation(rows)


def run_epoch(
    network: DualHead,
    optimizer: torch.optim.Optimizer,
    table: RegionTable,
    rows: Rows,
    *,
    settings: DualHeadSettings,
    rng: np.random.Generator,
) -> None:
    """One pass over the given rows, in their order, with MixUp."""
    device = next(network.parameters()).device
    # Steps are many and tiny: everything is gathered once, in the table's own precision.
    embeddings = torch.from_numpy(table.embeddings[rows]).to(device)
    targets = torch.from_numpy(_targets(table, rows)).to(device)
    network.train()
    for start in range(0, len(rows), settings.batch_size):
        batch = embeddings[start : start + settings.batch_size].float()
        target = targets[start : start + settings.batch_size]
        if rng.random() < settings.mixup_probability:
            share = rng.beta(settings.mixup_alpha, settings.mixup_alpha)
            partner = torch.from_numpy(rng.permutation(len(batch))).to(device)
            batch, target = (torch.lerp(both[partner], both, share) for both in (batch, target))
        optimizer.zero_grad()
        total_loss(*network(batch), target, settings).backward()
        optimizer.step()


def total_loss(logits: Tensor, ious: Tensor, targets: Tensor, settings: DualHeadSettings) -> Tensor:
    """Focal loss of the (N,) logits and smooth L1 loss of the (N,) IoUs; `targets` is (N, 2)."""
    string = focal_loss(logits, targets[:, 0], settings.focal_alpha, settings.focal_gamma)
    iou = F.smooth_l1_loss(ious, targets[:, 1])
    return settings.probability_weight * string + settings.quality_weight * iou


def _targets(table: RegionTable, rows: Rows) -> NDArray[np.float32]:
    """(N, 2) label and IoU."""
    return np.stack([table.labels[rows], table.iou[rows]], axis=1).astype(np.float32)


def _figures(
    split: str, network: DualHead, table: RegionTable, rows: Rows, settings: DualHeadSettings
) -> dict[str, float]:
    """The figures of one history row, after the epoch and without dropout or MixUp in both splits."""
    logits, ious = predict(network, table.embeddings, rows)
    targets = torch.from_numpy(_targets(table, rows))
    loss = float(total_loss(logits, ious, targets, settings))
    if not np.isfinite(loss):
        raise DataError(
            f"dual-head-mlp: the {split} loss is not finite. "
            "Look for NaN or infinite embeddings, or lower the scorer's learning_rate."
        )
    labels = targets[:, 0].numpy()
    return {
        f"{split}_loss": loss,
        f"{split}_accuracy": float(np.mean((logits.numpy() >= 0) == labels)),
        f"{split}_iou_mae": float((ious.clamp(0, 1) - targets[:, 1]).abs().mean()),
        f"{split}_ap": float(average_precision_score(labels, torch.sigmoid(logits).numpy())),
    }

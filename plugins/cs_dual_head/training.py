"""How the network learns from weakly labelled regions."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor

from cs_dual_head.edges import edge_loss, paired_iou, shifted, to_shifts
from cs_dual_head.network import Answers, DualHead, focal_loss, predict
from cs_dual_head.settings import DualHeadSettings, RefiningSettings
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
    name: str,
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
            f"{name}: no validation regions of both classes, so the last epoch was kept, not the best"
        )
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    best_ap, best_epoch, best_weights = -1.0, 0, {}
    for epoch in env.track(range(1, settings.epochs + 1), name, settings.epochs):
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
            best_ap, best_epoch = figures["val_ap"], epoch
            history.best_epoch = epoch
            best_weights = {name: weight.clone() for name, weight in network.state_dict().items()}
        elif epoch - best_epoch >= settings.patience:
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
            "scorer: no training region overlaps an annotated box enough to count as a string. "
            "Give boxes for the training frames, use a proposer that reaches them, "
            "or lower training.positive_iou."
        )
    if not len(background):
        raise DataError(
            "scorer: no training region counts as background. "
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
    """One pass over the given rows, in their order, with MixUp.

    The edges are learnt from regions as they are: a mixture of two regions has no edges, least of all one of
    a string and of background, which has no target.
    """
    device = next(network.parameters()).device
    # Steps are many and tiny: everything is gathered once, in the table's own precision.
    embeddings = torch.from_numpy(table.embeddings[rows]).to(device)
    targets = _targets(network, table, rows).to(device)
    network.train()
    for start in range(0, len(rows), settings.batch_size):
        plain = batch = embeddings[start : start + settings.batch_size].float()
        target = targets[start : start + settings.batch_size]
        if rng.random() < settings.mixup_probability:
            share = rng.beta(settings.mixup_alpha, settings.mixup_alpha)
            partner = torch.from_numpy(rng.permutation(len(batch))).to(device)
            batch, mixed = (torch.lerp(both[partner], both, share) for both in (batch, target[:, :2]))
            target = torch.cat([mixed, target[:, 2:]], dim=1)
        optimizer.zero_grad()
        answers = network(batch)
        if network.refines:
            answers = answers._replace(shifts=network(plain).shifts)
        total_loss(answers, target, settings).backward()
        optimizer.step()


def total_loss(answers: Answers, targets: Tensor, settings: DualHeadSettings) -> Tensor:
    """Focal loss of the logits, smooth L1 loss of the IoUs and, where boxes are refined, of the edges.

    Args:
        answers: of N regions.
        targets: (N, 2) label and IoU; (N, 6) with the shifts of the edges, NaN where there are none.
        settings: the weights; `RefiningSettings` where boxes are refined.
    """
    string = focal_loss(answers.logits, targets[:, 0], settings.focal_alpha, settings.focal_gamma)
    iou = F.smooth_l1_loss(answers.ious, targets[:, 1])
    loss = settings.probability_weight * string + settings.quality_weight * iou
    if isinstance(settings, RefiningSettings):
        loss = loss + settings.edges_weight * edge_loss(answers.shifts, targets[:, 2:])
    return loss


def _targets(network: DualHead, table: RegionTable, rows: Rows) -> Tensor:
    """What the heads should say of some rows, as `total_loss` takes it.

    Where boxes are refined, the IoU is that of the refined box, as the network refines it now, since that
    is the box which is ranked and reported.
    """
    labels, ious = torch.from_numpy(table.labels[rows]).float(), torch.from_numpy(table.iou[rows]).float()
    if not network.refines:
        return torch.stack([labels, ious], dim=1)
    boxes, annotated = torch.from_numpy(table.boxes[rows]), torch.from_numpy(table.targets[rows])
    refined = shifted(boxes, predict(network, table.embeddings, rows).shifts)
    shifts = to_shifts(boxes, annotated).masked_fill(labels[:, None] != 1, torch.nan)
    return torch.cat([torch.stack([labels, paired_iou(refined, annotated)], dim=1), shifts], dim=1)


def _figures(
    split: str, network: DualHead, table: RegionTable, rows: Rows, settings: DualHeadSettings
) -> dict[str, float]:
    """The figures of one history row, after the epoch and without dropout or MixUp in both splits."""
    answers, targets = predict(network, table.embeddings, rows), _targets(network, table, rows)
    loss = float(total_loss(answers, targets, settings))
    if not np.isfinite(loss):
        raise DataError(
            f"scorer: the {split} loss is not finite. "
            "Look for NaN or infinite embeddings, or lower the scorer's learning_rate."
        )
    labels = targets[:, 0].numpy()
    return {
        f"{split}_loss": loss,
        f"{split}_accuracy": float(np.mean((answers.logits.numpy() >= 0) == labels)),
        f"{split}_iou_mae": float((answers.ious.clamp(0, 1) - targets[:, 1]).abs().mean()),
        f"{split}_ap": float(average_precision_score(labels, torch.sigmoid(answers.logits).numpy())),
        **({f"{split}_refined_iou": float(targets[labels == 1, 1].mean())} if network.refines else {}),
    }

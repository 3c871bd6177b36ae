"""Fitting the network on drawn strings, and validating it on held-out frames with drawn and real ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

from cs_framework import Env, History
from cs_implant_net.drawing import Drawn
from cs_implant_net.material import Material, Validation
from cs_implant_net.network import STRIDE, MarkNet, exact_convolutions, fast_arithmetic
from cs_implant_net.scoring import frame_logits
from cs_implant_net.settings import Settings

_STRING_WEIGHT = 4.0
"""Of a marked pixel against another: a string covers about a hundredth of the embryo."""
_OUTSIDE_WEIGHT = 0.3
_DICE = 0.12
"""Weight of the overlap against the cross-entropy of pixels."""
_FRAME = 0.08
"""Weight of the frame's score, so that what is most easily taken for a string is learnt first to be none."""
_PLACES = 0.3
"""Weight of the maps of cavity and cell mass."""
_WARM_UP, _LONGEST_WARM_UP, _DECAY = 0.05, 200, 0.2
"""Of all steps, those at the beginning and at the end with a smaller rate. In between it is constant."""
_MEMORY = 0.998
"""Of the average of weights, from step to step; less in the first steps. The average depends less on the
latest drawings (Izmailov et al., "Averaging weights leads to wider optima", UAI 2018)."""
_LONGEST = 1.0
"""Norm that gradients are cut to."""
_KEPT = {
    "val_auroc": "epoch with the best AUROC of validation frames",
    "val_drawn_auroc": "epoch with the best AUROC of strings drawn into held-out frames",
}
_LAST = "last epoch: no frame could be held out"

Forward = Callable[[nn.Module, NDArray[np.uint8]], Tensor]


def learn(
    network: MarkNet,
    forward: Forward,
    material: Material,
    validation: Validation,
    settings: Settings,
    env: Env,
    keep: Callable[[nn.Module], None],
    *,
    given: bool = False,
) -> History:
    """Fit the network in place; its weights become the average up to the epoch that validates best.

    Args:
        network: on its device.
        forward: logits (N, 3, H, W) on that device of planes (N, S, S).
        material: what to learn from.
        validation: what chooses the epoch; the last one is kept where no frame was held out.
        settings: how long and how fast.
        env: seed and progress.
        keep: is given the averaged network after each epoch.
        given: the network has learnt before; it is kept as it is, as epoch 0, where no epoch does better.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    steps = math.ceil(settings.views / settings.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate(settings.epochs * steps))
    averaged = AveragedModel(network, avg_fn=lambda mean, new, n: mean + (new - mean) * _share(int(n)))
    history, best, kept = History(), -math.inf, copy.deepcopy(network.state_dict())
    by = validation.chosen_by
    if given:
        figures = _validate(network, forward, validation, settings)
        history.rows.append({"epoch": 0, **figures})
        history.best_epoch, best = 0, figures.get(by, -math.inf)
    for epoch in range(1, settings.epochs + 1):
        losses = []
        views = material.epoch(settings.views, (env.seed, epoch))
        name = f"implant-net: epoch {epoch} of {settings.epochs}"
        for start in env.track(range(0, len(views), settings.batch_size), name, steps):
            optimizer.zero_grad()
            with exact_convolutions():
                loss = _loss(forward, network, views[start : start + settings.batch_size])
                loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), _LONGEST)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(network)
            losses.append(float(loss.detach()))
        keep(averaged.module)
        figures = _validate(averaged.module, forward, validation, settings)
        history.rows.append({"epoch": epoch, "train_loss": float(np.mean(losses)), **figures})
        if (figure := figures.get(by, epoch)) >= best:  # without validation the last epoch is kept
            best, history.best_epoch, kept = figure, epoch, copy.deepcopy(averaged.module.state_dict())
    network.load_state_dict(kept)
    history.notes.append(f"kept the {_KEPT[by] if by in history.rows[-1] else _LAST}")
    if history.best_epoch == 0:
        history.notes.append("no epoch does better than the weights that were given: they are kept")
    return history


def _rate(steps: int) -> Callable[[int], float]:
    """Factor of the learning rate at each step: up, constant, down to nearly nothing."""
    up, down = max(1, min(round(_WARM_UP * steps), _LONGEST_WARM_UP)), max(1, round(_DECAY * steps))
    return lambda step: min(1.0, (step + 1) / up, max(steps - step, 1) / down)


def _share(seen: int) -> float:
    """Of the newest weights in the average, after so many others."""
    return 1 - min(_MEMORY, (1 + seen) / (10 + seen))


def _planes(drawn: Sequence[Drawn]) -> NDArray[np.uint8]:
    return np.stack([one.plane for one in drawn])


def _loss(forward: Forward, network: MarkNet, drawn: Sequence[Drawn]) -> Tensor:
    """Of the string's map by pixels, by overlap and by the frame's score; of the other maps where known."""
    with fast_arithmetic(next(network.parameters()).device):
        logits = forward(network, _planes(drawn))
    logits = logits.float()
    known = [one.places is not None for one in drawn]
    nowhere = np.zeros((2, *drawn[0].plane.shape), np.uint8)
    targets = np.stack(
        [
            np.concatenate([one.mask[None], one.inside[None], nowhere if one.places is None else one.places])
            for one in drawn
        ]
    )
    pooled = F.max_pool2d(torch.from_numpy(targets).float(), STRIDE).to(logits.device)
    marked, inside, places = pooled[:, :1], pooled[:, 1:2], pooled[:, 2:]
    strings, others = logits[:, :1], logits[:, 1:]
    on_embryo = _OUTSIDE_WEIGHT + (1 - _OUTSIDE_WEIGHT) * inside
    weights = on_embryo * (1 + (_STRING_WEIGHT - 1) * marked)
    pixels = (F.binary_cross_entropy_with_logits(strings, marked, reduction="none") * weights).mean()
    chances = strings.sigmoid()
    dice = 1 - (2 * (chances * marked).sum() + 1) / (chances.sum() + marked.sum() + 1)
    frames = F.binary_cross_entropy_with_logits(
        frame_logits(strings, inside > 0), marked.flatten(1).amax(dim=1)
    )
    loss = pixels + _DICE * dice + _FRAME * frames
    if any(known):
        rows = torch.tensor(known, device=logits.device)
        each = F.binary_cross_entropy_with_logits(others[rows], places[rows], reduction="none")
        loss = loss + _PLACES * sum(known) / len(known) * (each * on_embryo[rows]).mean()
    return loss


def _validate(
    network: nn.Module, forward: Forward, validation: Validation, settings: Settings
) -> dict[str, float]:
    """AUROC of frames: strings against none, real and drawn ones; and average precision of drawn pixels."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    def judged(views: Sequence[Drawn]) -> tuple[list[float], list[NDArray[np.float32]]]:
        """Score of each view, and logits of strings on its embryo."""
        scores, maps = [], []
        for start in range(0, len(views), settings.batch_size):
            batch = views[start : start + settings.batch_size]
            with torch.inference_mode():
                logits = forward(network, _planes(batch)).cpu()[:, :1]
            inside = torch.from_numpy(np.stack([one.inside for one in batch]))[:, None, ::STRIDE, ::STRIDE]
            scores += frame_logits(logits, inside > 0).tolist()
            maps += [each[within > 0].numpy() for each, within in zip(logits, inside, strict=True)]
        return scores, maps

    figures: dict[str, float] = {}
    if validation.strings and validation.plain:
        scores, _ = judged([*validation.strings, *validation.plain])
        labels = [1] * len(validation.strings) + [0] * len(validation.plain)
        figures["val_auroc"] = float(roc_auc_score(labels, scores))
    for views, names in (
        (validation.drawn, ("val_drawn_auroc", "val_pixel_ap")),
        (validation.scenes, ("val_scene_auroc", "val_scene_pixel_ap")),
    ):
        labels = [int(one.mask.any()) for one in views]
        if len(set(labels)) == 2:
            scores, maps = judged(views)
            truth = [one.mask[::STRIDE, ::STRIDE][one.inside[::STRIDE, ::STRIDE] > 0] for one in views]
            values = (
                roc_auc_score(labels, scores),
                average_precision_score(np.concatenate(truth), np.concatenate(maps)),
            )
            figures |= {name: float(value) for name, value in zip(names, values, strict=True)}
    return figures

"""Fitting the network on drawn strings, and validating it on strings drawn into held-out frames."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from cs_framework import Env, Frame, History, cavity
from cs_implant_net.drawing import Drawn, What, as_frame, draw, vary
from cs_implant_net.network import STRIDE, MarkNet
from cs_implant_net.scoring import frame_logits
from cs_implant_net.settings import Settings
from cs_implant_net.views import View

_STRING_WEIGHT = 4.0
"""Of a marked pixel against another: a string covers about a hundredth of the embryo."""
_OUTSIDE_WEIGHT = 0.3
_DICE = 0.12
"""Weight of the overlap against the cross-entropy of pixels."""
_WARM_UP = 0.05
_SHOWN = 3
"""How often a drawing is shown, each time varied, before new ones are made: drawing costs time, too."""
_BOLD = 3.0
"""Factor of the contrast of drawings at first, falling to 1 half-way: faint lines teach a novice little."""

_KINDS: tuple[What, ...] = ("strings", "look-alikes", "nothing")
_SHARES = (0.55, 0.25, 0.20)

Forward = Callable[[MarkNet, Tensor], Tensor]


@frozen(eq=False)
class Canvas:
    """Views to draw into: frames without strings, and where their embryos are."""

    frames: tuple[Frame, ...]
    insides: tuple[NDArray[np.bool_], ...]
    clear: tuple[int, ...]
    """Rows of those that strings are drawn into. Look-alikes are drawn into any."""

    @classmethod
    def of(cls, views: Sequence[View], clear: float) -> Canvas:
        """Keep what drawing needs of some views; `clear` is the share of them that strings fit into."""
        frames = tuple(as_frame(view, str(number)) for number, view in enumerate(views))
        order = np.argsort([-cavity(frame) for frame in frames], kind="stable")
        chosen = order[: max(1, round(clear * len(frames)))]
        return cls(frames, tuple(view.inside for view in views), tuple(sorted(chosen.tolist())))

    def __len__(self) -> int:
        return len(self.frames)

    def draw_any(self, rng: np.random.Generator, boldness: float) -> Drawn:
        """Draw into a view of those that fit, or leave it as it is."""
        what = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
        row = self.clear[rng.integers(len(self.clear))] if what == "strings" else rng.integers(len(self))
        return self.draw(int(row), rng, what, boldness)

    def draw(self, row: int, rng: np.random.Generator, what: What, boldness: float = 1.0) -> Drawn:
        """Draw into a view; see `cs_implant_net.drawing.draw`."""
        return draw(self.frames[row], self.insides[row], rng, what, boldness)


def learn(
    network: MarkNet, forward: Forward, canvas: Canvas, held_out: Canvas, settings: Settings, env: Env
) -> History:
    """Fit the network in place and keep the weights of the epoch that tells drawn strings apart best.

    Args:
        network: on its device.
        forward: logits (N, 1, H, W) on that device of planes (N, S, S).
        canvas: what to draw into; at least one view.
        held_out: views that validation draws into; may be empty.
        settings: how long and how fast.
        env: seed and progress.
    """
    rng = np.random.default_rng([env.seed, 0])
    validation = _validation_set(held_out, env)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    steps_per_epoch = math.ceil(settings.views / settings.batch_size)
    drawings = math.ceil(settings.views / _SHOWN)
    total = settings.epochs * steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=total + 1, pct_start=_WARM_UP, cycle_momentum=False
    )
    history, best, kept = History(), -math.inf, copy.deepcopy(network.state_dict())
    for epoch in range(1, settings.epochs + 1):
        losses = []
        name = f"implant-net: epoch {epoch} of {settings.epochs}"
        boldness = 1 + (_BOLD - 1) * max(0.0, 1 - 2 * (epoch - 1) / settings.epochs)
        pool = [canvas.draw_any(rng, boldness) for _ in range(drawings)]
        for _ in env.track(range(steps_per_epoch), name, steps_per_epoch):
            drawn = [vary(pool[row], rng) for row in rng.integers(len(pool), size=settings.batch_size)]
            optimizer.zero_grad()
            loss = _loss(forward(network, _planes(drawn)), drawn)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        figures = {"train_loss": float(np.mean(losses)), **_validate(network, forward, validation, settings)}
        history.rows.append({"epoch": epoch, **figures})
        figure = figures.get("val_auroc", epoch)  # without validation the last epoch is kept
        if figure >= best:
            best, history.best_epoch, kept = figure, epoch, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return history


def _planes(drawn: Sequence[Drawn]) -> Tensor:
    return torch.from_numpy(np.stack([one.plane for one in drawn]))


def _loss(logits: Tensor, drawn: Sequence[Drawn]) -> Tensor:
    """Cross-entropy of pixels, strings and the embryo weighing more, and overlap (Dice) of the map."""
    marked, inside = (
        F.max_pool2d(torch.from_numpy(np.stack(maps))[:, None].float(), STRIDE).to(logits.device)
        for maps in ([one.mask for one in drawn], [one.inside for one in drawn])
    )
    weights = (_OUTSIDE_WEIGHT + (1 - _OUTSIDE_WEIGHT) * inside) * (1 + (_STRING_WEIGHT - 1) * marked)
    pixels = (F.binary_cross_entropy_with_logits(logits, marked, reduction="none") * weights).mean()
    chances = logits.sigmoid()
    dice = 1 - (2 * (chances * marked).sum() + 1) / (chances.sum() + marked.sum() + 1)
    return pixels + _DICE * dice


def _validation_set(held_out: Canvas, env: Env) -> list[Drawn]:
    """Clear held-out views with strings, all of them with look-alikes only; the same drawings each time."""
    rng = np.random.default_rng([env.seed, 1])
    wanted: list[tuple[int, What]] = [(row, "strings") for row in held_out.clear]
    wanted += [(row, "look-alikes") for row in range(len(held_out))]
    tracked = env.track(wanted, "implant-net: drawing for validation", len(wanted))
    return [held_out.draw(row, rng, what) for row, what in tracked]


def _validate(
    network: MarkNet, forward: Forward, validation: Sequence[Drawn], settings: Settings
) -> dict[str, float]:
    """AUROC of frames and average precision of pixels, strings against look-alikes."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if not validation:
        return {}
    scores, chances, truth = [], [], []
    for start in range(0, len(validation), settings.batch_size):
        batch = validation[start : start + settings.batch_size]
        with torch.inference_mode():
            logits = forward(network, _planes(batch)).cpu()
        inside = torch.from_numpy(np.stack([one.inside for one in batch]))[:, None, ::STRIDE, ::STRIDE] > 0
        scores += frame_logits(logits, inside).tolist()
        chances.append(logits[inside].numpy())
        truth.append(np.stack([one.mask for one in batch])[:, None, ::STRIDE, ::STRIDE][inside.numpy()])
    labels = [int(one.mask.any()) for one in validation]
    if len(set(labels)) < 2:
        return {}
    return {
        "val_auroc": float(roc_auc_score(labels, scores)),
        "val_pixel_ap": float(average_precision_score(np.concatenate(truth), np.concatenate(chances))),
    }

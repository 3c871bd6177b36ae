"""Fitting the network on drawn strings, and validating it on held-out frames with drawn and real ones."""

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
from torch.optim.swa_utils import AveragedModel

from cs_framework import Env, Frame, History, cavity
from cs_implant_net.drawing import Drawn, What, as_frame, draw, undrawn, vary
from cs_implant_net.network import STRIDE, MarkNet, exact_convolutions
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
"""Largest factor of the contrast of a drawing; the smallest is 1. Who learns from the faintest strings alone
takes texture for strings, while real ones were seen by those who marked them."""

_AVERAGED = 0.2
"""Of all steps, the last that weights are averaged over: the average depends less on the latest drawings
(Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018)."""
_ENOUGH = 20
"""Real string frames in validation that choose the epoch, at least; fewer say less than drawn ones do."""
_KEPT = {
    "val_auroc": "epoch with the best AUROC of validation frames",
    "val_drawn_auroc": "epoch with the best AUROC of strings drawn into held-out frames",
}
_LAST = "last epoch: no frame could be held out"

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

    def draw_any(self, rng: np.random.Generator) -> Drawn:
        """Draw into a view of those that fit, or leave it as it is."""
        what = _KINDS[rng.choice(len(_KINDS), p=_SHARES)]
        row = self.clear[rng.integers(len(self.clear))] if what == "strings" else rng.integers(len(self))
        return self.draw(int(row), rng, what, rng.uniform(1, _BOLD))

    def draw(self, row: int, rng: np.random.Generator, what: What, boldness: float = 1.0) -> Drawn:
        """Draw into a view; see `cs_implant_net.drawing.draw`."""
        return draw(self.frames[row], self.insides[row], rng, what, boldness)


@frozen(eq=False)
class Validation:
    """What each epoch is judged by; none of it is learnt from."""

    drawn: tuple[Drawn, ...]
    """Clear held-out views with strings, all of them with look-alikes only; the same drawings each time."""
    plain: tuple[Drawn, ...]
    """The held-out views as they are."""
    strings: tuple[Drawn, ...]
    """Views of frames that show strings."""

    @classmethod
    def of(cls, held_out: Canvas, strings: Sequence[View], env: Env) -> Validation:
        """Draw into held-out views, which may be none; `strings` are views of frames labelled abnormal."""
        rng = np.random.default_rng([env.seed, 1])
        wanted: list[tuple[int, What]] = [(row, "strings") for row in held_out.clear]
        wanted += [(row, "look-alikes") for row in range(len(held_out))]
        tracked = env.track(wanted, "implant-net: drawing for validation", len(wanted))
        return cls(
            drawn=tuple(held_out.draw(row, rng, what) for row, what in tracked),
            plain=tuple(held_out.draw(row, rng, "nothing") for row in range(len(held_out))),
            strings=tuple(undrawn(view.plane, view.inside) for view in strings),
        )

    @property
    def chosen_by(self) -> str:
        """The figure that chooses the epoch."""
        return "val_auroc" if self.plain and len(self.strings) >= _ENOUGH else "val_drawn_auroc"


def learn(
    network: MarkNet, forward: Forward, canvas: Canvas, validation: Validation, settings: Settings, env: Env
) -> History:
    """Fit the network in place; its weights become the average up to the epoch that validates best.

    Args:
        network: on its device.
        forward: logits (N, 1, H, W) on that device of planes (N, S, S).
        canvas: what to draw into; at least one view.
        validation: what chooses the epoch; the last one is kept where it is empty.
        settings: how long and how fast.
        env: seed and progress.
    """
    rng = np.random.default_rng([env.seed, 0])
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=1e-2)
    steps_per_epoch = math.ceil(settings.views / settings.batch_size)
    drawings = math.ceil(settings.views / _SHOWN)
    total = settings.epochs * steps_per_epoch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        settings.learning_rate,
        total_steps=total + 1,
        pct_start=max(_WARM_UP, 2 / (total + 1)),  # a warm-up of one step at least, or it divides by 0
        cycle_momentum=False,
    )
    span = max(1, round(_AVERAGED * total))
    averaged = AveragedModel(network, avg_fn=lambda mean, new, n: mean + (new - mean) / min(n + 1, span))
    history, best, kept = History(), -math.inf, copy.deepcopy(network.state_dict())
    for epoch in range(1, settings.epochs + 1):
        losses = []
        name = f"implant-net: epoch {epoch} of {settings.epochs}"
        pool = [canvas.draw_any(rng) for _ in range(drawings)]
        for _ in env.track(range(steps_per_epoch), name, steps_per_epoch):
            drawn = [vary(pool[row], rng) for row in rng.integers(len(pool), size=settings.batch_size)]
            optimizer.zero_grad()
            with exact_convolutions():
                loss = _loss(forward(network, _planes(drawn)), drawn)
                loss.backward()
            optimizer.step()
            schedule.step()
            averaged.update_parameters(network)
            losses.append(float(loss.detach()))
        figures = _validate(averaged.module, forward, validation, settings)
        history.rows.append({"epoch": epoch, "train_loss": float(np.mean(losses)), **figures})
        figure = figures.get(validation.chosen_by, epoch)  # without validation the last epoch is kept
        if figure >= best:
            best, history.best_epoch, kept = figure, epoch, copy.deepcopy(averaged.module.state_dict())
    network.load_state_dict(kept)
    chosen = validation.chosen_by in history.rows[-1]
    history.notes.append(f"kept the {_KEPT[validation.chosen_by] if chosen else _LAST}")
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


def _validate(
    network: MarkNet, forward: Forward, validation: Validation, settings: Settings
) -> dict[str, float]:
    """AUROC of frames: strings against none, real and drawn ones; and average precision of drawn pixels."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    def judged(views: Sequence[Drawn]) -> tuple[list[float], list[NDArray[np.float32]]]:
        """Score of each view, and logits on its embryo."""
        scores, maps = [], []
        for start in range(0, len(views), settings.batch_size):
            batch = views[start : start + settings.batch_size]
            with torch.inference_mode():
                logits = forward(network, _planes(batch)).cpu()
            inside = torch.from_numpy(np.stack([one.inside for one in batch]))[:, None, ::STRIDE, ::STRIDE]
            scores += frame_logits(logits, inside > 0).tolist()
            maps += [each[within > 0].numpy() for each, within in zip(logits, inside, strict=True)]
        return scores, maps

    figures: dict[str, float] = {}
    if validation.strings and validation.plain:
        scores, _ = judged([*validation.strings, *validation.plain])
        labels = [1] * len(validation.strings) + [0] * len(validation.plain)
        figures["val_auroc"] = float(roc_auc_score(labels, scores))
    labels = [int(one.mask.any()) for one in validation.drawn]
    if len(set(labels)) == 2:
        scores, maps = judged(validation.drawn)
        truth = [one.mask[::STRIDE, ::STRIDE][one.inside[::STRIDE, ::STRIDE] > 0] for one in validation.drawn]
        figures["val_drawn_auroc"] = float(roc_auc_score(labels, scores))
        figures["val_pixel_ap"] = float(average_precision_score(np.concatenate(truth), np.concatenate(maps)))
    return figures

"""The filter ``implant-net``: does a network that has learnt to mark drawn strings mark something here?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cs_framework import DataError, Env, Explanation, Frame, History, SetupError, Window, Windows
from cs_implant_net.learning import Canvas, Validation, learn
from cs_implant_net.network import STRIDE, MarkNet, exact_convolutions, normalise, seeded_network
from cs_implant_net.scoring import frame_logits
from cs_implant_net.settings import Settings
from cs_implant_net.views import View

_WEIGHTS = "implant_net.safetensors"
_META = "implant_net.json"
_HELD_OUT = 5
"""One in so many sequences (of a single one: frames) is held out where validation has no normal frames."""
_AT_ONCE = 4  # views; a CPU is faster at few, in memory that it has at hand
_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@frozen(eq=False)
class Marks:
    """What the network marks in a frame."""

    view: View
    logits: NDArray[np.float32]
    """(S / 2, S / 2) that a string runs there."""

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(S / 2, S / 2) the embryo."""
        return self.view.inside[::STRIDE, ::STRIDE]

    @property
    def chances(self) -> NDArray[np.float32]:
        """(S / 2, S / 2) from 0 to 1, and 0 off the embryo."""
        return np.where(self.inside, 1 / (1 + np.exp(-self.logits)), 0).astype(np.float32)

    def to_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of the map, in pixels of the frame; they may reach over its border."""
        scale = self.view.side / len(self.logits)
        return (boxes * scale + np.tile(self.view.corner, 2)).astype(np.float32)

    def from_frame(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) of the frame, in pixels of the map."""
        scale = self.view.side / len(self.logits)
        return ((boxes - np.tile(self.view.corner, 2)) / scale).astype(np.float32)

    @property
    def area_of_pixel(self) -> float:
        """Of the map, in square pixels of the frame."""
        return (self.view.side / len(self.logits)) ** 2


class ImplantNet:
    """A small U-Net, trained to mark strings that were drawn into string-free frames.

    No frame has to be annotated. Look-alikes, drawn in the same way, teach what is no string; the idea is
    that of CutPaste (Li et al., 2021) and DRAEM (Zavrtanik et al., 2021).

    Args:
        settings: see `Settings`.
        env: where the network runs.
    """

    def __init__(self, settings: Settings, env: Env) -> None:
        self._settings = settings
        self.context = settings.context
        self._device = torch.device(env.device)
        self._network: nn.Module | None = None
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """A hash of weights and settings that scores and maps depend on; "" before `fit` and `load`."""
        return self._fingerprint

    @property
    def network(self) -> nn.Module:
        """What was learnt; see `cs_framework.api.components.Exportable`."""
        return self._fitted()

    @network.setter
    def network(self, network: nn.Module) -> None:
        self._use(network)

    @property
    def network_input(self) -> tuple[int, ...]:
        """Shape of a normalised view."""
        return 2, self._settings.image_size, self._settings.image_size

    def fit(self, train: Windows, val: Windows, env: Env) -> History:
        """Learn to mark strings drawn into normal frames; keep the epoch that does best in held-out ones.

        Every frame is decoded once. Frames that are labelled abnormal are never learnt from; those of
        validation, if there are enough, choose the epoch, and strings drawn into held-out frames otherwise.
        Strings are drawn into those with the clearest cavities only: the texture of stages without one, where
        nobody would find a string, is learnt to be none.

        Args:
            train: frames to draw into.
            val: held-out frames to draw into, and frames with strings; where none is normal, sequences of
                `train` are held out.
            env: seed and progress.

        Returns:
            Per epoch the training loss; the AUROC of the score, ``val_auroc`` of frames with strings against
            those without, ``val_drawn_auroc`` of drawn strings against drawn look-alikes in held-out frames;
            and of these the average precision of the map's pixels.

        Raises:
            DataError: `train` holds no normal frame.
        """
        rows = _normal(train)
        if not rows:
            raise DataError("implant-net: there is no normal training frame; put some under train/normal")
        notes, held_out, source = [], _normal(val), val
        if not held_out:
            rows, held_out = _split([train.sequences[row] for row in rows], rows, env.seed)
            source = train
            notes.append("no normal validation frames: training frames were held out to draw strings into")
        settings = self._settings

        def views(windows: Windows, rows: Sequence[int], most: int, what: str) -> list[View]:
            rows = _spread(rows, most)
            tracked = env.track(rows, f"implant-net: {what} frames", len(rows))
            return [View.of(windows[row].frame, settings.image_size) for row in tracked]

        strings = np.flatnonzero(np.asarray(val.labels) == 1).tolist()
        canvas = Canvas.of(views(train, rows, settings.max_frames, "training"), settings.clear)
        validation = Validation.of(
            Canvas.of(views(source, held_out, settings.validation_frames, "validation"), settings.clear),
            views(val, strings, settings.validation_frames, "string"),
            env,
        )
        network = seeded_network(settings.width, env.seed).to(self._device, memory_format=torch.channels_last)
        history = learn(network, self._logits, canvas, validation, settings, env)
        history.notes += notes
        self._use(network)
        return history

    def score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """(N,) mean of the strongest logits on the embryo; see `frame_logits`.

        With `context` it is averaged over the window, the frame itself weighing most: strings stay for hours.
        """
        frames = {id(frame): frame for window in windows for frame in window.frames}
        logits = dict(zip(frames, map(_frame_logit, self._marks(list(frames.values()))), strict=True))
        weights = 1 + self.context - np.abs(np.arange(-self.context, self.context + 1))
        scores = [np.average([logits[id(f)] for f in window.frames], weights=weights) for window in windows]
        return np.array(scores, np.float32)

    def explain(self, window: Window) -> Explanation:
        """What the network marks, from 0 to 1, and the embryo where it counts."""
        (marks,) = self._marks([window.frame])
        return Explanation(marks.view.to_frame(marks.chances), np.array(window.frame.embryo.mask))

    def marks(self, frame: Frame) -> Marks:
        """The map of a frame, for the proposer."""
        return next(iter(self._marks([frame])))

    def save(self, folder: Path) -> None:
        """Write ``implant_net.safetensors`` and ``implant_net.json`` into a folder, made if need be."""
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
            with torch.device("meta"):  # no memory is taken but that of the weights, whatever is claimed
                network = MarkNet(self._settings.width)
            network.load_state_dict(load_file(folder / _WEIGHTS), assign=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise SetupError(f"{folder} holds no readable implant-net, train it again: {error}") from error
        self._use(network.float())

    def _meta(self) -> dict[str, Any]:
        """What has to be the same for saved weights to mean the same."""
        return {"format": 2, "image_size": self._settings.image_size, "width": self._settings.width}

    def _use(self, network: nn.Module) -> None:
        self._network = network.to(self._device, memory_format=torch.channels_last).eval()
        told = hashlib.blake2b(json.dumps([self._meta(), self._settings.flips]).encode(), digest_size=16)
        for key, value in network.state_dict().items():
            told.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
        self._fingerprint = told.hexdigest()

    def _fitted(self) -> nn.Module:
        if self._network is None:
            raise SetupError("implant-net: there are no weights yet, call fit or load first")
        return self._network

    def _marks(self, frames: Sequence[Frame]) -> Iterable[Marks]:
        network = self._fitted()
        for start in range(0, len(frames), _AT_ONCE):
            views = [View.of(frame, self._settings.image_size) for frame in frames[start : start + _AT_ONCE]]
            planes = torch.from_numpy(np.stack([view.plane for view in views]))
            with torch.inference_mode():
                maps = [
                    self._logits(network, planes.flip(axes)).flip(axes)
                    if axes
                    else self._logits(network, planes)
                    for axes in (_FLIPS if self._settings.flips else _FLIPS[:1])
                ]
                logits = torch.stack(maps).mean(dim=0)
            for view, one in zip(views, logits[:, 0].numpy(force=True), strict=True):
                yield Marks(view, one)

    def _logits(self, network: nn.Module, planes: Tensor) -> Tensor:
        """Logits (N, 1, S / 2, S / 2) of uint8 planes (N, S, S)."""
        seen = normalise(planes.to(self._device)[:, None].float())
        with exact_convolutions():
            return network(seen.contiguous(memory_format=torch.channels_last))


def _frame_logit(marks: Marks) -> float:
    inside = torch.from_numpy(np.ascontiguousarray(marks.inside))
    return float(frame_logits(torch.from_numpy(marks.logits)[None, None], inside[None, None]))


def _normal(windows: Windows) -> list[int]:
    return np.flatnonzero(np.asarray(windows.labels) == 0).tolist()


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """At most so many of the rows, evenly spread."""
    if len(rows) <= most:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, most).round().astype(int)]


def _split(sequences: Sequence[str], rows: Sequence[int], seed: int) -> tuple[list[int], list[int]]:
    """Rows to learn from and rows held out: whole sequences, or the last frames of the only one."""
    names = sorted(set(sequences))
    if len(names) == 1:
        kept = len(rows) - len(rows) // _HELD_OUT
        return list(rows[:kept]), list(rows[kept:])
    count = max(1, len(names) // _HELD_OUT)
    chosen = {names[at] for at in np.random.default_rng([seed, 2]).permutation(len(names))[:count]}
    kept_rows = [row for row, name in zip(rows, sequences, strict=True) if name not in chosen]
    return kept_rows, [row for row, name in zip(rows, sequences, strict=True) if name in chosen]

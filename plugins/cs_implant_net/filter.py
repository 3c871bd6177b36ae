"""The filter ``implant-net``: does a network that has learnt to mark drawn strings mark something here?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import torch
from attrs import evolve, frozen
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cs_framework import (
    DataError,
    Env,
    Explanation,
    Frame,
    History,
    SetupError,
    Window,
    Windows,
    starting_weights,
)
from cs_implant_net.learning import learn
from cs_implant_net.material import Canvas, Material, Validation
from cs_implant_net.network import (
    CHANNELS,
    MAPS,
    STRIDE,
    MarkNet,
    exact_convolutions,
    normalise,
    seeded_network,
)
from cs_implant_net.scoring import frame_logits
from cs_implant_net.settings import Settings
from cs_implant_net.views import View

_WEIGHTS = "implant_net.safetensors"
_META = "implant_net.json"
_FORMAT = 3
_ROUNDS = 3
"""Times that validation is asked while the network adapts to an input."""
_HELD_OUT = 5
"""One in so many sequences (of a single one: frames) is held out where validation has no normal frames."""
_FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@frozen(eq=False)
class Marks:
    """What the network marks in a frame."""

    view: View
    maps: NDArray[np.float32]
    """(3, S / 2, S / 2) logits of `cs_implant_net.network.MAPS`."""

    @property
    def logits(self) -> NDArray[np.float32]:
        """(S / 2, S / 2) that a string runs there."""
        return self.maps[0]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(S / 2, S / 2) the embryo."""
        return self.view.inside[::STRIDE, ::STRIDE]

    @property
    def chances(self) -> NDArray[np.float32]:
        """(S / 2, S / 2) from 0 to 1, and 0 off the embryo."""
        return self._chances(0)

    @property
    def cavity(self) -> NDArray[np.float32]:
        """(S / 2, S / 2) chances, from 0 to 1, that the cavity is seen there; 0 off the embryo."""
        return self._chances(MAPS.index("cavity"))

    @property
    def mass(self) -> NDArray[np.float32]:
        """(S / 2, S / 2) chances, from 0 to 1, that it is the inner cell mass; 0 off the embryo."""
        return self._chances(MAPS.index("mass"))

    def _chances(self, number: int) -> NDArray[np.float32]:
        return np.where(self.inside, 1 / (1 + np.exp(-self.maps[number])), 0).astype(np.float32)

    def share(self, chances: NDArray[np.float32]) -> float:
        """Of the embryo's area that a map covers."""
        return float(chances.sum() / max(int(self.inside.sum()), 1))

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
        self._seen: WeakKeyDictionary[Frame, Marks] = WeakKeyDictionary()

    @property
    def fingerprint(self) -> str:
        """A hash of weights and settings that scores and maps depend on; "" before there are weights."""
        self._start()
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
        return CHANNELS, self._settings.image_size, self._settings.image_size

    def fit(self, train: Windows, val: Windows, env: Env) -> History:
        """Learn to mark strings drawn into normal frames; keep the epoch that does best in held-out ones.

        Every frame is decoded once. Frames that are labelled abnormal are never learnt from; those of
        validation, if there are enough, choose the epoch, and strings drawn into held-out frames otherwise.
        Strings are drawn into frames with a cavity only: the texture of stages without one, where nobody
        would find a string, is learnt to be none. Where `drawn` is 1, frames are validated on at most.

        Args:
            train: frames to draw into.
            val: held-out frames to draw into, and frames with strings; where none is normal, sequences of
                `train` are held out.
            env: seed, progress, and where the weights of each epoch go.

        Returns:
            Per epoch the training loss; the AUROC of the score, ``val_auroc`` of frames with strings against
            those without, ``val_drawn_auroc`` of drawn strings against drawn look-alikes in held-out frames,
            ``val_scene_auroc`` of drawn embryos with strings against the same without; and of the last two
            the average precision of the map's pixels. With `weights`, epoch 0 is what those reach.

        Raises:
            DataError: `train` holds no normal frame, and not all is drawn.
            SetupError: the weights to start from are those of another network.
        """
        self._network, self._fingerprint = None, ""  # only `weights` are learnt on from
        return self._fit(train, val, env, self._settings)

    def adapt(self, train: Windows, val: Windows, env: Env, views: int) -> History:
        """Learn on from frames of an input, half of the views being drawn embryos; see `fit`.

        Strings drawn into `val` tell whether any of `_ROUNDS` rounds does better than what was learnt before.

        Raises:
            DataError: no cavity is seen in any frame of `train`, or of `val`.
        """
        each = max(views // _ROUNDS, self._settings.batch_size)
        settings = evolve(self._settings, drawn=0.5, epochs=_ROUNDS, views=each)
        return self._fit(train, val, env, settings, adapting=True)

    def _fit(
        self, train: Windows, val: Windows, env: Env, settings: Settings, *, adapting: bool = False
    ) -> History:
        rows = _normal(train)
        if settings.drawn == 1:
            rows = []
        elif not rows:
            raise DataError("implant-net: there is no normal training frame; put some under train/normal")
        notes, held_out, source = [], _normal(val), val
        if rows and not held_out:
            rows, held_out = _split([train.sequences[row] for row in rows], rows, env.seed)
            source = train
            notes.append("no normal validation frames: training frames were held out to draw strings into")
        self._start()
        given = self._network

        def canvas(windows: Windows, rows: Sequence[int], most: int, what: str) -> Canvas:
            views = self._views(windows, _spread(rows, most), f"{what} frames", env)
            seen = None if given is None else [self._cavity(view) for view in views]
            return Canvas.of(views, settings.clear, seen)

        strings = _spread(np.flatnonzero(np.asarray(val.labels) == 1).tolist(), settings.validation_frames)
        material = Material(
            canvas(train, rows, settings.max_frames, "training"), settings.drawn, settings.image_size
        )
        validation = Validation.of(
            canvas(source, held_out, settings.validation_frames, "validation"),
            self._views(val, strings, "string frames", env),
            settings.drawn,
            settings.image_size,
            env,
        )
        if adapting and not (material.canvas.clear and any(one.mask.any() for one in validation.drawn)):
            raise DataError("no frame shows a cavity that strings could be drawn into")
        network = seeded_network(settings.width, env.seed)
        if given is not None:
            network.load_state_dict(given.state_dict())
        network.to(self._device).to(memory_format=torch.channels_last)
        history = learn(
            network,
            self._logits,
            material,
            validation,
            settings,
            env,
            lambda reached: self._keep(reached, env),
            given=given is not None,
        )
        history.notes += notes
        self._use(network)
        return history

    def _views(self, windows: Windows, rows: Sequence[int], what: str, env: Env) -> list[View]:
        tracked = env.track(rows, f"implant-net: {what}", len(rows))
        return [View.of(windows[row].frame, self._settings.image_size) for row in tracked]

    def _cavity(self, view: View) -> NDArray[np.bool_]:
        """(S, S) where the cavity of a view is seen."""
        chances = cv2.resize(self._mark(view).cavity, view.plane.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(chances > 0.5)

    def _keep(self, network: nn.Module, env: Env) -> None:
        """Write what an epoch has reached, so that a fit that is stopped was not in vain."""
        if env.checkpoints is not None:
            self._write(network, env.checkpoints)

    def score(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """(N,) mean of the strongest logits on the embryo; see `frame_logits`.

        With `context` it is averaged over the window, the frame itself weighing most: strings stay for hours.
        """
        frames = {id(frame): frame for window in windows for frame in window.frames}
        logits = {key: _frame_logit(self.marks(frame)) for key, frame in frames.items()}
        weights = 1 + self.context - np.abs(np.arange(-self.context, self.context + 1))
        scores = [np.average([logits[id(f)] for f in window.frames], weights=weights) for window in windows]
        return np.array(scores, np.float32)

    def observe(self, windows: Sequence[Window]) -> dict[str, NDArray[np.float32]]:
        """What else the network sees of each frame, (N,) each, as shares of the embryo's area.

        ``cavity_area`` and ``mass_area``: of the cavity and the inner cell mass; ``string_area``: of strings.
        """
        seen = [self.marks(window.frame) for window in windows]
        return {
            f"{name}_area": np.array([marks.share(getattr(marks, of)) for marks in seen], np.float32)
            for name, of in (("cavity", "cavity"), ("mass", "mass"), ("string", "chances"))
        }

    def explain(self, window: Window) -> Explanation:
        """What the network marks, from 0 to 1, and the embryo where it counts."""
        marks = self.marks(window.frame)
        return Explanation(marks.view.to_frame(marks.chances), np.array(window.frame.embryo.mask))

    def marks(self, frame: Frame) -> Marks:
        """The maps of a frame, for the proposer and the embedder as well; computed once."""
        if frame not in self._seen:
            self._seen[frame] = self._mark(View.of(frame, self._settings.image_size))
        return self._seen[frame]

    def save(self, folder: Path) -> None:
        """Write ``implant_net.safetensors`` and ``implant_net.json`` into a folder, made if need be."""
        self._write(self._fitted(), folder)

    def _write(self, network: nn.Module, folder: Path) -> None:
        weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
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
            if isinstance(meta, dict) and meta.get("format") != _FORMAT:
                raise SetupError(
                    f"{folder / _META} was written by a version of implant-net that had another network "
                    f"(format {meta.get('format')}, now {_FORMAT}): train again, or take the bundle that "
                    'comes along (model.bundle = "pretrained")'
                )
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
        return {"format": _FORMAT, "image_size": self._settings.image_size, "width": self._settings.width}

    def _use(self, network: nn.Module) -> None:
        self._network = network.to(self._device).to(memory_format=torch.channels_last).eval()
        self._seen.clear()
        told = hashlib.blake2b(json.dumps([self._meta(), self._settings.flips]).encode(), digest_size=16)
        for key, value in network.state_dict().items():
            told.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
        self._fingerprint = told.hexdigest()

    def _start(self) -> None:
        """Read the weights that the settings start from, where nothing has been learnt or read yet."""
        if self._network is not None:
            return
        folder = starting_weights(self._settings.weights, "anomaly_filter", component="implant-net")
        if folder is not None:
            self.load(folder)

    def _fitted(self) -> nn.Module:
        self._start()
        if self._network is None:
            raise SetupError("implant-net: there are no weights yet, call fit or load first")
        return self._network

    def _mark(self, view: View) -> Marks:
        """One view at a time: the maps of a frame then never depend on what else is looked at."""
        network = self._fitted()
        with torch.inference_mode():
            maps = [
                self._logits(network, np.ascontiguousarray(np.flip(view.plane, axes))[None]).flip(axes)
                if axes
                else self._logits(network, view.plane[None])
                for axes in (_FLIPS if self._settings.flips else _FLIPS[:1])
            ]
            logits = torch.stack(maps).mean(dim=0)
        return Marks(view, logits[0].numpy(force=True))

    def _logits(self, network: nn.Module, planes: NDArray[np.uint8]) -> Tensor:
        """Logits (N, 3, S / 2, S / 2) of planes (N, S, S)."""
        seen = torch.from_numpy(normalise(planes)).to(self._device)
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

"""The components ``dual-head-mlp`` and ``refining-mlp``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from cs_dual_head.edges import shifted
from cs_dual_head.network import Answers, DualHead, predict
from cs_dual_head.settings import DualHeadSettings
from cs_framework import (
    DataError,
    Env,
    History,
    Regions,
    RegionScores,
    RegionTable,
    SetupError,
    load_learnt,
    save_learnt,
)


class DualHeadScorer:
    """Scores regions by ``probability^a * quality^b``; the product of the two as published.

    Takes embeddings of any length; the length is fixed by `fit`.
    """

    name: ClassVar[str] = "dual-head-mlp"
    """Of the component, in messages, and of its files."""
    _refines: ClassVar[bool] = False

    def __init__(self, settings: DualHeadSettings, env: Env) -> None:
        self._settings = settings
        self._device = torch.device(env.device)
        self.network: nn.Module | None = None
        """What was learnt; see `cs_framework.api.components.Exportable`."""
        self._dim = 0

    @property
    def network_input(self) -> tuple[int, ...]:
        """Shape of an embedding."""
        return (self._dim,)

    def fit(self, table: RegionTable, val: RegionTable | None, env: Env) -> History:
        """Learn from rows labelled 1 and 0, with the classes balanced anew in each epoch.

        Raises:
            DataError: the table holds no string, or no background.
        """
        from cs_dual_head.training import train

        seed = env.seed if self._settings.seed is None else self._settings.seed
        with _seeded(seed, self._device):
            network = self._build(table.embeddings.shape[1]).to(self._device)
            history = train(network, table, val, settings=self._settings, seed=seed, env=env, name=self.name)
        self.network, self._dim = network, network.dim
        return history

    def score(self, regions: Regions) -> RegionScores:
        """Probability, quality and confidence of each region, all float32 in [0, 1].

        Raises:
            DataError: the embeddings have another length than those of training.
        """
        network = self._trained()
        if regions.embeddings.shape[1] != self._dim:
            raise DataError(
                f"{self.name} was trained on embeddings of length {self._dim}, "
                f"not {regions.embeddings.shape[1]}: use the embedder that it was trained with."
            )
        return self._combine(predict(network, regions.embeddings), regions)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors and the units of the hidden layers as JSON."""
        save_learnt(folder, self.name, self._trained().state_dict(), {"hidden": list(self._settings.hidden)})

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            SetupError: a file is missing or damaged, or the network has another shape than the settings
                ask for.
        """
        weights = load_learnt(folder, self.name, {"hidden": list(self._settings.hidden)})
        try:
            dim = len(weights["norm.weight"])
            with torch.device("meta"):  # no memory is taken but that of the weights
                network = self._build(dim)
            network.load_state_dict(weights, assign=True)
        except (LookupError, TypeError, RuntimeError) as error:
            raise SetupError(f"the weights of {self.name} in {folder} do not fit: {error}") from error
        self.network, self._dim = network.to(self._device, torch.float32), dim

    def _combine(self, answers: Answers, regions: Regions) -> RegionScores:
        probability, quality = torch.sigmoid(answers.logits), answers.ious.clamp(0, 1)
        confidence = (
            probability**self._settings.probability_exponent * quality**self._settings.quality_exponent
        )
        boxes = shifted(torch.tensor(regions.boxes), answers.shifts).numpy() if self._refines else None
        return RegionScores(probability.numpy(), quality.numpy(), confidence.numpy(), boxes)

    def _build(self, dim: int) -> DualHead:
        return DualHead(dim, self._settings.hidden, self._settings.dropout, self._refines)

    def _trained(self) -> nn.Module:
        if self.network is None:
            raise SetupError(f"{self.name} has learnt nothing yet: run the step train, or name a bundle.")
        return self.network


class RefiningScorer(DualHeadScorer):
    """A dual head that also moves the edges of boxes to where it takes the string to end.

    Quality is that of the refined box, since that is the box which is ranked and reported.
    """

    name = "refining-mlp"
    _refines = True


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which initialisation and dropout use, and put them back after."""
    on_cpu = device.type == "cpu"
    with torch.random.fork_rng([] if on_cpu else [device], device_type="cuda" if on_cpu else device.type):
        # Not torch.manual_seed, which reaches into the generators of devices that are not in use.
        torch.default_generator.manual_seed(seed)
        if not on_cpu:
            getattr(torch, device.type).manual_seed(seed)
        yield

"""A network that learns to mark strings drawn into string-free frames: a filter, and a proposer of boxes."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import AnomalyFilterSpec, ProposerSpec, hookimpl

_NEEDS = ("cv2", "safetensors", "sklearn", "torch")
_BOUND = (
    "one-item",
    "output-contract",
    "repeatable",
    "seed-deterministic",
    "global-state",
    "inputs-unchanged",
    "spawned-worker",
)


@hookimpl
def cs_anomaly_filters() -> Iterable[AnomalyFilterSpec]:
    """Announce the filter ``implant-net``."""
    yield AnomalyFilterSpec(
        name="implant-net",
        factory="cs_implant_net.filter:ImplantNet",
        settings="cs_implant_net.settings:Settings",
        summary="a small network that has learnt to mark strings drawn into string-free frames",
        needs=_NEEDS,
    )


@hookimpl
def cs_proposers() -> Iterable[ProposerSpec]:
    """Announce the proposer ``implant-net``, which works with the filter of the same name."""
    yield ProposerSpec(
        name="implant-net",
        factory="cs_implant_net.proposer:ImplantNetBoxes",
        settings="cs_implant_net.settings:BoxSettings",
        summary="boxes around what the filter implant-net marks",
        needs=_NEEDS,
        expected_failures=dict.fromkeys(_BOUND, "it proposes only when bound to the fitted filter"),
    )

"""A network that learns to mark drawn strings: a filter, a proposer of boxes, and an embedder of them."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import AnomalyFilterSpec, EmbedderSpec, ProposerSpec, hookimpl

_NEEDS = ("cv2", "safetensors", "sklearn", "torch")


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
        works_with="implant-net",
    )


@hookimpl
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce the embedder ``implant-net``, which works with the filter of the same name."""
    yield EmbedderSpec(
        name="implant-net",
        factory="cs_implant_net.embedder:ImplantNetRegions",
        settings="cs_implant_net.settings:EmbedderSettings",
        summary="what the filter implant-net marks in each box, in its cells and beside it",
        needs=_NEEDS,
        works_with="implant-net",
    )

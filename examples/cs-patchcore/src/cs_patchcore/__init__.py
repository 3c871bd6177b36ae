"""PatchCore for cytoplasmic-strings: the anomaly filter ``patchcore``."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import AnomalyFilterSpec, hookimpl


@hookimpl
def cs_anomaly_filters() -> Iterable[AnomalyFilterSpec]:
    """Announce ``patchcore``; nothing is imported until a run needs it."""
    yield AnomalyFilterSpec(
        name="patchcore",
        factory="cs_patchcore.filter:PatchCore",
        settings="cs_patchcore.settings:Settings",
        summary="how far the strangest patch of a frame is from patches of string-free frames",
        needs=("safetensors", "timm", "torch"),
    )

"""The published anomaly filter: a convolutional autoencoder fitted on string-free frames."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import AnomalyFilterSpec, hookimpl


@hookimpl
def cs_anomaly_filters() -> Iterable[AnomalyFilterSpec]:
    """Announce the component ``autoencoder``."""
    yield AnomalyFilterSpec(
        name="autoencoder",
        factory="cs_autoencoder.filter:Autoencoder",
        settings="cs_autoencoder.settings:Settings",
        summary="what a convolutional autoencoder of string-free frames fails to reconstruct",
        needs=("cv2", "safetensors", "sklearn", "torch"),
    )

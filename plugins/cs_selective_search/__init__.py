"""Selective Search: boxes around regions that grow by merging alike neighbours."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import ProposerSpec, hookimpl


@hookimpl
def cs_proposers() -> Iterable[ProposerSpec]:
    """Announce ``selective-search``."""
    yield ProposerSpec(
        name="selective-search",
        factory="cs_selective_search.proposer:SelectiveSearch",
        settings="cs_selective_search.settings:Settings",
        summary="Selective Search, reproducible: as published, or finer on the grey plane",
        needs=("cv2",),
    )

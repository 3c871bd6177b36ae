"""Proposers that look at shapes alone: a grid of anchors, and boxes around ridges."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import ProposerSpec, hookimpl


@hookimpl
def cs_proposers() -> Iterable[ProposerSpec]:
    """Announce ``anchor-grid`` and ``ridge``."""
    yield ProposerSpec(
        name="anchor-grid",
        factory="cs_proposers.anchor_grid:AnchorGrid",
        settings="cs_proposers.settings:AnchorGridSettings",
        summary="boxes of several sizes and shapes all over the embryo, whatever it shows",
    )
    yield ProposerSpec(
        name="ridge",
        factory="cs_proposers.ridge:Ridge",
        settings="cs_proposers.settings:RidgeSettings",
        summary="boxes around thin lines of several widths, bright or dark",
        needs=("cv2",),
    )

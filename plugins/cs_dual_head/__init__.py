"""A small network with two heads: does this box hold a string, and how well does it fit?"""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework import ScorerSpec, hookimpl


@hookimpl
def cs_scorers() -> Iterable[ScorerSpec]:
    """Announce ``dual-head-mlp`` and ``refining-mlp``."""
    yield ScorerSpec(
        name="dual-head-mlp",
        factory="cs_dual_head.scorer:DualHeadScorer",
        settings="cs_dual_head.settings:DualHeadSettings",
        summary="multilayer perceptron with a string head and a box quality head",
        needs=("torch", "sklearn", "safetensors"),
    )
    yield ScorerSpec(
        name="refining-mlp",
        factory="cs_dual_head.scorer:RefiningScorer",
        settings="cs_dual_head.settings:RefiningSettings",
        summary="the same with a third head, which moves the edges of boxes to where the string ends",
        needs=("torch", "sklearn", "safetensors"),
    )

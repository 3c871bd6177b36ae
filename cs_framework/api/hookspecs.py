"""The four hooks: a plugin implements those of the kinds it supplies."""

from __future__ import annotations

from collections.abc import Iterable

from cs_framework._markers import hookspec
from cs_framework.api.specs import AnomalyFilterSpec, EmbedderSpec, ProposerSpec, ScorerSpec


@hookspec
def cs_anomaly_filters() -> Iterable[AnomalyFilterSpec]:
    """Announce anomaly filters: components that say how unusual a frame is.

    The component follows [AnomalyFilter][cs_framework.api.components.AnomalyFilter].

    Example:
        >>> from cs_framework import AnomalyFilterSpec, hookimpl
        >>> @hookimpl
        ... def cs_anomaly_filters():
        ...     yield AnomalyFilterSpec(
        ...         name="brightness",
        ...         factory="my_plugin.filter:BrightnessFilter",
        ...         settings="my_plugin.settings:BrightnessSettings",
        ...         summary="mean grey level",
        ...     )
        >>> [record.name for record in cs_anomaly_filters()]
        ['brightness']
    """
    raise AssertionError("a specification, never called")


@hookspec
def cs_proposers() -> Iterable[ProposerSpec]:
    """Announce proposers: components that say which boxes of a frame are worth scoring.

    The component follows [Proposer][cs_framework.api.components.Proposer].

    Example:
        >>> from cs_framework import ProposerSpec, hookimpl
        >>> @hookimpl
        ... def cs_proposers():
        ...     yield ProposerSpec(
        ...         name="grid",
        ...         factory="my_plugin.grid:Grid",
        ...         settings="my_plugin.settings:GridSettings",
        ...         summary="a regular grid of boxes",
        ...     )
        >>> [record.name for record in cs_proposers()]
        ['grid']
    """
    raise AssertionError("a specification, never called")


@hookspec
def cs_embedders() -> Iterable[EmbedderSpec]:
    """Announce embedders: components that describe each box by a vector.

    The component follows [Embedder][cs_framework.api.components.Embedder].

    Example:
        >>> from cs_framework import EmbedderSpec, hookimpl
        >>> @hookimpl
        ... def cs_embedders():
        ...     yield EmbedderSpec(
        ...         name="mean-colour",
        ...         factory="my_plugin.colour:MeanColour",
        ...         settings="my_plugin.settings:MeanColourSettings",
        ...         summary="the mean of each channel",
        ...         needs=("scipy",),
        ...         extra="my-plugin[scipy]",
        ...     )
        >>> [record.needs for record in cs_embedders()]
        [('scipy',)]
    """
    raise AssertionError("a specification, never called")


@hookspec
def cs_scorers() -> Iterable[ScorerSpec]:
    """Announce scorers: components that say, from embeddings, which box holds a string.

    The component follows [Scorer][cs_framework.api.components.Scorer].

    Example:
        >>> from cs_framework import ScorerSpec, hookimpl
        >>> @hookimpl
        ... def cs_scorers():
        ...     yield ScorerSpec(
        ...         name="logistic",
        ...         factory="my_plugin.logistic:Logistic",
        ...         settings="my_plugin.settings:LogisticSettings",
        ...         summary="logistic regression",
        ...     )
        >>> [record.kind for record in cs_scorers()]
        ['scorer']
    """
    raise AssertionError("a specification, never called")

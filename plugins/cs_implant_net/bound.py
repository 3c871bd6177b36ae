"""What the proposer and the embedder have in common: they work with what the filter has learnt."""

from __future__ import annotations

from cs_framework import AnomalyFilter, SetupError
from cs_implant_net.filter import ImplantNet


class Bound:
    """A component that goes by the map of the recipe's filter, which has to be `ImplantNet`.

    Args:
        kind: of the component, for messages.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._filter: ImplantNet | None = None

    @property
    def fingerprint(self) -> str:
        """That of the filter."""
        return self._filter.fingerprint if self._filter else ""

    @property
    def filter(self) -> ImplantNet:
        """The recipe's filter.

        Raises:
            SetupError: none was given.
        """
        if self._filter is None:
            raise SetupError(f"{self._kind} implant-net: bind it to the anomaly filter implant-net first")
        return self._filter

    def bind(self, anomaly_filter: AnomalyFilter | None) -> None:
        """Take the filter whose map this component goes by.

        Raises:
            SetupError: it is another one, or there is none.
        """
        if not isinstance(anomaly_filter, ImplantNet):
            given = "names none" if anomaly_filter is None else f"has {type(anomaly_filter).__name__}"
            raise SetupError(
                f"{self._kind} implant-net: it goes by the map of the anomaly filter implant-net, but the "
                f'recipe {given}: set use = "implant-net" under [anomaly_filter], or take another '
                f"{self._kind}"
            )
        self._filter = anomaly_filter

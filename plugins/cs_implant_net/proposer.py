"""The proposer ``implant-net``: boxes around what the filter of the same name marks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cs_framework import AnomalyFilter, Env, Frame, SetupError
from cs_framework import boxes as bx
from cs_implant_net.filter import ImplantNet
from cs_implant_net.pieces import cut_boxes
from cs_implant_net.settings import BoxSettings


class ImplantNetBoxes:
    """Cuts boxes from the map of the recipe's filter, which has to be `ImplantNet`.

    Args:
        settings: see `BoxSettings`.
        env: not needed; nothing is random here, and the filter knows its device.
    """

    def __init__(self, settings: BoxSettings, env: Env) -> None:
        self._settings = settings
        self._filter: ImplantNet | None = None

    @property
    def fingerprint(self) -> str:
        """That of the filter."""
        return self._filter.fingerprint if self._filter else ""

    def bind(self, anomaly_filter: AnomalyFilter | None) -> None:
        """Take the filter whose map boxes are cut from.

        Raises:
            SetupError: it is another one, or there is none.
        """
        if not isinstance(anomaly_filter, ImplantNet):
            given = "names none" if anomaly_filter is None else f"has {type(anomaly_filter).__name__}"
            raise SetupError(
                "proposer implant-net: it cuts boxes from the map of the anomaly filter implant-net, but the "
                f'recipe {given}: set use = "implant-net" under [anomaly_filter], or take another proposer'
            )
        self._filter = anomaly_filter

    def propose(self, frame: Frame) -> NDArray[np.float32]:
        """(N, 4) boxes, best first; see `cut_boxes`.

        Raises:
            SetupError: no filter was given, or it has learnt nothing yet.
        """
        if self._filter is None:
            raise SetupError("proposer implant-net: bind it to the anomaly filter implant-net first")
        marks = self._filter.marks(frame)
        boxes, _ = cut_boxes(marks.chances, np.ascontiguousarray(marks.inside), self._settings.limit)
        boxes = bx.clip(marks.to_frame(boxes), frame.size)
        return boxes[bx.area(boxes) > 0]

"""The proposer ``implant-net``: boxes around what the filter of the same name marks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cs_framework import Env, Frame
from cs_framework import boxes as bx
from cs_implant_net.bound import Bound
from cs_implant_net.pieces import cut_boxes
from cs_implant_net.settings import BoxSettings


class ImplantNetBoxes(Bound):
    """Cuts boxes from the map of the recipe's filter.

    Args:
        settings: see `BoxSettings`.
        env: not needed; nothing is random here, and the filter knows its device.
    """

    def __init__(self, settings: BoxSettings, env: Env) -> None:
        super().__init__("proposer")
        self._settings = settings

    def propose(self, frame: Frame) -> NDArray[np.float32]:
        """(N, 4) boxes, best first; see `cut_boxes`.

        Raises:
            SetupError: no filter was given, or it has learnt nothing yet.
        """
        marks = self.filter.marks(frame)
        boxes, _ = cut_boxes(marks.chances, np.ascontiguousarray(marks.inside), self._settings.limit)
        boxes = bx.clip(marks.to_frame(boxes), frame.size)
        return boxes[bx.area(boxes) > 0]

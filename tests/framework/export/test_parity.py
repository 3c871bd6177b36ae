"""How far two sets of figures are apart."""

from __future__ import annotations

import numpy as np
import pytest

from cs_framework.errors import CSError
from cs_framework.export.parity import drift
from cs_framework.export.step import Exported, _refuse_drift


def test_drift_is_a_share_of_the_largest_value():
    before = {"score": np.array([1.0, -4.0]), "boxes": np.zeros((2, 4))}
    after = {"score": np.array([1.0, -3.0]), "boxes": np.full((2, 4), 0.5)}
    assert drift(before, after) == {"score": 0.25, "boxes": 0.5}


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_what_is_not_finite_never_passes(spoilt):
    found = drift({"score": np.ones(2)}, {"score": np.array([1.0, spoilt])})
    with pytest.raises(CSError, match="scorer: score differs"):
        _refuse_drift(Exported(1, 2, {"scorer": found}, {}), tolerance=1e9)

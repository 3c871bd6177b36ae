from __future__ import annotations

import re

import numpy as np
import pytest

from cs_framework import AnomalyFilter, Env, Proposer, SetupError
from cs_framework.testing import sample_frames
from cs_implant_net.filter import ImplantNet
from cs_implant_net.proposer import ImplantNetBoxes
from cs_implant_net.settings import BoxSettings
from tests.plugins.cs_implant_net.conftest import QUICK


@pytest.fixture
def bound(fitted):
    """A proposer bound to a fitted filter."""
    proposer = ImplantNetBoxes(BoxSettings(limit=20), Env())
    proposer.bind(fitted())
    return proposer


def test_boxes_keep_the_contract_on_every_sort_of_frame(bound):
    assert isinstance(bound, Proposer)
    frames = sample_frames()
    for frame in frames.values():
        before = frame.image.copy()
        boxes = bound.propose(frame)
        height, width = frame.size
        assert boxes.dtype == np.float32
        assert boxes.shape == (len(boxes), 4)
        assert len(boxes) <= 20
        assert (boxes >= 0).all()
        assert (boxes <= [width, height, width, height]).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        np.testing.assert_array_equal(frame.image, before)
    again = bound.propose(frames["grey"])
    assert len(again) > 0
    bound.propose(frames["wide"])
    np.testing.assert_array_equal(bound.propose(frames["grey"]), again)


def test_the_fingerprint_is_that_of_the_filter_at_any_time(make_windows):
    proposer, component = ImplantNetBoxes(BoxSettings(), Env()), ImplantNet(QUICK, Env())
    assert proposer.fingerprint == ""
    proposer.bind(component)
    assert proposer.fingerprint == ""
    component.fit(make_windows([0, 0]), make_windows([]), Env())
    first = proposer.fingerprint
    assert first == component.fingerprint != ""
    component.fit(make_windows([0, 0], first=5), make_windows([]), Env())
    assert proposer.fingerprint != first


class Other:
    pass


@pytest.mark.parametrize(
    ("given", "told"), [(None, "names none"), (Other(), "has Other")], ids=["none", "another"]
)
def test_another_filter_or_none_is_refused_with_the_cure(given: AnomalyFilter, told):
    with pytest.raises(SetupError, match=re.escape('use = "implant-net" under [anomaly_filter]')) as caught:
        ImplantNetBoxes(BoxSettings(), Env()).bind(given)
    assert told in str(caught.value)


def test_without_a_filter_or_its_weights_nothing_is_proposed(make_frame):
    proposer = ImplantNetBoxes(BoxSettings(), Env())
    with pytest.raises(SetupError, match="bind it"):
        proposer.propose(make_frame())
    proposer.bind(ImplantNet(QUICK, Env()))
    with pytest.raises(SetupError, match="call fit or load first"):
        proposer.propose(make_frame())

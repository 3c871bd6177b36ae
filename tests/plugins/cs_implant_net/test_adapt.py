"""Learning on from unlabelled frames of an input."""

from __future__ import annotations

import numpy as np
import pytest

from cs_framework import Adaptable, DataError, Env
from cs_implant_net import filter as module
from cs_implant_net.filter import ImplantNet
from tests.plugins.cs_implant_net.conftest import QUICK
from tests.plugins.cs_implant_net.test_filter import same, weights_of


@pytest.fixture
def open_cavity(monkeypatch):
    """The network takes every embryo for a blastocyst, as a trained one would."""
    monkeypatch.setattr(ImplantNet, "_cavity", lambda self, view: np.ones(view.plane.shape, bool))


def test_it_learns_on_and_the_same_from_the_same(fitted, make_windows, tmp_path, open_cavity, monkeypatch):
    learnt = []
    for number in range(2):
        component = fitted()
        assert isinstance(component, Adaptable)
        before = weights_of(component, tmp_path / f"before{number}")
        frames = make_windows([0] * 4, first=20), make_windows([0, 0], first=30)
        history = component.adapt(*frames, Env(seed=1), 9)
        learnt.append(weights_of(component, tmp_path / f"after{number}"))
        assert [row["epoch"] for row in history.rows] == [0, *range(1, module._ROUNDS + 1)]
        assert same(before, learnt[-1]) == (history.best_epoch == 0)
    assert same(*learnt)


def test_what_does_worse_is_not_kept(fitted, make_windows, tmp_path, open_cavity, monkeypatch):
    from cs_implant_net import learning

    figures = iter((0.9, 0.5, 0.6, 0.7))
    component = fitted()
    before = weights_of(component, tmp_path / "before")
    monkeypatch.setattr(learning, "_validate", lambda *a: {"val_drawn_auroc": next(figures)})
    history = component.adapt(make_windows([0] * 4), make_windows([0, 0], first=30), Env(seed=1), 9)
    assert history.best_epoch == 0
    assert same(before, weights_of(component, tmp_path / "after"))


def test_frames_without_a_cavity_are_of_no_use(fitted, make_windows, tmp_path, monkeypatch):
    monkeypatch.setattr(ImplantNet, "_cavity", lambda self, view: np.zeros(view.plane.shape, bool))
    component = fitted(QUICK)
    before = weights_of(component, tmp_path / "before")
    with pytest.raises(DataError, match="no frame shows a cavity"):
        component.adapt(make_windows([0] * 4), make_windows([0, 0], first=30), Env(seed=1), 9)
    assert same(before, weights_of(component, tmp_path / "after"))

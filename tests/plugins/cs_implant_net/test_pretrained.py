"""The bundle that comes along: small, of this version, of nobody's machine, and fit to be used as it is."""

from __future__ import annotations

import json
from importlib.metadata import version

import numpy as np

from cs_framework import Env, Window, starting_weights
from cs_framework.files import shipped
from cs_implant_net.filter import ImplantNet
from cs_implant_net.settings import Settings

BUNDLE = shipped("pretrained")


def test_it_is_small_and_of_this_version_and_names_no_machine():
    assert BUNDLE is not None
    files = [path for path in BUNDLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2 * 1024**2
    told = json.loads((BUNDLE / "bundle.json").read_text())
    assert told["versions"]["cytoplasmic-strings"] == version("cytoplasmic-strings")
    assert told["components"]["anomaly_filter"]["settings"]["weights"] == "none"
    assert told["boxes"]["threshold"] > 0, "when boxes are reported was chosen in training"
    for path in files:
        if path.suffix == ".json":
            assert not any(start in path.read_text() for start in ('"/', '"~', '"C:'))


def test_its_filter_scores_before_it_is_fitted(make_frame):
    assert starting_weights("pretrained", "anomaly_filter", component="implant-net") is not None
    component = ImplantNet(Settings(weights="pretrained"), Env())
    windows = [Window((make_frame(seed),)) for seed in range(2)]
    assert np.isfinite(component.score(windows)).all()
    observed = component.observe(windows)
    assert all(((values >= 0) & (values <= 1)).all() for values in observed.values())

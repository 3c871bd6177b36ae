from __future__ import annotations

import json

import numpy as np
import pytest

from cs_framework.testing import RecipeRunner
from tests.support.frames import write_root

RECIPE = """
name = "implant-net"
steps = ["train", "evaluate", "detect"]
[data]
root = "{root}"
group_pattern = '(?P<group>.+)_'
[anomaly_filter]
use = "implant-net"
settings = {{ image_size = 32, width = 4, epochs = 1, views = 6, batch_size = 3 }}
[[proposer]]
use = "implant-net"
settings = {{ limit = 10 }}
[embedder]
use = "ridge-texture"
[scorer]
use = "dual-head-mlp"
settings = {{ epochs = 1 }}
[training]
positive_iou = 0.001
negative_iou = 0.001
[pipeline]
threads = 1
workers = {workers}
[evaluate]
resamples = 100
"""


@pytest.fixture
def run(tmp_path):
    root = write_root(tmp_path / "data", splits=("train", "val"), embryos=2, frames=2)
    runner = RecipeRunner(tmp_path)
    return lambda workers=1, **changed: runner(
        RECIPE.format(root=root, workers=workers).replace(*changed.get("replace", ("", "")))
    )


def test_filter_and_proposer_run_from_training_to_detection_with_any_number_of_workers(run):
    one, two = run(), run(workers=2)
    for outcome in (one, two):
        assert outcome.exit_code == 0, outcome.log
    assert {"implant_net.json", "implant_net.safetensors"} == {
        path.name for path in (one.out / "model" / "anomaly_filter").iterdir()
    }
    np.testing.assert_equal(one.metrics["splits"], two.metrics["splits"])
    assert one.detections.equals(two.detections)
    gate = json.loads((one.out / "model" / "bundle.json").read_text())["gate"]
    assert np.isfinite(gate["point"]["threshold"])


def test_the_embedder_follows_the_filter_too(run):
    outcome = run(workers=2, replace=('use = "ridge-texture"', 'use = "implant-net"'))
    assert outcome.exit_code == 0, outcome.log
    assert len(outcome.detections)


def test_the_proposer_asks_for_the_filter_before_anything_is_trained(run):
    outcome = run(replace=('[anomaly_filter]\nuse = "implant-net"', '[anomaly_filter]\nuse = "autoencoder"'))
    assert outcome.exit_code == 2

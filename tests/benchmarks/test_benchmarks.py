"""The plain references are the method; what is timed against them gives the same figures."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import torch

from benchmarks.material import draw_boxes, load_frames
from benchmarks.stage1 import filter_of
from benchmarks.timing import versus
from cs_autoencoder.network import seeded_autoencoder


def test_the_closed_form_is_timed_against_its_equal(tmp_path):
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "glcm", "--threads", "1", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text())
    assert figures["glcm"]["max_rel_diff"] < 1e-6
    assert figures["glcm"]["speedup"] > 1
    assert "speedup" in done.stdout


def test_unknown_benchmarks_are_named():
    command = [sys.executable, "-m", "benchmarks", "--only", "glcm,warp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "warp" in done.stderr


def test_boxes_lie_in_their_frame():
    (frame,) = load_frames(None, 1)
    boxes = draw_boxes(frame, 500)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= np.array(frame.size[::-1]) + 1e-3).all()
    assert (boxes[:, 2:] - boxes[:, :2]).min() > 0.04 * min(frame.size)


def test_both_sides_are_called_alike():
    calls = {"plain": 0, "ours": 0}

    def work(name: str) -> None:
        calls[name] += 1

    plain, ours = versus(lambda: work("plain"), lambda: work("ours"), repeats=4)
    assert calls == {"plain": 5, "ours": 5}
    assert plain >= 0
    assert ours >= 0


def test_the_filter_that_is_timed_has_the_weights_of_the_reference(tmp_path):
    network = seeded_autoencoder(0)
    built = filter_of(network, tmp_path, "float32")
    wanted = network.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in built.network.state_dict().items())

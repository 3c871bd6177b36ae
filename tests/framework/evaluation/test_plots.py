import csv
import subprocess
import sys

import cv2
import pytest

from cs_framework import History
from cs_framework.evaluation.metrics import evaluate
from cs_framework.evaluation.plots import plot_all, write_history
from tests.framework.evaluation.frames import judged, random_split


def plotted(splits, folder, threshold=0.5):
    metrics = evaluate(splits, threshold=threshold, resamples=100, seed=0)
    files = plot_all(splits, metrics, folder)
    assert sorted(files) == sorted(folder.iterdir() if folder.exists() else [])
    return {file.name for file in files}


@pytest.mark.slow
def test_every_plot_of_a_split_with_both_classes_and_boxes(tmp_path):
    names = plotted({"test": random_split(0)}, tmp_path / "plots")
    kinds = ("roc", "precision_recall", "scores", "confusion", "proposal_recall")
    assert names == {f"test_{kind}.png" for kind in kinds}
    for name in names:
        image = cv2.imread(str(tmp_path / "plots" / name))
        assert image.shape[0] > 300
        assert image.std() > 5


@pytest.mark.parametrize(
    ("frames", "threshold", "kinds"),
    [
        ([judged(), judged(score=1.0)], 0.5, {"scores", "confusion"}),
        ([judged(), judged(score=1.0)], None, set()),
        ([judged(strings=[[0, 0, 9, 9]])], None, {"proposal_recall"}),
        (
            [judged(flagged=False), judged(flagged=False, label=1)],
            0.5,
            {"scores", "confusion", "roc", "precision_recall"},
        ),
        ([], 0.5, set()),
    ],
)
def test_only_what_can_be_drawn_is(tmp_path, frames, threshold, kinds):
    assert plotted({"val": frames}, tmp_path / "plots", threshold) == {f"val_{kind}.png" for kind in kinds}


def test_history_as_table_and_picture(tmp_path):
    history = History(
        [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25, "val_ap": 0.75}], best_epoch=2
    )
    write_history(tmp_path / "training", "scorer", history)
    with (tmp_path / "training" / "scorer.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["epoch", "train_loss", "val_ap"], ["1", "0.5", ""], ["2", "0.25", "0.75"]]
    assert cv2.imread(str(tmp_path / "training" / "scorer.png")).std() > 5


def test_no_epochs_no_files(tmp_path):
    write_history(tmp_path / "training", "scorer", History())
    assert not (tmp_path / "training").exists()


def test_nothing_global_of_matplotlib_is_touched(tmp_path):
    code = f"""
import sys
from pathlib import Path
from cs_framework import History
from cs_framework.evaluation.plots import write_history
assert "matplotlib" not in sys.modules
write_history(Path({str(tmp_path)!r}), "x", History([{{"epoch": 1, "loss": 2}}]))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_same_history_same_bytes(tmp_path):
    for folder in "ab":
        write_history(tmp_path / folder, "x", History([{"epoch": 1, "loss": 2}]))
    assert (tmp_path / "a" / "x.png").read_bytes() == (tmp_path / "b" / "x.png").read_bytes()

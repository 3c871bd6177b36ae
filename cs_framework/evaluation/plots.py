"""Plots of a run, as PNG; colours are those of Okabe and Ito, which colour-blind readers tell apart.

Figures are built without pyplot, so nothing global is touched and no display is needed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cs_framework.api.components import History
from cs_framework.evaluation.curves import Curve, proposal_recall, stage1_curves, training_curves
from cs_framework.evaluation.matching import Overlaps
from cs_framework.files import whole_file
from cs_framework.pipeline.results import JudgedFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORMAL, ABNORMAL, MARK = "#0072B2", "#D55E00", "#000000"
COLOURS = {"one": NORMAL, "two": ABNORMAL, "three": MARK, "four": "#CC79A7", "chance": "#999999"}
LINES = {"one": "-", "two": "--", "three": ":", "four": "-.", "chance": ":"}


def plot_all(
    splits: Mapping[str, Sequence[JudgedFrame]], metrics: Mapping[str, Any], folder: Path
) -> list[Path]:
    """Draw what can be drawn of each split.

    Args:
        splits: the judged frames that `metrics` were computed from.
        metrics: what `evaluate` returned; figures in captions are taken from it.
        folder: where ``<split>_roc.png`` and the others go.

    Returns:
        The files written: ``roc``, ``precision_recall``, ``scores`` and ``confusion`` where there is a
        filter and both classes (``scores`` and ``confusion`` with one class, too), ``proposal_recall``
        where there are boxes.
    """
    written = []
    for split, frames in splits.items():
        for name, figure in _figures(frames, metrics["splits"][split]):
            figure.axes[0].set_title(f"{split}: {figure.axes[0].get_title()}", fontsize=10)
            written.append(_save(figure, folder / f"{split}_{name}.png"))
    return written


def draw_png(curves: Sequence[Curve], path: Path) -> Path:
    """Draw curves side by side into one file."""
    return _save(_drawn(curves), path)


def write_history(folder: Path, name: str, history: History) -> None:
    """Write how a fit went as ``<name>.csv``, one row per epoch, and draw it as ``<name>.png``.

    Nothing is written for a component that has no epochs.
    """
    if not history.rows:
        return
    columns = list(dict.fromkeys(key for row in history.rows for key in row))
    with whole_file(folder / f"{name}.csv") as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history.rows)
    draw_png(training_curves(name, history.rows, history.best_epoch), folder / f"{name}.png")


def _figures(frames: Sequence[JudgedFrame], figures: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    stage1, stage2 = figures["stage1"], figures["stage2"]
    if isinstance(stage1, dict) and frames:
        labels = np.array([f.label for f in frames])
        scores = np.array([f.result.score for f in frames])
        yield "scores", _histogram(labels, scores, stage1["threshold"])
        yield "confusion", _confusion(stage1["confusion"])
        for curve in stage1_curves(labels, scores, stage1):
            yield curve.name, _drawn([curve])
    if isinstance(stage2, dict):
        for curve in proposal_recall(np.concatenate([Overlaps.of(frame).of_boxes for frame in frames])):
            yield curve.name, _drawn([curve])


def _drawn(curves: Sequence[Curve]) -> Figure:
    """A figure with a panel for each curve."""
    from matplotlib.ticker import MaxNLocator

    figure = _blank((5 * len(curves), 4.2))
    for number, curve in enumerate(curves, start=1):
        axes = figure.add_subplot(1, len(curves), number)
        _dress(axes, curve.title, curve.x, curve.y)
        for line in curve.series:
            x, y = zip(*line.points, strict=True) if line.points else ((), ())
            points = "o" if line.marker else "." if curve.axes != "shares" and line.style != "chance" else ""
            style = "" if line.marker else LINES[line.style]
            axes.plot(x, y, f"{points}{style}", color=COLOURS[line.style], label=line.name)
        if curve.axes == "epochs":
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            axes.set_ylim(-0.02, 1.02)
        if curve.axes == "shares":
            axes.set(xlim=(-0.02, 1.02), aspect="equal")
        elif curve.axes == "counts":
            axes.set_xscale("log")
        _legend(axes)
    return figure


def _histogram(labels: NDArray[Any], scores: NDArray[Any], threshold: float) -> Figure:
    figure = _blank((5, 4))
    axes = figure.add_subplot()
    _dress(axes, "anomaly scores", "raw score", "share of the frames of a class")
    edges = np.histogram_bin_edges(scores, bins=30).tolist()
    for label, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        chosen = scores[labels == label]
        if len(chosen):
            shares = np.full(len(chosen), 1 / len(chosen))
            text = f"{name} ({len(chosen)})"
            axes.hist(chosen, edges, weights=shares, color=colour, alpha=0.5, edgecolor=colour, label=text)
    axes.axvline(threshold, color=MARK, linestyle="--", label=f"threshold {threshold:.4g}")
    _legend(axes)
    return figure


def _confusion(counts: Mapping[str, int]) -> Figure:
    figure = _blank((5, 4))
    axes = figure.add_subplot()
    _dress(axes, "stage 1 decisions", "", "")
    table = np.array([[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]])
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{table[row, column]}\n{share:.0%}"
        colour = "white" if share > 0.6 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=14)
    axes.set_xticks([0, 1], ["not flagged", "flagged"])
    axes.set_yticks([0, 1], ["normal", "abnormal"])
    axes.grid(visible=False)
    return figure


def _blank(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=120, layout="constrained")


def _dress(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


def _legend(axes: Axes) -> None:
    """Below the axes, where it hides no curve; matplotlib's search for the "best" place can take seconds."""
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as aside:
        figure.savefig(aside)
    return path

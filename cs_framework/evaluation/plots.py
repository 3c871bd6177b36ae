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
from cs_framework.evaluation.overlaps import Overlaps
from cs_framework.files import whole_file
from cs_framework.pipeline.results import JudgedFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NORMAL = TRAINING = "#0072B2"
ABNORMAL = VALIDATION = "#D55E00"
MARK, CHANCE = "#000000", "#999999"


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


def plot_recall_by_count(figures: Mapping[str, Any], split: str, path: Path) -> Path:
    """Draw how recall grows with the number of proposals of a frame.

    Args:
        figures: of one split, as ``proposals.json`` has them.
        split: its name, for the title.
        path: the PNG to write.
    """
    figure, axes = _figure(f"{split}: what the first proposals reach", "proposals of a frame", "")
    axes.set_ylabel("share of annotated boxes")
    styles = ((NORMAL, "-"), (ABNORMAL, "--"), (MARK, ":"))
    for (colour, line), iou in zip(styles, ("0.25", "0.5", "0.75"), strict=True):
        recall = figures["recall_by_count"][iou]
        counts = [int(count) for count in recall]
        axes.plot(counts, list(recall.values()), line, marker=".", color=colour, label=f"IoU {iou}")
    axes.set(xscale="log", ylim=(-0.02, 1.02))
    _legend(figure)
    return _save(figure, path)


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
    _save(_training_curves(name, history, columns), folder / f"{name}.png")


def _figures(frames: Sequence[JudgedFrame], figures: Mapping[str, Any]) -> Iterator[tuple[str, Figure]]:
    stage1, stage2 = figures["stage1"], figures["stage2"]
    if isinstance(stage1, dict) and frames:
        labels = np.array([f.label for f in frames])
        scores = np.array([f.result.score for f in frames])
        yield "scores", _histogram(labels, scores, stage1["threshold"])
        yield "confusion", _confusion(stage1["confusion"])
        if isinstance(stage1["auroc"], dict):
            yield "roc", _roc(labels, scores, stage1)
            yield "precision_recall", _precision_recall(labels, scores, stage1)
    if isinstance(stage2, dict):
        yield "proposal_recall", _proposal_recall(frames)


def _histogram(labels: NDArray[Any], scores: NDArray[Any], threshold: float) -> Figure:
    figure, axes = _figure("anomaly scores", "raw score", "share of the frames of a class")
    edges = np.histogram_bin_edges(scores, bins=30).tolist()
    for label, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        chosen = scores[labels == label]
        if len(chosen):
            shares = np.full(len(chosen), 1 / len(chosen))
            text = f"{name} ({len(chosen)})"
            axes.hist(chosen, edges, weights=shares, color=colour, alpha=0.5, edgecolor=colour, label=text)
    axes.axvline(threshold, color=MARK, linestyle="--", label=f"threshold {threshold:.4g}")
    _legend(figure)
    return figure


def _confusion(counts: Mapping[str, int]) -> Figure:
    figure, axes = _figure("stage 1 decisions", "", "")
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


def _roc(labels: NDArray[Any], scores: NDArray[Any], stage1: Mapping[str, Any]) -> Figure:
    from sklearn.metrics import roc_curve

    figure, axes = _figure("ROC of stage 1", "normal frames flagged", "abnormal frames flagged")
    alarms, hits, _ = roc_curve(labels, scores)
    axes.plot([0, 1], [0, 1], color=CHANCE, linestyle=":", label="chance")
    axes.plot(alarms, hits, color=NORMAL, label=f"AUROC {_text(stage1['auroc'])}")
    counts = stage1["confusion"]
    at = counts["fp"] / (counts["fp"] + counts["tn"]), counts["tp"] / (counts["tp"] + counts["fn"])
    axes.plot(*at, "o", color=ABNORMAL, label=f"threshold {stage1['threshold']:.4g}")
    return _unit_square(figure)


def _precision_recall(labels: NDArray[Any], scores: NDArray[Any], stage1: Mapping[str, Any]) -> Figure:
    from sklearn.metrics import precision_recall_curve

    figure, axes = _figure("precision and recall of stage 1", "recall", "precision")
    precision, recall, _ = precision_recall_curve(labels, scores)
    axes.axhline(labels.mean(), color=CHANCE, linestyle=":", label=f"chance {labels.mean():.3f}")
    text = f"average precision {_text(stage1['average_precision'])}"
    axes.plot(recall, precision, color=NORMAL, drawstyle="steps-post", label=text)
    if isinstance(stage1["precision"], dict):
        at = stage1["recall"]["value"], stage1["precision"]["value"]
        axes.plot(*at, "o", color=ABNORMAL, label=f"threshold {stage1['threshold']:.4g}")
    return _unit_square(figure)


def _proposal_recall(frames: Sequence[JudgedFrame]) -> Figure:
    figure, axes = _figure("what the proposals reach", "IoU asked for", "share of annotated boxes")
    best = np.concatenate([Overlaps.of(frame).of_boxes for frame in frames])
    asked = np.linspace(0, 1, 201)
    reached = (best >= asked[:, None]).mean(axis=1)
    axes.plot(asked, reached, color=NORMAL, label=f"{len(best)} boxes, mean best IoU {best.mean():.2f}")
    return _unit_square(figure)


def _training_curves(name: str, history: History, columns: Sequence[str]) -> Figure:
    """One panel for each quantity, shared by training and validation."""
    from matplotlib.ticker import MaxNLocator

    panels: dict[str, list[str]] = {}
    for column in columns:
        if column != "epoch":
            panels.setdefault(column.removeprefix("train_").removeprefix("val_"), []).append(column)
    figure = _blank((4 * len(panels), 3.2))
    for number, (quantity, series) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), number)
        for column in series:
            colour = {"train": TRAINING, "val": VALIDATION}.get(column.split("_")[0], MARK)
            rows = [row for row in history.rows if column in row]
            epochs = [row["epoch"] for row in rows]
            axes.plot(epochs, [row[column] for row in rows], ".-", color=colour, label=column)
        if history.best_epoch is not None:
            axes.axvline(history.best_epoch, color=CHANCE, linestyle="--", label="kept")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _dress(axes, f"{name}: {quantity}", "epoch", quantity)
        axes.legend(fontsize=8, loc="upper right")
    return figure


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = _blank((5, 4))
    axes = figure.add_subplot()
    _dress(axes, title, x, y)
    return figure, axes


def _blank(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=120, layout="constrained")


def _dress(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)


def _unit_square(figure: Figure) -> Figure:
    axes = figure.axes[0]
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    """Below the axes, where it hides no curve; matplotlib's search for the "best" place can take seconds."""
    figure.legend(fontsize=8, loc="outside lower center", ncols=3)


def _text(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as aside:
        figure.savefig(aside)
    return path

"""The curves of a run as named series of points, computed once; PNG and report draw the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

Point = tuple[float, float]
Style = Literal["one", "two", "three", "four", "chance"]

POINTS = 200
"""Points of a line at most."""
_STYLES: tuple[Style, ...] = ("one", "two", "three", "four")


@frozen(eq=False)
class Series:
    """One line, or one mark."""

    name: str
    points: Sequence[Point]
    style: Style
    marker: bool = False
    """Whether it is a single mark rather than a line."""


@frozen(eq=False)
class Curve:
    """A chart: its axes and its series."""

    name: str
    """Short, for the name of a file, such as ``roc``."""
    title: str
    x: str
    """What the horizontal axis shows."""
    y: str
    """What the vertical axis shows."""
    series: Sequence[Series]
    axes: Literal["shares", "counts", "epochs"] = "shares"
    """``shares``: both from 0 to 1; ``counts``: from 1 on a logarithmic scale, by a share; ``epochs``: whole
    numbers, by anything."""
    note: str = ""
    """How to read it."""


def stage1_curves(labels: ArrayLike, scores: ArrayLike, stage1: Mapping[str, Any]) -> list[Curve]:
    """ROC, and precision and recall, of the anomaly filter; none where one class is missing.

    Args:
        labels: (N,) 1 abnormal, 0 normal.
        scores: (N,) raw anomaly scores.
        stage1: the figures of the split, as ``metrics.json`` has them.
    """
    if not isinstance(stage1["auroc"], Mapping):
        return []
    known, found = np.asarray(labels), np.asarray(scores)
    return [_roc(known, found, stage1), _precision_recall(known, found, stage1)]


def _roc(labels: NDArray[Any], scores: NDArray[Any], stage1: Mapping[str, Any]) -> Curve:
    from sklearn.metrics import roc_curve

    alarms, hits, _ = roc_curve(labels, scores)
    counts = stage1["confusion"]
    at = counts["fp"] / (counts["fp"] + counts["tn"]), counts["tp"] / (counts["tp"] + counts["fn"])
    return Curve(
        "roc",
        "ROC curve of stage 1",
        "frames without strings that are flagged",
        "frames with strings that are flagged",
        [
            Series("guessing", [(0, 0), (1, 1)], "chance"),
            Series(f"AUROC {_text(stage1['auroc'])}", _some(alarms, hits), "one"),
            _operating_point(at, stage1),
        ],
        note="Up and to the left is better.",
    )


def _precision_recall(labels: NDArray[Any], scores: NDArray[Any], stage1: Mapping[str, Any]) -> Curve:
    """Without the last point that scikit-learn adds, which no threshold reaches."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = (values[:-1] for values in precision_recall_curve(labels, scores))
    base = float(labels.mean())
    series = [
        Series(f"guessing ({base:.2f})", [(0, base), (1, base)], "chance"),
        Series(
            f"average precision {_text(stage1['average_precision'])}",
            _some(recall[::-1], precision[::-1]),
            "one",
        ),
    ]
    if isinstance(stage1["precision"], Mapping):
        series.append(_operating_point((stage1["recall"]["value"], stage1["precision"]["value"]), stage1))
    return Curve(
        "precision_recall",
        "Precision and recall of stage 1",
        "recall: frames with strings that are flagged",
        "precision: flagged frames with strings",
        series,
        note="Up and to the right is better.",
    )


def _operating_point(at: Point, stage1: Mapping[str, Any]) -> Series:
    return Series(f"operating point: threshold {stage1['threshold']:.4g}", [at], "two", marker=True)


def proposal_recall(reach: ArrayLike) -> list[Curve]:
    """The share of strings that proposals reach, by the overlap asked for; none where there is no string.

    Args:
        reach: (M,) the best IoU of any proposal with each annotated box.
    """
    best = np.asarray(reach, np.float64)
    if not len(best):
        return []
    asked = np.linspace(0, 1, 101)
    share = (best >= asked[:, None]).mean(axis=1)
    name = f"{len(best)} annotated strings, mean best overlap {best.mean():.2f}"
    return [
        Curve(
            "proposal_recall",
            "What the proposals reach",
            "overlap asked for (IoU)",
            "annotated strings that a proposal reaches",
            [Series(name, _some(asked, share), "one")],
            note="A string that no proposal reaches cannot be found.",
        )
    ]


def recall_by_count(figures: Mapping[str, Any], split: str) -> Curve:
    """How recall grows with the number of proposals; `figures` are those of a split in ``proposals.json``."""
    series = [
        Series(f"IoU {iou}", [(float(count), share) for count, share in by_count.items()], style)
        for style, (iou, by_count) in zip(_STYLES, figures["recall_by_count"].items(), strict=False)
    ]
    return Curve(
        "recall_by_count",
        f"What the first proposals reach ({split})",
        "proposals of a frame, from its first",
        "annotated strings reached",
        series,
        "counts",
    )


def training_curves(
    component: str, rows: Sequence[Mapping[str, float]], best_epoch: int | None = None
) -> list[Curve]:
    """A curve for each quantity of a fit, shared by training and validation.

    Args:
        component: its kind, such as ``anomaly_filter``.
        rows: one mapping per epoch, as `History.rows`.
        best_epoch: the epoch whose weights were kept, to be marked.
    """
    quantities: dict[str, list[str]] = {}
    for column in dict.fromkeys(name for row in rows for name in row if name != "epoch"):
        quantities.setdefault(column.removeprefix("train_").removeprefix("val_"), []).append(column)
    return [
        Curve(
            quantity,
            f"{component.replace('_', ' ')}: {quantity.replace('_', ' ')}",
            "epoch",
            quantity.replace("_", " "),
            list(_epochs(rows, columns, best_epoch)),
            "epochs",
        )
        for quantity, columns in quantities.items()
    ]


def _epochs(
    rows: Sequence[Mapping[str, float]], columns: Sequence[str], best_epoch: int | None
) -> Iterable[Series]:
    names = {"train": "training", "val": "validation"}
    values = []
    for column in columns:
        part = column.split("_")[0]
        points = [(row["epoch"], row[column]) for row in rows if column in row and "epoch" in row]
        values += [value for _, value in points]
        yield Series(names.get(part, column.replace("_", " ")), points, "two" if part == "val" else "one")
    if best_epoch is not None and values:
        yield Series("kept", [(best_epoch, min(values)), (best_epoch, max(values))], "chance")


def _some(x: NDArray[Any], y: NDArray[Any]) -> list[Point]:
    """A line in few points: all of a short one, else some from end to end."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int))
    return list(zip(x[kept].tolist(), y[kept].tolist(), strict=True))


def _text(figure: Mapping[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"

"""The curves of a run: ROC, precision and recall, what proposals reach, how training went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from markupsafe import Markup

from cs_framework.report.charts import Axis, Series, line_chart
from cs_framework.report.contents import Contents, Looked, Row

POINTS = 200
"""Points of a curve at most."""
_STYLES = ("one", "two", "three", "four")


@frozen(eq=False)
class Curve:
    """A chart with its title."""

    title: str
    chart: Markup
    note: str = ""


def of_splits(contents: Contents) -> list[Curve]:
    """ROC, precision and recall, and proposal recall of the split that is quoted."""
    drawn = []
    if contents.split is not None:
        looks, stage1 = contents.judged_frames, contents.metrics["splits"][contents.split]["stage1"]
        if looks and isinstance(stage1, Mapping) and isinstance(stage1["auroc"], Mapping):
            drawn += [_roc(looks, stage1), _precision_recall(looks, stage1)]
        reach = np.array([value for look in looks for value in look.reach])
        if len(reach):
            drawn.append(_reach(reach))
    return drawn + list(_recall_by_count(contents))


def of_training(contents: Contents) -> list[Curve]:
    """A chart for each quantity of each component that has epochs, shared by training and validation."""
    drawn = []
    for component, rows in contents.histories.items():
        columns = list(dict.fromkeys(name for row in rows for name in row if name != "epoch"))
        quantities: dict[str, list[str]] = {}
        for column in columns:
            quantities.setdefault(column.removeprefix("train_").removeprefix("val_"), []).append(column)
        name = component.replace("_", " ")
        drawn += [
            Curve(f"{name}: {quantity.replace('_', ' ')}", _training(rows, series, quantity))
            for quantity, series in quantities.items()
        ]
    return drawn


def _training(rows: Sequence[Row], columns: Sequence[str], quantity: str) -> Markup:
    names = {"train": "training", "val": "validation"}
    series = []
    for column in columns:
        part = column.split("_")[0]
        points = [(row["epoch"], row[column]) for row in rows if column in row and "epoch" in row]
        series.append(
            Series(names.get(part, column.replace("_", " ")), points, "two" if part == "val" else "one")
        )
    values = [value for line in series for _, value in line.points]
    x = Axis.around("epoch", [epoch for line in series for epoch, _ in line.points], whole=True)
    y = Axis.around(quantity.replace("_", " "), values)
    return line_chart(x, y, series, f"{quantity.replace('_', ' ')} by epoch")


def _roc(looks: Sequence[Looked], stage1: Mapping[str, Any]) -> Curve:
    from sklearn.metrics import roc_curve

    labels, scores = _scored(looks)
    alarms, hits, _ = roc_curve(labels, scores)
    counts = stage1["confusion"]
    at = counts["fp"] / (counts["fp"] + counts["tn"]), counts["tp"] / (counts["tp"] + counts["fn"])
    series = [
        Series("guessing", [(0, 0), (1, 1)], "chance"),
        Series("stage 1", _some(alarms, hits), "one"),
        Series(f"operating point: threshold {stage1['threshold']:.4g}", [at], "two", marker=True),
    ]
    chart = line_chart(
        _share("frames without strings that are flagged"),
        _share("frames with strings that are flagged"),
        series,
        "ROC curve of stage 1",
    )
    return Curve("ROC curve of stage 1", chart, "Up and to the left is better.")


def _precision_recall(looks: Sequence[Looked], stage1: Mapping[str, Any]) -> Curve:
    from sklearn.metrics import precision_recall_curve

    labels, scores = _scored(looks)
    precision, recall, _ = (values[:-1] for values in precision_recall_curve(labels, scores))
    base = float(labels.mean())
    series = [
        Series(f"guessing ({base:.2f})", [(0, base), (1, base)], "chance"),
        Series("stage 1", _some(recall[::-1], precision[::-1]), "one"),
    ]
    if isinstance(stage1["precision"], Mapping):
        at = stage1["recall"]["value"], stage1["precision"]["value"]
        series.append(
            Series(f"operating point: threshold {stage1['threshold']:.4g}", [at], "two", marker=True)
        )
    chart = line_chart(
        _share("recall: frames with strings that are flagged"),
        _share("precision: flagged frames with strings"),
        series,
        "precision and recall of stage 1",
    )
    return Curve("Precision and recall of stage 1", chart, "Up and to the right is better.")


def _reach(reach: Any) -> Curve:
    asked = np.linspace(0, 1, 101)
    share = (reach >= asked[:, None]).mean(axis=1)
    name = f"{len(reach)} annotated strings, mean best overlap {reach.mean():.2f}"
    chart = line_chart(
        _share("overlap asked for (IoU)"),
        _share("annotated strings that a proposal reaches"),
        [Series(name, list(zip(asked.tolist(), share.tolist(), strict=True)), "one")],
        "share of strings that proposals reach, by the overlap asked for",
    )
    return Curve("What the proposals reach", chart, "A string that no proposal reaches cannot be found.")


def _recall_by_count(contents: Contents) -> Iterator[Curve]:
    for split, sections in contents.proposals.get("splits", {}).items():
        figures = sections["proposals"]
        if isinstance(figures, str):
            continue
        recall = figures["recall_by_count"]
        series = [
            Series(f"IoU {iou}", [(float(count), share) for count, share in by_count.items()], style)
            for style, (iou, by_count) in zip(_STYLES, recall.items(), strict=False)
        ]
        most = max(x for line in series for x, _ in line.points)
        x = Axis("proposals of a frame, from its first", 1, max(most, 2), log=True)
        chart = line_chart(x, _share("annotated strings reached"), series, "recall by number of proposals")
        yield Curve(f"What the first proposals reach ({split})", chart)


def _scored(looks: Sequence[Looked]) -> tuple[Any, Any]:
    return np.array([look.label for look in looks]), np.array([look.score for look in looks])


def _some(x: Any, y: Any) -> list[tuple[float, float]]:
    """A curve in few points: all of a short one, else some from end to end."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int))
    return list(zip(x[kept].tolist(), y[kept].tolist(), strict=True))


def _share(label: str) -> Axis:
    return Axis(label, 0, 1)

"""The curves of a run as SVG: ROC, precision and recall, what proposals reach, how training went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from attrs import frozen
from markupsafe import Markup

from cs_framework.evaluation import curves
from cs_framework.evaluation.curves import Curve
from cs_framework.report.charts import Axis, line_chart
from cs_framework.report.contents import Contents


@frozen(eq=False)
class Drawn:
    """A chart with its title."""

    title: str
    chart: Markup
    note: str = ""


def of_splits(contents: Contents) -> list[Drawn]:
    """ROC, precision and recall, and proposal recall of the split that is quoted."""
    return [_drawn(curve) for curve in _of_splits(contents)]


def _of_splits(contents: Contents) -> Iterator[Curve]:
    if contents.split is not None:
        looks, stage1 = contents.judged_frames, contents.metrics["splits"][contents.split]["stage1"]
        if looks and isinstance(stage1, Mapping):
            labels = np.array([look.label for look in looks])
            yield from curves.stage1_curves(labels, np.array([look.score for look in looks]), stage1)
        yield from curves.proposal_recall([value for look in looks for value in look.reach])
    for split, sections in contents.proposals.get("splits", {}).items():
        if not isinstance(sections["proposals"], str):
            yield curves.recall_by_count(sections["proposals"], split)


def of_training(contents: Contents) -> list[Drawn]:
    """A chart for each quantity of each component that has epochs."""
    return [
        _drawn(curve)
        for component, rows in contents.histories.items()
        for curve in curves.training_curves(component, rows)
    ]


def _drawn(curve: Curve) -> Drawn:
    points = [point for line in curve.series for point in line.points]
    x, y = Axis(curve.x, 0, 1), Axis(curve.y, 0, 1)
    if curve.axes == "counts":
        x = Axis(curve.x, 1, max(2, *(count for count, _ in points)), log=True)
    elif curve.axes == "epochs":
        x = Axis.around(curve.x, [epoch for epoch, _ in points], whole=True)
        y = Axis.around(curve.y, [value for _, value in points])
    return Drawn(curve.title, line_chart(x, y, curve.series, curve.title), curve.note)

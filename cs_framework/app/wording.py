"""What the app says, in plain words; and how text of strangers is kept from meaning anything."""

from __future__ import annotations

import re

import numpy as np

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float32
from cs_framework.pipeline.results import FrameResult


def literal(text: object) -> str:
    """Text for places that read Markdown, shown as it stands: no link, picture, formula, sign or tag.

    Addresses and ``:signs:`` are looked for after escapes are undone, so an unseen joiner parts them.
    """
    escaped = re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^@])", r"\\\1", str(text))
    return re.sub(r"(\\[:@]|www)", "\\1\u2060", escaped, flags=re.IGNORECASE).replace("\n", "  \n")


def headline(result: FrameResult) -> str:
    """The answer of one frame in a line."""
    if result.scores is None and np.isnan(result.score):
        return f"{len(result.proposals)} boxes proposed"
    if not result.flagged:
        return "Nothing unusual: no string is reported"
    if not result.detections:
        return "Unusual, but no box looks like a string"
    return f"A string is reported, with confidence {result.detections[0].confidence:.2f}"


def reason(result: FrameResult, threshold: float | None) -> str:
    """What the answer rests on."""
    if result.scores is None and np.isnan(result.score):
        return "Nothing is trained for this recipe yet, so no box is scored."
    parts = []
    if threshold is not None:
        relation = "reaches" if result.flagged else "stays below"
        parts.append(
            f"The anomaly score {figure(result.score)} {relation} the threshold {figure(threshold)}."
        )
    elif not np.isnan(result.score):
        parts.append(f"The anomaly score is {figure(result.score)}; there is no threshold.")
    if not result.flagged and result.ranked:
        parts.append(
            "A run would stop here. What follows is what stage 2 makes of the frame all the same: its best "
            f"box has confidence {result.ranked[0].confidence:.2f}."
        )
    return " ".join(parts)


def caution(result: FrameResult) -> str | None:
    """Why the answer should not be trusted, where the model does not know such frames."""
    if result.state.name == "unfamiliar":
        return f"This frame is unlike those that the model was trained on: {result.state.reason}."
    if result.state.name == "no-blastocyst":
        return f"This frame shows no blastocyst yet: {result.state.reason}."
    return None


def against_truth(result: FrameResult, truth: Float32) -> str:
    """How the boxes shown agree with the true ones."""
    if not len(truth):
        return "The truth says: no string."
    boxes = bx.as_boxes([d.box for d in result.detections])
    overlaps = bx.iou(boxes, truth).max(axis=1) if len(boxes) else np.zeros(0)
    best = bx.iou(result.proposals, truth).max() if len(result.proposals) else 0.0
    first = f"the best box has IoU {overlaps[0]:.2f}" if len(overlaps) else "no box is shown"
    return (
        f"Against {len(truth)} true {'box' if len(truth) == 1 else 'boxes'} (blue): {first}; "
        f"the best of all {len(result.proposals)} proposals has {best:.2f}."
    )


def figure(value: float) -> str:
    """A score to four digits."""
    return f"{value:.4g}"

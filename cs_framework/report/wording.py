"""The figures of a run in words that a reader of no statistics understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen
from markupsafe import Markup

from cs_framework.api import boxes as bx
from cs_framework.evaluation.carried import quoted
from cs_framework.evaluation.metrics import FOUND_IOU
from cs_framework.report.charts import interval
from cs_framework.report.contents import Contents, ReportFrame, Row, Totals

ADAPTATION = ("adapted", "not adapted")
"""How the notes of a bundle begin that say whether it was adapted to the frames of the run."""

FEW = 10
"""Embryos below which a figure is said to rest on few."""

_CONFIDENCE = "Confidence ranks boxes; it is not the chance that a string is there."

STAGES = {
    "stage1": ("Stage 1", "Is a frame unusual?"),
    "stage2": ("Stage 2", "Where is the string?"),
    "cascade": ("Both stages", "What is reported in the end?"),
    "proposals": ("Proposals", "Do the boxes on offer reach the strings?"),
}
MEANINGS = {
    "auroc": ("AUROC", "how often a frame with strings scores above one without; 0.5 is guessing"),
    "average_precision": ("average precision", "precision averaged over all thresholds"),
    "accuracy": ("accuracy", "share of frames that are judged rightly"),
    "precision": ("precision", "share of the flagged frames that show strings"),
    "recall": ("recall", "share of the frames with strings that are flagged"),
    "f1": ("F1", "balance of precision and recall"),
    "proposal_recall": ("strings within reach", "share of annotated strings that some proposal overlaps"),
    "proposals_per_frame": ("proposals per frame", "boxes that are scored"),
    "region_ap": ("region AP", "how well regions of strings are told from background"),
    "region_base_rate": ("share of string regions", "what guessing reaches in place of the region AP"),
    "top1_hit_rate": ("best box hits", "share of string frames whose best box overlaps a string"),
    "top5_hit_rate": ("one of the best five hits", "the same for the five best boxes"),
    "random1_hit_rate": ("a random box hits", "what guessing reaches in place of the best box"),
    "random5_hit_rate": ("one of five random boxes hits", "what guessing reaches in place of the best five"),
    "top1_mean_iou": ("overlap of the best box", "mean overlap (IoU) of the best box with a string"),
    "pointing": ("best box points at a string", "share of string frames with the best box centred on one"),
    "random_pointing": ("a random point does", "what guessing reaches in place of pointing"),
    "ap": ("AP of boxes", "as in COCO, over the whole ranking of boxes"),
    "flagged_fraction": ("frames flagged", "share of all frames that stage 1 lets pass"),
    "string_frames_flagged": ("string frames flagged", "share of the frames with strings that pass"),
    "string_frames_reported": ("finds", "share of the frames with strings that have a reported box"),
    "normal_frames_reported": ("false alarms", "share of the string-free frames that have one"),
    "confidence_auroc": ("AUROC of the confidence", "of a frame's best box, none counting 0"),
    "strings_found": ("strings found", f"share of annotated strings under a reported box (IoU {FOUND_IOU})"),
    "mean_best_iou": ("overlap of the best proposal", "mean over annotated strings"),
    "seconds_per_frame": ("seconds per frame", "time that proposing took"),
}
_IOU = {"proposal_recall", "top1_hit_rate", "top5_hit_rate", "random1_hit_rate", "random5_hit_rate", "ap"}


@frozen(eq=False)
class Line:
    """One figure of a table."""

    name: str
    meaning: str
    value: str
    interval: str
    units: str
    bar: Markup | str = ""
    baseline: bool = False
    """Whether it is what a trivial cue reaches, to compare the line above with."""
    few: bool = False
    """Whether it rests on few embryos, or on frames of one."""


def figure_lines(figures: Mapping[str, Any]) -> list[Line]:
    """The rows of a table of figures, trivial baselines below what they compare with."""
    lines = []
    for key, value in figures.items():
        name, meaning = MEANINGS.get(key, (key.replace("_", " "), ""))
        if key in {"confusion", "threshold", "baselines", "recall_by_count"}:
            continue
        if isinstance(value, Mapping) and "value" not in value:
            lines += [
                _line(f"{name}, {'IoU ' if key in _IOU else ''}{at}", meaning, each)
                for at, each in value.items()
            ]
        else:
            lines.append(_line(name, meaning, value))
        if key == "auroc":
            lines += [
                _line(
                    f"from {cue.replace('_', ' ')} alone",
                    "a trivial cue; the filter has to beat it",
                    each,
                    True,
                )
                for cue, each in figures.get("baselines", {}).items()
            ]
    return lines


def _line(name: str, meaning: str, value: Any, baseline: bool = False) -> Line:
    if not isinstance(value, Mapping):
        return Line(
            name, meaning, value if isinstance(value, str) else f"{value:.3g}", "", "", baseline=baseline
        )
    share = 0 <= value["value"] <= 1
    text = f"{value['value']:.2f}" if share else f"{value['value']:.4g}"
    between = (
        ""
        if value["low"] is None
        else (
            f"{value['low']:.2f} to {value['high']:.2f}"
            if share
            else f"{value['low']:.4g} to {value['high']:.4g}"
        )
    )
    units = f"{value['n']} {value['unit']}{'' if value['n'] == 1 else 's'}"
    bar = interval(value["value"], value["low"], value["high"]) if share else ""
    few = value["unit"] != "embryo" or value["n"] < FEW
    return Line(name, meaning, text, between, units, bar, baseline, few)


def headline(contents: Contents) -> str:
    """The answer, in one sentence."""
    totals = contents.totals
    if not contents.detected:
        return "How well this recipe does"
    if not totals.embryos:
        return "No frame could be looked at"
    if totals.with_strings and _no_evidence(contents):
        return "No more strings reported than on frames without any"
    if totals.embryos == 1:
        what = "Strings" if totals.with_strings else "No strings"
        return f"{what} reported in {contents.sequences[0]['sequence']}"
    if not totals.with_strings:
        return f"No strings reported in {totals.embryos} embryos"
    return f"Strings reported in {totals.with_strings} of {totals.embryos} embryos"


AS_OFTEN = 0.8
"""A report is no evidence where string-free frames get one more than this times as often as string frames."""


def _no_evidence(contents: Contents) -> bool:
    """Whether string-free frames get a report about as often as those with strings, or as those looked at."""
    if contents.alarms is None:
        return False
    wrong, right = contents.alarms
    share = contents.totals.frames_with_strings / max(contents.totals.frames, 1)
    return wrong > AS_OFTEN * right or wrong >= share


def _unknown(totals: Totals, boxes: str) -> Iterator[str]:
    """How many frames the model cannot judge, and what became of their boxes."""
    told = "no boxes are reported of them" if boxes == "withhold" else "their boxes are reported all the same"
    if totals.unfamiliar:
        count = f"{totals.unfamiliar} of {_count(totals.frames, 'frame')}"
        yield f"Unlike anything the model was trained on: {count}; {told}."
    if totals.early:
        count = f"{totals.early} of {_count(totals.frames, 'frame')}"
        yield f"Without a cavity, before a blastocyst: {count}; {told}."


def answer(contents: Contents) -> Iterator[str]:
    """What stands below the headline: how many frames, and which embryo is the surest."""
    totals = contents.totals
    if not totals.embryos:
        return
    shown, frames = totals.frames_with_strings, _count(totals.frames, "frame")
    yield f"{shown} of {frames} carr{'ies' if totals.frames == 1 else 'y'} at least one reported string."
    yield from _unknown(totals, contents.recipe.get("detect", {}).get("unfamiliar", "withhold"))
    best = contents.sequences[0]
    if best["frames_with_strings"] and totals.embryos > 1:
        yield (
            f"The surest is {best['sequence']}: strings from {when(best, 'first')} to {when(best, 'last')}, "
            f"{_count(best['longest_run'], 'frame')} in a row at most, highest confidence "
            f"{best['confidence']:.2f}."
        )
    if totals.embryos == totals.frames > 1:
        yield (
            "Nothing told which embryo a frame shows, so every frame counts as an embryo of its own; "
            "data.group_pattern or an index.csv names embryos."
        )


def when(row: Row, end: str) -> str:
    """First or last appearance, in hours where times are known."""
    hours, index = row[f"{end}_hours"], row[f"{end}_index"]
    if index is None:
        return "–"
    return f"frame {index}" if hours is None else f"{hours:.1f} h"


def trust(contents: Contents) -> list[str]:
    """How far the answer can be trusted, from frames of which the truth is known."""
    looks = contents.judged_frames
    if not looks:
        return [*_of_bundle(contents), _CONFIDENCE]
    strings, free = ([look for look in looks if look.label == label] for label in (1, 0))
    embryos = len({look.sequence for look in looks})
    found = [
        f"Judged on {_count(len(looks), 'frame')} of {_count(embryos, 'embryo')} with known answers, none of "
        f"them trained on (the split {contents.split})."
    ]
    if strings:
        where = f", on {_hits(strings)} in the right place" if any(look.truth for look in strings) else ""
        count = _count(len(strings), "frame")
        found.append(f"A string was reported on {_reported(strings)} of the {count} with strings{where}.")
    if free:
        count = _count(len(free), "frame")
        found.append(f"One was also reported on {_reported(free)} of the {count} without strings.")
    texts = [" ".join(found), *_verdict(contents, strings, free)]
    if embryos < FEW:
        texts.append(f"This rests on {_count(embryos, 'embryo')} only: others may well turn out differently.")
    return [*texts, _CONFIDENCE]


def _of_bundle(contents: Contents) -> Iterator[str]:
    """What is known of the model, where no frame of this run was judged."""
    notes = contents.bundle.get("notes", ())
    yield from (f"{note[0].upper()}{note[1:]}." for note in notes if note.startswith(ADAPTATION))
    if contents.carried is not None:
        yield from quoted(contents.carried)
        asked = contents.recipe.get("pipeline", {}).get("min_confidence")
        if asked is not None and asked != contents.carried.least:
            yield (
                f"That holds for boxes from confidence {contents.carried.least:.3g} on; this run reports "
                f"them from {asked:.3g} on."
            )
        yield "Your frames may look unlike those: look at them before relying on a figure."
    elif contents.alarms is not None:
        wrong, right = contents.alarms
        yield (
            "On the frames that its operating points were chosen on, the model reported a string in "
            f"{right:.0%} of those with strings and in {wrong:.0%} of those without, which flatters it. "
            "Look at the frames."
        )
    else:
        yield (
            "Neither this run nor its model was judged on frames with known answers, so nothing here says "
            "how often it errs. Look at the frames."
        )


def _verdict(contents: Contents, strings: list[ReportFrame], free: list[ReportFrame]) -> Iterator[str]:
    if strings and free:
        right, wrong = (_reported(some) / len(some) for some in (strings, free))
        if wrong > AS_OFTEN * right:
            yield (
                "A report by itself is thus no evidence of a string: frames without strings get one nearly "
                "as often. Look at each frame."
            )
        elif wrong > 0.3 * right:
            yield "So many reports are false alarms: look at each frame before relying on it."
    stage1 = contents.metrics["splits"][contents.split]["stage1"]
    if not isinstance(stage1, Mapping) or not isinstance(stage1["auroc"], Mapping):
        return
    auroc, cues = stage1["auroc"], stage1["baselines"]
    values = {cue: figure["value"] for cue, figure in cues.items() if isinstance(figure, Mapping)}
    best = max(values, key=lambda cue: values[cue], default=None)
    if auroc["low"] is not None and auroc["low"] <= 0.5:
        yield (
            f"Stage 1 cannot be told from guessing on these frames (AUROC {auroc['value']:.2f}, interval "
            f"{auroc['low']:.2f} to {auroc['high']:.2f}; guessing is 0.5)."
        )
    elif best is not None and values[best] >= auroc["value"]:
        yield (
            f"Stage 1 is no better than a trivial cue: {best.replace('_', ' ')} alone reaches an AUROC of "
            f"{values[best]:.2f}, the filter {auroc['value']:.2f}. What it has learnt may not be strings."
        )


def overlap(look: ReportFrame) -> float:
    """The best IoU of a reported box with an annotated one."""
    found, truth = bx.as_boxes([box for box, _ in look.reported]), bx.as_boxes(list(look.truth or ()))
    return float(bx.iou(found, truth).max(initial=0))


def _hits(looks: list[ReportFrame]) -> int:
    return sum(overlap(look) >= FOUND_IOU for look in looks)


def _reported(looks: list[ReportFrame]) -> int:
    return sum(len(look.reported) > 0 for look in looks)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

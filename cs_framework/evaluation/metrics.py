"""The figures of ``metrics.json``; docs/metrics.md defines each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cs_framework.api import boxes as bx
from cs_framework.api.arrays import Float64
from cs_framework.evaluation import matching
from cs_framework.evaluation.bootstrap import Bootstrap
from cs_framework.evaluation.matching import Overlaps, annotated, annotated_share
from cs_framework.evaluation.ranking import Statistic, auroc, average_precision, coco_average_precision, ratio
from cs_framework.pipeline.results import JudgedFrame

RECALL_IOUS = (0.2, 0.25, 0.5, 0.75)
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
"""Proposals of a frame, from its first, with which recall is measured."""
HIT_IOUS = (0.2, 0.25, 0.5)
AP_IOUS = (0.25, 0.5, 0.75)
FOUND_IOU = 0.25
"""Overlap from which a reported box has found a string."""

Figures = dict[str, Any]


def evaluate(
    splits: Mapping[str, Sequence[JudgedFrame]],
    *,
    threshold: float | None,
    training_iou: tuple[float, float] = (0.2, 0.1),
    resamples: int,
    seed: int,
    notes: Sequence[str] = (),
) -> Figures:
    """All figures of a run, in the shape of ``metrics.json``.

    Args:
        splits: judged frames of each split, by its name.
        threshold: what the gate compares anomaly scores with; None where the recipe has no filter.
        training_iou: regions above the first IoU are positive, below the second negative, the rest ignored.
        resamples: bootstrap resamples behind each interval.
        seed: seed of the resampling.
        notes: what a reader has to know; remarks on the intervals are added.

    Returns:
        What JSON can hold. A figure that cannot be computed is a text that says why.

    Raises:
        ValueError: there is a filter, and a score is not finite.
    """
    report: Figures = {}
    remarks = list(notes)
    for name, frames in splits.items():
        split = _Split(frames, Bootstrap([f.result.sequence for f in frames], resamples, seed))
        report[name] = {
            "stage1": "no filter" if threshold is None else _stage1(split, threshold),
            "stage2": _stage2(split, training_iou) if split.with_boxes.any() else "no boxes",
            "cascade": _cascade(split),
        }
        remarks += _remarks_on_units(name, report[name])
    return {"splits": report, "notes": remarks}


def judge_proposals(
    splits: Mapping[str, Sequence[JudgedFrame]],
    seconds: Mapping[str, Sequence[float]],
    *,
    resamples: int,
    seed: int,
) -> Figures:
    """The figures of proposers alone, in the shape of ``proposals.json``.

    Args:
        splits: frames of each split, by its name, with proposals in the order of the proposers and no scores.
        seconds: what proposing took on each of them.
        resamples: bootstrap resamples behind each interval.
        seed: seed of the resampling.

    Returns:
        What JSON can hold. A split without boxes has a text in place of its figures.
    """
    report: Figures = {}
    remarks: list[str] = []
    for name, frames in splits.items():
        split = _Split(frames, Bootstrap([f.result.sequence for f in frames], resamples, seed))
        figures = _proposals(split, seconds[name]) if split.with_boxes.any() else "no boxes"
        report[name] = {"proposals": figures}
        remarks += _remarks_on_units(name, report[name])
    return {"splits": report, "notes": remarks}


class _Split:
    """The frames of one split, and what all stages ask of them as (F,) arrays."""

    def __init__(self, frames: Sequence[JudgedFrame], bootstrap: Bootstrap) -> None:
        self.frames = frames
        self.figure = bootstrap.figure
        self.all = np.ones(len(frames), np.bool_)
        self.abnormal = np.array([f.label == 1 for f in frames], np.bool_)
        self.flagged = np.array([f.result.flagged for f in frames], np.bool_)
        self.known = np.array([f.boxes is not None for f in frames], np.bool_)
        """Frames of which it is known where strings are, if anywhere."""
        self.strings = np.array([0 if f.boxes is None else len(f.boxes) for f in frames], np.intp)
        """Annotated boxes of each frame."""
        self.with_boxes = self.strings > 0

    def of_boxed(self, numerator: ArrayLike, denominator: ArrayLike) -> Figures | str:
        """A share of boxes, or of frames that have some."""
        return self.figure(ratio(numerator, denominator), self.with_boxes, missing="no boxes")

    def of_both_classes(self, statistic: Statistic) -> Figures | str:
        """What needs string frames and others."""
        for mask, name in ((self.abnormal, "abnormal"), (~self.abnormal, "normal")):
            if not mask.any():
                return f"no {name} frames"
        return self.figure(statistic, self.abnormal, ~self.abnormal, missing="no frame flagged")

    def of_frames(self, values: ArrayLike) -> Figures | str:
        """The mean of a quantity of frames."""
        return self.figure(ratio(values, self.all), self.all, missing="no frames")

    def proposal_recall(self, overlaps: Sequence[Overlaps]) -> Figures:
        """Share of annotated boxes that some region reaches, by the IoU asked for."""
        reached = {iou: [np.count_nonzero(o.of_boxes >= iou) for o in overlaps] for iou in RECALL_IOUS}
        return {str(iou): self.of_boxed(boxes, self.strings) for iou, boxes in reached.items()}


def _stage1(split: _Split, threshold: float) -> Figures:
    scores = np.array([f.result.score for f in split.frames], np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("anomaly scores must be finite")
    abnormal, normal, flagged = split.abnormal, ~split.abnormal, split.flagged
    classes = [mask for mask in (abnormal, normal) if mask.any()]
    cues = split.frames[0].result.statistics if len(scores) else ()

    def cue_auroc(cue: str) -> Statistic:
        area = auroc([f.result.statistics[cue] for f in split.frames], abnormal)
        return lambda weights: np.maximum(area(weights), 1 - area(weights))  # a cue may point either way

    hits = abnormal & flagged
    return {
        "auroc": split.of_both_classes(auroc(scores, abnormal)),
        "average_precision": split.of_both_classes(
            average_precision(scores, abnormal, np.arange(len(scores)), len(scores))
        ),
        "accuracy": split.figure(ratio(flagged == abnormal, split.all), *classes, missing="no frames"),
        "precision": split.of_both_classes(ratio(hits, flagged)),
        "recall": split.figure(ratio(hits, abnormal), abnormal, missing="no abnormal frames"),
        "f1": split.of_both_classes(ratio(2 * hits, 1 * abnormal + flagged)),
        "confusion": {
            "tp": int(np.count_nonzero(hits)),
            "fp": int(np.count_nonzero(normal & flagged)),
            "fn": int(np.count_nonzero(abnormal & ~flagged)),
            "tn": int(np.count_nonzero(normal & ~flagged)),
        },
        "threshold": threshold,
        "baselines": {cue: split.of_both_classes(cue_auroc(cue)) for cue in cues},
    }


def _stage2(split: _Split, training_iou: tuple[float, float]) -> Figures:
    """Figures of the raw ranking, and AP of the boxes left by suppression; the gate plays no part."""
    overlaps = [Overlaps.of(frame) for frame in split.frames]

    def best_of_top(k: int) -> Float64:
        return np.array([o.of_regions[:k].max(initial=0) for o in overlaps])

    def hit_rates(k: int) -> Figures:
        best = best_of_top(k)
        return {
            str(iou): split.of_boxed((best >= iou) & split.with_boxes, split.with_boxes) for iou in HIT_IOUS
        }

    def chance_rates(k: int) -> Figures:
        chances = {iou: [_chance_of_hit(o.of_regions >= iou, k) for o in overlaps] for iou in HIT_IOUS}
        return {str(iou): split.of_boxed(each, split.with_boxes) for iou, each in chances.items()}

    return {
        "proposal_recall": split.proposal_recall(overlaps),
        "proposals_per_frame": split.of_frames([len(f.result.proposals) for f in split.frames]),
        **_regions(split, overlaps, training_iou),
        "top1_hit_rate": hit_rates(1),
        "random1_hit_rate": chance_rates(1),
        "top5_hit_rate": hit_rates(5),
        "random5_hit_rate": chance_rates(5),
        "top1_mean_iou": split.of_boxed(best_of_top(1), split.with_boxes),
        "pointing": split.of_boxed([o.points for o in overlaps], split.with_boxes),
        "random_pointing": split.of_boxed([annotated_share(f) for f in split.frames], split.with_boxes),
        "ap": {
            str(iou): split.figure(_coco_ap(split, iou), split.with_boxes, split.known, missing="no boxes")
            for iou in AP_IOUS
        },
    }


def _chance_of_hit(hits: NDArray[np.bool_], k: int) -> float:
    """The chance that some of k regions, drawn at random among those of a frame, hit."""
    count, misses = len(hits), int(np.count_nonzero(~hits))
    return 1 - math.comb(misses, k) / math.comb(count, k) if count >= k else float(hits.any())


def _proposals(split: _Split, seconds: Sequence[float]) -> Figures:
    """Figures of boxes that nothing has scored."""
    overlaps = [Overlaps.of(frame) for frame in split.frames]
    most = max(1, *(len(f.result.proposals) for f in split.frames))
    counts = [*(count for count in COUNTS if count < most), most]
    best = {count: np.concatenate([o.of_boxes_within(count) for o in overlaps]) for count in counts}
    return {
        "proposal_recall": split.proposal_recall(overlaps),
        "mean_best_iou": split.of_boxed([o.of_boxes.sum() for o in overlaps], split.strings),
        "proposals_per_frame": split.of_frames([len(f.result.proposals) for f in split.frames]),
        "seconds_per_frame": split.of_frames(seconds),
        "recall_by_count": {
            str(iou): {str(count): float(np.mean(best[count] >= iou)) for count in counts}
            for iou in RECALL_IOUS
        },
    }


def _regions(split: _Split, overlaps: Sequence[Overlaps], training_iou: tuple[float, float]) -> Figures:
    """How well the probability tells the regions of strings from background, by the labels of training."""
    frames = np.repeat(np.arange(len(overlaps)), [len(o.of_regions) for o in overlaps])
    iou = np.concatenate([o.of_regions for o in overlaps])
    probability = np.concatenate([o.probability for o in overlaps])
    positive, negative = iou > training_iou[0], iou < training_iou[1]
    labelled = positive | negative

    ap = average_precision(probability[labelled], positive[labelled], frames[labelled], len(overlaps))
    count = partial(np.bincount, minlength=len(overlaps))
    base_rate = ratio(count(frames[positive]), count(frames[labelled]))
    behind = split.with_boxes, split.known
    return {
        "region_ap": split.figure(ap, *behind, missing="no positive regions"),
        "region_base_rate": split.figure(base_rate, *behind, missing="no regions"),
    }


def _coco_ap(split: _Split, iou: float) -> Statistic:
    known = [i for i, frame in enumerate(split.frames) if frame.boxes is not None]
    ranked = [split.frames[i].result.ranked[: matching.MAX_DETECTIONS] for i in known]
    matched = matching.matches([annotated(split.frames[i]) for i in known], ranked, iou)
    confidence = [d.confidence for found in ranked for d in found]
    frame_of_detection = np.repeat(known, [len(found) for found in ranked])
    return coco_average_precision(confidence, matched, frame_of_detection, split.strings)


def _cascade(split: _Split) -> Figures:
    """Figures of what a run reports: boxes of flagged frames only."""
    found = [_found(frame) if frame.result.flagged else 0 for frame in split.frames]
    confidence = np.array([_confidence(frame) for frame in split.frames], np.float64)
    reported = np.array([bool(frame.result.reported) for frame in split.frames], np.bool_)
    return {
        "flagged_fraction": split.figure(ratio(split.flagged, split.all), split.all, missing="no frames"),
        "string_frames_flagged": split.figure(
            ratio(split.flagged & split.abnormal, split.abnormal),
            split.abnormal,
            missing="no abnormal frames",
        ),
        "string_frames_reported": split.figure(
            ratio(split.abnormal & reported, split.abnormal),
            split.abnormal,
            missing="no abnormal frames",
        ),
        "normal_frames_reported": split.figure(
            ratio(~split.abnormal & reported, ~split.abnormal),
            ~split.abnormal,
            missing="no normal frames",
        ),
        "confidence_auroc": split.of_both_classes(auroc(confidence, split.abnormal)),
        "strings_found": split.figure(ratio(found, split.strings), split.with_boxes, missing="no boxes"),
    }


def _confidence(frame: JudgedFrame) -> float:
    """The highest confidence of any box of a frame, 0 where it has none or is not flagged."""
    return max((d.confidence for d in frame.result.ranked if frame.result.flagged), default=0.0)


def _found(frame: JudgedFrame) -> int:
    """Annotated boxes that a reported box lies over."""
    reported = bx.as_boxes([d.box for d in frame.result.detections])
    return int(np.count_nonzero(bx.iou(reported, annotated(frame)).max(axis=0, initial=0) >= FOUND_IOU))


def _remarks_on_units(split: str, sections: Figures) -> list[str]:
    """Say which intervals resample frames, since those are too narrow for other embryos."""
    by_frame = {
        section: [unit == "frame" for unit in _units(figures)] for section, figures in sections.items()
    }
    partly = [
        f"some of {section}" if not all(flags) else section
        for section, flags in by_frame.items()
        if any(flags)
    ]
    if not partly:
        return []
    return [
        f"{split}: the intervals of {', '.join(partly)} resample frames, since the frames behind them, or "
        "those of one class, come from one embryo; they say nothing about other embryos"
    ]


def _units(figures: Any) -> list[str]:
    if not isinstance(figures, dict):
        return []
    if "unit" in figures:
        return [figures["unit"]]
    return [unit for inner in figures.values() for unit in _units(inner)]

"""Judged frames made of figures, for tests of evaluation."""

from __future__ import annotations

import numpy as np

from cs_framework import Detection, RegionScores, boxes
from cs_framework.pipeline.results import FrameResult, JudgedFrame


def judged(
    *,
    sequence="embryo1",
    label=None,
    strings=(),
    regions=(),
    confidence=(),
    probability=None,
    ranked=None,
    reported=1,
    score=0.0,
    flagged=True,
    statistics=None,
    frame="frame",
):
    """One judged frame; `ranked` indexes `regions` and is by falling confidence if left out."""
    proposals = boxes.as_boxes(regions)
    confidence = np.array(confidence, np.float32)
    probability = confidence if probability is None else np.array(probability, np.float32)
    if ranked is None:
        ranked = np.argsort(-confidence, kind="stable")
    detections = tuple(
        Detection(
            frame, tuple(map(float, proposals[i])), float(confidence[i]), float(probability[i]), 1.0, rank
        )
        for rank, i in enumerate(ranked)
    )
    truth = None if strings is None else boxes.as_boxes(strings)
    result = FrameResult(
        frame=frame,
        sequence=sequence,
        index=0,
        size=(100, 100),
        score=score,
        flagged=flagged,
        proposals=proposals,
        scores=RegionScores(probability, np.ones_like(confidence), confidence) if len(proposals) else None,
        ranked=detections,
        detections=detections[:reported],
        statistics={"mean_intensity": score} if statistics is None else statistics,
    )
    return JudgedFrame(result, int(bool(strings)) if label is None else label, truth)


def random_split(seed, frames=12, embryos=4, regions=30, threshold=0.5):
    """Frames of several embryos, half of them with up to three strings.

    Scores are coarse, so that regions of different frames tie; confidences within one frame differ.
    """
    rng = np.random.default_rng(seed)
    split = []
    for number in range(frames):
        corners = rng.integers(0, 60, (rng.integers(0, 4) if number % 2 else 0, 2))
        strings = np.concatenate([corners, corners + rng.integers(10, 40, corners.shape)], axis=1)
        corners = rng.integers(0, 60, (regions, 2))
        proposals = np.concatenate([corners, corners + rng.integers(10, 40, corners.shape)], axis=1)
        if len(strings):
            jitter = rng.integers(-4, 5, (regions // 3, 4))
            proposals[: regions // 3] = strings[rng.integers(len(strings), size=regions // 3)] + jitter
        overlap = boxes.iou(boxes.as_boxes(proposals), boxes.as_boxes(strings)).max(axis=1, initial=0)
        noisy = np.clip(overlap / 2 + rng.random(regions) / 2, 0, 1)
        grid = np.sort(rng.choice(101, regions, replace=False)) / 100
        confidence = grid[np.argsort(np.argsort(noisy))]
        score = round(float(rng.random() + 0.3 * bool(len(strings))), 1)
        split.append(
            judged(
                sequence=f"embryo{number % embryos}",
                frame=f"frame{number}",
                strings=strings.tolist(),
                regions=proposals,
                confidence=confidence,
                probability=noisy.round(1),
                ranked=np.argsort(-confidence)[:10],
                score=score,
                flagged=score >= threshold,
                statistics={"mean_intensity": float(rng.random()), "frame_size": 100.0},
            )
        )
    return split

"""What ``cs-data check`` finds out about a data set, decoding every frame once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from attrs import frozen

from cs_framework.api.components import Env
from cs_framework.data.dataset import survey
from cs_framework.data.images import content_hash, read_samples
from cs_framework.data.labels import LabelledFrame
from cs_framework.errors import FrameError

if TYPE_CHECKING:
    from cs_framework.recipe.schema import DataSettings


@frozen
class SplitCounts:
    """How much a split holds."""

    normal: int
    abnormal: int
    boxed: int
    """Abnormal frames with boxes."""
    boxes: int
    embryos: int


@frozen
class Findings:
    """The state of a data set."""

    splits: Mapping[str, SplitCounts]
    depths: Mapping[str, int]
    """Readable frames by depth and colour, such as ``8-bit grey``."""
    sizes: Sequence[tuple[int, int]]
    """(height, width) of each readable frame, in ascending order of area."""
    problems: Sequence[str]
    """What would spoil a run."""
    notes: Sequence[str]
    """What is worth knowing."""


def check(settings: DataSettings, env: Env) -> Findings:
    """Look at every frame and label of a data set.

    Raises:
        DataError: there is no data set to look at.
    """
    dataset, problems = survey(settings)
    notes = list(dataset.notes)
    depths: Counter[str] = Counter()
    sizes: list[tuple[int, int]] = []
    alike: dict[str, list[LabelledFrame]] = defaultdict(list)
    frames = [frame for split in dataset.splits.values() for frame in split]
    frame: LabelledFrame
    for frame in env.track(frames, "reading frames", total=len(frames)):
        try:
            samples = read_samples(frame.ref, settings.bits)
        except FrameError as error:
            notes.append(f"unreadable, so a run passes it over: {error}")
            continue
        depths[f"{samples.bits}-bit {'grey' if samples.values.ndim == 2 else 'RGB'}"] += 1
        sizes.append(samples.values.shape[:2])
        alike[content_hash(frame.ref)].append(frame)
    if frames and not sizes:
        problems.append("not one frame can be read")
    _judge_copies([group for group in alike.values() if len(group) > 1], problems, notes)
    return Findings(
        {split: _count(frames) for split, frames in dataset.splits.items()},
        depths,
        sorted(sizes, key=lambda size: (size[0] * size[1], size)),
        problems,
        notes,
    )


def _judge_copies(groups: list[list[LabelledFrame]], problems: list[str], notes: list[str]) -> None:
    """Identical files: harmless within a split, unless their labels differ; a leak between splits."""
    leaks, contradictions, harmless = [], [], 0
    for group in groups:
        names = " = ".join(frame.ref.id for frame in group)
        if len({PurePosixPath(frame.ref.id).parts[0] for frame in group}) > 1:
            leaks.append(names)
        elif len({frame.label for frame in group}) > 1:
            contradictions.append(names)
        else:
            harmless += 1
    problems += [f"identical files in two splits: {names}" for names in leaks]
    problems += [f"identical files, one normal and one abnormal: {names}" for names in contradictions]
    if harmless:
        notes.append(f"{harmless} frames occur more than once within their split")


def _count(frames: Sequence[LabelledFrame]) -> SplitCounts:
    abnormal = [frame for frame in frames if frame.label]
    boxes = [len(frame.yolo_boxes) for frame in abnormal if frame.yolo_boxes is not None]
    embryos = {frame.ref.sequence for frame in frames}
    return SplitCounts(len(frames) - len(abnormal), len(abnormal), len(boxes), sum(boxes), len(embryos))

"""A labelled data set: its splits, the embryos they hold, and what is wrong with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cs_framework.data.labels import LabelledFrame, YoloLabels, read_yolo
from cs_framework.data.listing import LAYOUT, SPLITS, is_data_root, natural_key, relative_name, walk
from cs_framework.data.refs import FrameRef, FrameSource
from cs_framework.data.source import open_source
from cs_framework.errors import DataError

if TYPE_CHECKING:
    from cs_framework.recipe.schema import DataSettings


@frozen(eq=False)
class DataSet:
    """Frames of a data root by split, with their labels."""

    splits: Mapping[str, tuple[LabelledFrame, ...]]
    """``train``, ``val`` and ``test``, as far as they hold frames; in the order of the source."""
    source: FrameSource
    """Reads the frames."""
    notes: list[str]
    """What a reader of the results has to know."""


def load_dataset(settings: DataSettings) -> DataSet:
    """List and label the frames of ``data.root``; no image is decoded.

    Synthetic embryos are written to a folder first and loaded from there.

    Raises:
        DataError: listing everything that is wrong: no frames, malformed labels, one embryo in two splits.
    """
    dataset, problems = survey(settings)
    if problems:
        shown = "".join(f"\n  {problem}" for problem in problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise DataError(f"{settings.root}: this data set cannot be used:{shown}{more}")
    return dataset


def survey(settings: DataSettings) -> tuple[DataSet, list[str]]:
    """Like [load_dataset][cs_framework.data.dataset.load_dataset], but the faults of the data are returned.

    Raises:
        DataError: there is no data set to speak of.
    """
    root = settings.root
    if root is None:
        raise DataError("data.root is not set: the folder of the data set")
    if not is_data_root(root):
        raise DataError(f"{root}: not a data set; frames are looked for in {LAYOUT}")
    source = open_source(root, settings)
    notes = list(source.notes)
    problems: list[str] = []
    splits = _label(source.refs, root, notes, problems)
    if "train" in splits and all(frame.label for frame in splits["train"]):
        notes.append("train/normal holds no frames, so an anomaly filter cannot be fitted")
    shared = _shared_embryos(splits)
    if shared and settings.shared_embryos == "allow":
        notes.append(f"data.shared_embryos allows one embryo in several splits: {shared}")
    elif shared:
        problems.append(
            f"one embryo in several splits: {shared}. That flatters every figure: keep each embryo in one "
            'split, or set data.shared_embryos = "allow"'
        )
    return DataSet(splits, source, notes), problems


def label_path(ref: FrameRef, root: Path) -> Path:
    """Where a frame's boxes are: ``labels/<split>/<stem>.txt``, for a page of a stack ``<stem>#<page>.txt``.

    Folders below that of the class recur below that of the split.
    """
    split, _, *folders, _ = ref.path.relative_to(root).parts
    page = ref.id.removeprefix(ref.file)
    return root.joinpath("labels", split, *folders, f"{ref.path.stem}{page}.txt")


def hold_out(
    frames: Sequence[LabelledFrame], seed: int
) -> tuple[tuple[LabelledFrame, ...], tuple[LabelledFrame, ...]] | None:
    """Set some annotated embryos of the training split aside, to validate on where nobody drew boxes.

    Args:
        frames: the training split.
        seed: decides which embryos: a fifth of those with boxes, at least one.

    Returns:
        The frames left for training and those held out, or None where fewer than two embryos have boxes.
    """
    annotated = sorted(
        {frame.ref.sequence for frame in frames if frame.label and frame.yolo_boxes is not None}
    )
    if len(annotated) < 2:
        return None
    count = max(1, round(0.2 * len(annotated)))
    chosen = set(np.random.default_rng(seed).permutation(annotated)[:count].tolist())
    train = tuple(frame for frame in frames if frame.ref.sequence not in chosen)
    held_out = tuple(frame for frame in frames if frame.ref.sequence in chosen)
    return train, held_out


def _label(
    refs: Sequence[FrameRef], root: Path, notes: list[str], problems: list[str]
) -> dict[str, tuple[LabelledFrame, ...]]:
    """Frames by split; what is noteworthy or wrong of their labels is added to `notes` and `problems`."""
    splits: dict[str, list[LabelledFrame]] = {split: [] for split in SPLITS}
    without_boxes: dict[str, list[str]] = {split: [] for split in SPLITS}
    overhanging: dict[str, int] = {}
    owners: dict[Path, list[str]] = defaultdict(list)
    for ref in refs:
        split, kind = PurePosixPath(ref.id).parts[:2]
        path = label_path(ref, root)
        name = relative_name(path, root)
        yolo = YoloLabels()
        if path.is_file():
            yolo = read_yolo(path)
            owners[path].append(ref.id)
            problems += [f"{name}:{problem}" for problem in yolo.problems]
        if yolo.overhanging:
            overhanging[name] = yolo.overhanging
        boxes = yolo.yolo_boxes if len(yolo.yolo_boxes) else None
        if kind == "abnormal" and boxes is None:
            without_boxes[split].append(ref.id)
        if kind == "normal" and boxes is not None:
            problems.append(f"{name}: has boxes, although {ref.id} is among the string-free frames")
        splits[split].append(LabelledFrame(ref, int(kind == "abnormal"), boxes))
    for split, ids in without_boxes.items():
        if ids:
            notes.append(f"{split}: {len(ids)} of the abnormal frames have no boxes, such as {ids[0]}")
    if overhanging:
        notes.append(
            f"labels: {sum(overhanging.values())} boxes reach over the border of their frame and are cut "
            f"there, such as in {next(iter(overhanging))}"
        )
    problems += [
        f"{relative_name(path, root)}: {', '.join(ids)} share these boxes; frames need names that differ by "
        "more than their extension"
        for path, ids in owners.items()
        if len(ids) > 1
    ]
    files = (path for split in SPLITS for path in walk(root / "labels" / split))
    unused = sorted(
        relative_name(path, root)
        for path in files
        if path.suffix == ".txt" and path.name != "classes.txt" and path not in owners
    )
    if unused:
        notes.append(f"labels: {len(unused)} files belong to no frame, such as {unused[0]}")
    return {split: tuple(frames) for split, frames in splits.items() if frames}


def _shared_embryos(splits: Mapping[str, Sequence[LabelledFrame]]) -> str:
    """Embryos in more than one split, in words; empty where there are none."""
    seen: dict[str, list[str]] = defaultdict(list)
    for split, frames in splits.items():
        for embryo in {frame.ref.sequence for frame in frames}:
            seen[embryo].append(split)
    shared = sorted((embryo for embryo in seen if len(seen[embryo]) > 1), key=natural_key)
    words = [f"{embryo} ({', '.join(seen[embryo])})" for embryo in shared[:10]]
    return ", ".join(words) + (f" and {len(shared) - 10} more" if len(shared) > 10 else "")

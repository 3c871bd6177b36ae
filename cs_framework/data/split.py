"""``cs-data split``: a data root of train, val and test frames, parted by embryo."""

from __future__ import annotations

import csv
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from attrs import frozen

from cs_framework.data.formats import yolo
from cs_framework.data.formats.boxed import BoxedFrame, refuse
from cs_framework.data.groups import INDEX, read_grouping
from cs_framework.data.listing import CLASSES, SPLITS, is_data_root, natural_key
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.errors import DataError
from cs_framework.files import whole_folder
from cs_framework.recipe.schema import DataSettings

_NEEDY_FIRST = ("train", "test", "val")
"""Where scarce embryos go: without any to validate on, a training embryo is held out."""


@frozen
class _Member:
    """A file of the new data root."""

    refs: tuple[FrameRef, ...]
    """Its frames, of one embryo."""
    label: int
    labels: tuple[Path, ...] = ()
    """Files of boxes, of each of its frames that has one."""
    boxes: BoxedFrame | None = None
    """Boxes that are still to be written."""
    is_indexed: bool = True
    """Whether ``index.csv`` is to speak of each frame, rather than of the file."""

    @property
    def file(self) -> str:
        return self.refs[0].file

    @property
    def embryo(self) -> str:
        return self.refs[0].sequence


def split(
    source: Path,
    target: Path,
    *,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    seed: int = 0,
    pattern: str | None = None,
    boxed: Sequence[BoxedFrame] | None = None,
) -> dict[str, list[str]]:
    """Make a data root whose splits share no embryo; files are linked where that works, else copied.

    Embryos with strings and those without are dealt out alike, at random but the same for a seed: to each
    split the share that `fractions` says, at least one embryo where there are enough.

    Args:
        source: a data root, to part anew; or a folder with ``normal/``, ``abnormal/`` and perhaps
            ``labels/``; or with `boxed`, any folder of frames.
        target: the new data root, which must be new or empty.
        fractions: of train, val and test; they add up to 1.
        seed: decides which embryos go where.
        pattern: ``data.group_pattern``.
        boxed: the labelled frames; those with boxes are the abnormal ones, and others are left out.

    Returns:
        The embryos of each split.

    Raises:
        DataError: `target` is not empty, or the frames cannot be parted, such as embryos that share a file.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} is not empty; give a new folder")
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(f"fractions of train, val and test must add up to 1, not {sum(fractions):g}")
    settings = DataSettings(group_pattern=pattern)
    members = _labelled(source, settings, boxed) if boxed is not None else _of_folders(source, settings)
    with_strings = {member.embryo: False for member in members}
    for member in members:
        with_strings[member.embryo] |= bool(member.label)
    split_of = _deal(with_strings, dict(zip(SPLITS, fractions, strict=True)), seed)
    _refuse_collisions(members, split_of)
    if target.exists():
        target.rmdir()
    with whole_folder(target) as new:
        _write(new, members, split_of)
    return {name: sorted(e for e, where in split_of.items() if where == name) for name in SPLITS}


def _of_folders(source: Path, settings: DataSettings) -> list[_Member]:
    """Frames whose folder says whether they show strings."""
    rooted = is_data_root(source)
    if not rooted and not any((source / kind).is_dir() for kind in CLASSES):
        raise DataError(
            f"{source}: neither a data root nor a folder with normal/ and abnormal/; labels elsewhere are "
            "given with --labels"
        )
    files: dict[str, list[FrameRef]] = defaultdict(list)
    for ref in open_source(source, settings).refs:
        files[ref.file].append(ref)
    rows = read_grouping(source, None).rows
    members, problems = [], []
    for file, refs in files.items():
        kind = PurePosixPath(file).parts[1 if rooted else 0]
        if kind not in CLASSES:
            continue
        embryos = sorted({ref.sequence for ref in refs}, key=natural_key)
        if len(embryos) > 1:
            problems.append(f"{file} shows {', '.join(embryos)}: save each embryo as a file of its own")
        labels = (source / "labels" / yolo.file_name(ref.id if rooted else _below(ref.id)) for ref in refs)
        members.append(
            _Member(
                tuple(refs),
                int(kind == "abnormal"),
                tuple(path for path in labels if path.is_file()),
                is_indexed=len(refs) == 1 or any(ref.id in rows for ref in refs),
            )
        )
    refuse(problems)
    return members


def _labelled(source: Path, settings: DataSettings, boxed: Sequence[BoxedFrame]) -> list[_Member]:
    """Frames that labels elsewhere speak of."""
    refs = {ref.id: ref for ref in open_source(source, settings).refs}
    refuse([f"{one.name} is not in {source}" for one in boxed if one.name not in refs])
    several = [one.name for one in boxed if refs[one.name].id != refs[one.name].file]
    if several:
        raise DataError(
            f"{several[0]}: frames of stacks and videos cannot be parted into normal and abnormal ones; save "
            "them as images of their own"
        )
    return [_Member((refs[one.name],), int(len(one.boxes) > 0), boxes=one) for one in boxed]


def _deal(with_strings: Mapping[str, bool], fractions: Mapping[str, float], seed: int) -> dict[str, str]:
    """Embryo -> split."""
    rng = np.random.default_rng(seed)
    dealt: dict[str, str] = {}
    for kind in (True, False):
        embryos = sorted(embryo for embryo, has in with_strings.items() if has == kind)
        order = rng.permutation(len(embryos)).tolist()
        places = [name for name, count in _shares(len(embryos), fractions).items() for _ in range(count)]
        dealt |= {embryos[at]: place for at, place in zip(order, places, strict=True)}
    return dealt


def _shares(count: int, fractions: Mapping[str, float]) -> dict[str, int]:
    """How many of `count` embryos each split gets: one at least, where that is possible."""
    wanted = [name for name in _NEEDY_FIRST if fractions[name] > 0]
    shares = dict.fromkeys(fractions, 0)
    for name in wanted[:count]:
        shares[name] = 1
    while sum(shares.values()) < count:
        most = max(wanted, key=lambda name: fractions[name] * count - shares[name])
        shares[most] += 1
    return shares


def _below(name: str) -> str:
    """A name without its first folder."""
    return "/".join(PurePosixPath(name).parts[1:])


def _place(member: _Member, split: str) -> str:
    """Where a file goes, below the new root."""
    parts = PurePosixPath(member.file).parts
    while len(parts) > 1 and parts[0] in {*SPLITS, *CLASSES}:
        parts = parts[1:]
    return "/".join((split, CLASSES[member.label], *parts))


def _refuse_collisions(members: Iterable[_Member], split_of: Mapping[str, str]) -> None:
    files = defaultdict(list)
    for member in members:
        place = yolo.file_name(_place(member, split_of[member.embryo]))
        files[place].append(member.file)
    refuse(
        [
            f"would share one label file: {', '.join(sorted(names))}"
            for names in files.values()
            if len(names) > 1
        ]
    )


def _write(root: Path, members: Sequence[_Member], split_of: Mapping[str, str]) -> None:
    rows: list[tuple[str | int, ...]] = []
    for member in members:
        place = _place(member, split_of[member.embryo])
        original = member.refs[0].path
        _link(original, root / place)
        labels = root / "labels"
        for path in member.labels:
            page = path.stem.removeprefix(original.stem)
            _link(path, labels / yolo.file_name(place + page))
        if member.boxes is not None:
            yolo.write(labels, [BoxedFrame(place, member.boxes.size, member.boxes.boxes)])
        if not member.is_indexed:
            rows.append((place, member.embryo, "", ""))
            continue
        for ref in member.refs:
            hours = "" if ref.hours is None else f"{ref.hours:.10g}"
            rows.append((place + ref.id.removeprefix(ref.file), ref.sequence, ref.index, hours))
    with (root / INDEX).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "group", "frame_no", "hours"))
        writer.writerows(rows)


def _link(source: Path, target: Path) -> None:
    """Hard-link the file; copy it where links are not supported."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)

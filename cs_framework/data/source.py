"""List the frames of a folder, a file or a list of files, embryo by embryo in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from cs_framework.api.frames import Frame
from cs_framework.data.groups import INDEX, Grouping, Row, read_grouping
from cs_framework.data.images import EXTENSIONS, FORMATS, list_shots, read_frame
from cs_framework.data.listing import LISTS, Listing, list_images, natural_key, read_list, relative_name
from cs_framework.data.refs import UNLISTED, FrameRef, FrameSource
from cs_framework.errors import DataError

if TYPE_CHECKING:
    from cs_framework.recipe.schema import DataSettings


@frozen(eq=False)
class FolderSource:
    """Files of images, stacks and videos."""

    refs: tuple[FrameRef, ...]
    notes: tuple[str, ...] = ()
    bits: int | None = None

    def read(self, ref: FrameRef) -> Frame:
        """Decode one frame; see [read_image][cs_framework.data.images.read_image]."""
        return read_frame(ref, self.bits)


def open_source(path: Path, settings: DataSettings) -> FrameSource:
    """List the frames of a folder and its subfolders, of a data root, of one file, or of a list of files.

    Of a data root, the frames of all splits and classes are listed, never masks or labels. A frame's embryo
    is that of ``index.csv`` in the folder, else that of ``data.group_pattern``, else its file; its time is
    that of ``index.csv``, of the pattern, of ``data.hours_per_frame``, or of the file's metadata.

    Raises:
        DataError: there is nothing to read, or the index, the list or the pattern is wrong.
    """
    root = path if path.is_dir() else path.parent
    listing = _list(path)
    if not listing.images:
        passed_over = "".join(f"; {note}" for note in listing.notes)
        raise DataError(f"{path}: no frames; {FORMATS} files are read, also in subfolders{passed_over}")
    grouping = read_grouping(root, settings.group_pattern)
    listed = {name: row.over(grouping.rows.get(name, Row())) for name, row in listing.rows.items()}
    grouping = evolve(grouping, rows={**grouping.rows, **listed})
    sequences: dict[str, list[FrameRef]] = defaultdict(list)
    notes = list(listing.notes)
    for ref in _references(listing.images, root, settings, grouping, notes):
        sequences[ref.sequence].append(ref)
    refs = [
        ref
        for sequence in sorted(sequences, key=natural_key)
        for ref in _in_time(sequences[sequence], grouping, listing, settings.hours_per_frame)
    ]
    if path.suffix.lower() not in EXTENSIONS or path.is_dir():
        notes += _grouping_notes(refs, grouping)
    return FolderSource(tuple(refs), tuple(notes), settings.bits)


def _list(path: Path) -> Listing:
    if path.is_dir():
        return list_images(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix.lower() in LISTS:
        return read_list(path)
    if path.suffix.lower() in EXTENSIONS:
        return Listing((path,))
    raise DataError(f"{path}: by its extension neither a {FORMATS} file nor a list of files (.txt, .csv)")


def _references(
    images: Sequence[Path], root: Path, settings: DataSettings, grouping: Grouping, notes: list[str]
) -> Iterator[FrameRef]:
    for path in images:
        file, shots = relative_name(path, root), list_shots(path)
        notes += [f"{file}: {note}" for note in shots.notes]
        if (channels := max(shot.channels for shot in shots.frames)) > 1:
            notes.append(f"{file}: the first of {channels} channels is read")
        for page, shot in enumerate(shots.frames):
            name = f"{file}#{page}" if len(shots.frames) > 1 else file
            embryo = grouping.find(file, name).group or file
            sequence = f"{embryo}:{shot.image}" if shot.image else embryo
            z = settings.z if shot.planes > 1 else None
            number = page if shots.listed else UNLISTED
            yield FrameRef(name, path, number, sequence, hours=shot.hours, z=z, circle=settings.embryo)


def _in_time(
    refs: list[FrameRef], grouping: Grouping, listing: Listing, hours_per_frame: float | None
) -> list[FrameRef]:
    """Frames of one sequence in order: by numbers or hours, if all of them have some, else by name."""

    def name(ref: FrameRef) -> str:
        # normal and abnormal frames of an embryo alternate, so split and class have no part in the order
        parts = PurePosixPath(ref.file).parts
        return "/".join(parts[2:] if listing.is_data_root else parts)

    if not listing.is_ordered:
        refs = sorted(refs, key=lambda ref: (natural_key(name(ref)), ref.page, ref.id))
    rows = [grouping.find(ref.file, ref.id) for ref in refs]
    numbers = [row.frame_no for row in rows if row.frame_no is not None]
    hours = [row.hours for row in rows if row.hours is not None]
    if len(set(numbers)) < len(refs):
        order: Sequence[float] = hours if len(hours) == len(refs) else range(len(refs))
        places = sorted(range(len(refs)), key=lambda at: order[at])
        refs, rows, numbers = [refs[at] for at in places], [rows[at] for at in places], list(range(len(refs)))
    timed = [
        evolve(ref, index=number, hours=_hours(ref, row, number, hours_per_frame))
        for ref, row, number in zip(refs, rows, numbers, strict=True)
    ]
    return sorted(timed, key=lambda ref: ref.index)


def _hours(ref: FrameRef, row: Row, number: int, hours_per_frame: float | None) -> float | None:
    """Hours from index.csv win over hours in file metadata."""
    if row.hours is not None:
        return row.hours
    return ref.hours if hours_per_frame is None else number * hours_per_frame


def _grouping_notes(refs: Sequence[FrameRef], grouping: Grouping) -> Iterator[str]:
    names = {ref.file for ref in refs} | {ref.id for ref in refs}
    unknown = [ref.file for ref in refs if ref.sequence == ref.id]
    if unknown:
        yield (
            f"neither {INDEX} nor data.group_pattern tells the embryo of {len(unknown)} of {len(refs)} "
            f"frames, so each file counts as an embryo of its own, such as {unknown[0]}"
        )
    absent = [name for name in grouping.rows if name not in names]
    if absent:
        yield f"{INDEX}: {len(absent)} rows name no frame, such as {absent[0]}"

"""Where frames come from: references are cheap and listed at once, pixels are decoded when asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from attrs import evolve, frozen

from cs_framework.data.groups import INDEX, Grouping, read_grouping
from cs_framework.data.images import EXTENSIONS, FORMATS, count_pages, read_frame
from cs_framework.data.listing import Listing, list_images, natural_key, relative_name
from cs_framework.errors import DataError
from cs_framework.interfaces import Frame

if TYPE_CHECKING:
    from cs_framework.recipe.schema import DataSettings


@frozen
class FrameRef:
    """Names one frame without decoding it."""

    id: str
    """Path relative to the source's root with ``/``, then ``#page`` where the file has several pages."""
    path: Path
    page: int = 0
    """Counted from 0."""
    sequence: str = ""
    """The embryo; the file's own path where nothing tells the embryo."""
    index: int = 0
    """Time within the sequence: ``frame_no`` of ``index.csv``, or else the position."""

    @property
    def file(self) -> str:
        """The id without ``#page``."""
        return self.id.removesuffix(f"#{self.page}")


class FrameSource(Protocol):
    """Frames that can be read in any order."""

    @property
    def refs(self) -> tuple[FrameRef, ...]:
        """Sequence by sequence in natural order, and within each in order of time."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results has to know, such as files that were passed over."""
        ...

    def read(self, ref: FrameRef) -> Frame:
        """Decode one frame.

        Raises:
            FrameError: naming the frame and why it cannot be read.
        """
        ...


@frozen(eq=False)
class FolderSource:
    """Image files; of a TIFF, every page is a frame."""

    refs: tuple[FrameRef, ...]
    notes: tuple[str, ...] = ()
    bits: int | None = None

    def read(self, ref: FrameRef) -> Frame:
        """Decode one frame; see [read_image][cs_framework.data.images.read_image]."""
        return read_frame(ref, self.bits)


def open_source(path: Path, settings: DataSettings) -> FrameSource:
    """List the frames of a folder and its subfolders, of a data root, or of one image.

    Of a data root, the frames of all splits and classes are listed, never masks or labels. A frame's embryo
    is that of ``index.csv`` in the folder, else that of ``data.group_pattern``, else its file.

    Raises:
        DataError: there is nothing to read, or the index or the pattern is wrong.
    """
    if path.is_dir():
        root, listing = path, list_images(path)
    elif not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    elif path.suffix.lower() not in EXTENSIONS:
        raise DataError(f"{path}: by its extension not a {FORMATS} file")
    else:
        root, listing = path.parent, Listing((path,))
    if not listing.images:
        passed_over = "".join(f"; {note}" for note in listing.notes)
        raise DataError(f"{path}: no frames; {FORMATS} files are read, also in subfolders{passed_over}")
    grouping = read_grouping(root, settings.group_pattern)
    sequences: dict[str, list[FrameRef]] = defaultdict(list)
    for ref in _references(listing.images, root):
        sequence = grouping.embryo(ref.file) or ref.file
        sequences[sequence].append(evolve(ref, sequence=sequence))
    refs = [
        ref
        for sequence in sorted(sequences, key=natural_key)
        for ref in _in_time(sequences[sequence], grouping, listing.is_data_root)
    ]
    notes = [*listing.notes, *(_grouping_notes(refs, grouping) if path.is_dir() else ())]
    return FolderSource(tuple(refs), tuple(notes), settings.bits)


def _references(images: Sequence[Path], root: Path) -> Iterator[FrameRef]:
    for path in images:
        name, pages = relative_name(path, root), count_pages(path)
        for page in range(pages):
            yield FrameRef(f"{name}#{page}" if pages > 1 else name, path, page)


def _in_time(refs: list[FrameRef], grouping: Grouping, is_data_root: bool) -> list[FrameRef]:
    """Frames of one sequence, numbered and in order."""

    def name(ref: FrameRef) -> str:
        # normal and abnormal frames of an embryo alternate, so split and class have no part in the order
        parts = PurePosixPath(ref.file).parts
        return "/".join(parts[2:] if is_data_root else parts)

    ordered = sorted(refs, key=lambda ref: (natural_key(name(ref)), ref.page, ref.id))
    listed = [grouping.frame_no(ref.file) for ref in ordered]
    numbers = [number for number in listed if number is not None]
    if len(set(numbers)) < len(ordered):
        numbers = list(range(len(ordered)))
    numbered = [evolve(ref, index=number) for ref, number in zip(ordered, numbers, strict=True)]
    return sorted(numbered, key=lambda ref: ref.index)


def _grouping_notes(refs: Sequence[FrameRef], grouping: Grouping) -> Iterator[str]:
    files = {ref.file for ref in refs}
    unknown = [ref.file for ref in refs if ref.sequence == ref.file]
    if unknown:
        yield (
            f"neither {INDEX} nor data.group_pattern tells the embryo of {len(unknown)} of {len(refs)} "
            f"frames, so each file counts as an embryo of its own, such as {unknown[0]}"
        )
    absent = [name for name in grouping.rows if name not in files]
    if absent:
        yield f"{INDEX}: {len(absent)} rows name no frame, such as {absent[0]}"

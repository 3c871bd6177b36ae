"""Which files hold frames: those of a folder in natural order, or those that a list names."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import field, frozen

from cs_framework.data.groups import Row, inside, read_index
from cs_framework.data.images import EXTENSIONS
from cs_framework.errors import DataError
from cs_framework.recipe.loading import RESOLVED_FILE

SPLITS = ("train", "val", "test")
CLASSES = ("normal", "abnormal")
LAYOUT = "{train,val,test}/{normal,abnormal}/"

LISTS = frozenset({".txt", ".csv"})
"""Extensions of files that name frames."""

_COMPANIONS = frozenset({".csv", ".txt", ".json", ".xml", ".md"})


def natural_key(text: str) -> tuple[tuple[str | tuple[int, str], ...], str]:
    """Sorts names as people do: ``t2`` before ``t10``, capitals beside small letters."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return tuple(_by_value(part) if index % 2 else part for index, part in enumerate(parts)), text


def _by_value(digits: str) -> tuple[int, str]:
    """Sorts numbers as `int` does, which takes no more than some thousand digits."""
    stripped = digits.lstrip("0")
    return len(stripped), stripped


def is_data_root(folder: Path) -> bool:
    """Whether a folder is laid out as ``{train,val,test}/{normal,abnormal}/``."""
    return any((folder / split / kind).is_dir() for split in SPLITS for kind in CLASSES)


@frozen
class Listing:
    """The files of a folder or a list, sorted into frames and others."""

    images: tuple[Path, ...]
    """In natural order, or that of the list; what has a known extension, whatever it holds."""
    notes: tuple[str, ...] = ()
    """Which files were passed over that are not the usual companions of frames."""
    is_data_root: bool = False
    is_ordered: bool = False
    """Whether the order is one that somebody gave."""
    rows: Mapping[str, Row] = field(factory=dict)
    """What the list says of the frames."""


def list_images(root: Path) -> Listing:
    """Images of a folder and its subfolders; of a data root, only those of its splits and classes.

    Links are followed, since labs lay out data sets with them; a link back to a parent is not.
    """
    labelled = is_data_root(root)
    if labelled:
        folders = [root / split / kind for split in SPLITS for kind in CLASSES]
        stray = [
            path for split in SPLITS for path in _visible(root / split) if path.suffix.lower() in EXTENSIONS
        ]
    else:
        folders, stray = [root], []
    images: list[Path] = []
    other: Counter[str] = Counter()
    for path in (path for folder in folders for path in walk(folder)):
        if path.suffix.lower() in EXTENSIONS:
            images.append(path)
        elif path.suffix.lower() not in _COMPANIONS:
            other[path.suffix.lower() or path.name] += 1
    notes = []
    if other:
        kinds = ", ".join(f"{suffix} ({count})" for suffix, count in other.most_common(10))
        notes.append(
            f"{other.total()} files are not of a kind that is read here and were passed over: {kinds}"
        )
    if stray:
        notes.append(
            f"{len(stray)} images lie outside {LAYOUT} and were passed over, such as {stray[0].name}"
        )
    images.sort(key=lambda path: natural_key(relative_name(path, root)))
    return Listing(tuple(images), tuple(notes), labelled)


def read_list(path: Path) -> Listing:
    """Files that a list names, in its order: paths relative to the list's folder, which they cannot leave.

    A ``.txt`` file holds one path a line; a ``.csv`` file has the column ``path``, and perhaps the others of
    ``index.csv``. Files that are not there are kept, so that a run names them as skipped.

    Raises:
        DataError: a path leads out of the folder or stands twice, or the file is no text.
    """
    if path.suffix.lower() == ".csv":
        rows = read_index(path, {"path"})
        return Listing(tuple(path.parent / name for name in rows), is_ordered=True, rows=rows)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file in UTF-8: {error}") from error
    names: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name = inside(line, f"{path}:{number}")
        if name in names:
            raise DataError(f"{path}:{number}: {name} is listed before")
        names[name] = None
    return Listing(tuple(path.parent / name for name in names), is_ordered=True)


def relative_name(path: Path, root: Path) -> str:
    """A path relative to the root, with ``/``; bytes that are no UTF-8 are written as hexadecimal escapes."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def walk(folder: Path) -> Iterator[Path]:
    """Visible files of a folder and its subfolders; links are followed, but no folder is entered twice.

    Nor is a run folder, whose pictures a run below its own input would take for frames.
    """
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen or (RESOLVED_FILE in names and parent != os.fspath(folder)):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from _files(Path(parent), names)


def _visible(folder: Path) -> Iterator[Path]:
    return _files(folder, os.listdir(folder)) if folder.is_dir() else iter(())  # noqa: PTH208


def _files(folder: Path, names: list[str]) -> Iterator[Path]:
    for name in names:
        if not name.startswith(".") and (folder / name).is_file():
            yield folder / name

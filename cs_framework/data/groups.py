"""Which embryo a frame shows, and when: ``index.csv``, else the pattern over file names, else unknown."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Set
from pathlib import Path, PurePosixPath, PureWindowsPath

from attrs import evolve, frozen

from cs_framework.data.samples import MAX_HOURS
from cs_framework.errors import DataError
from cs_framework.recipe.patterns import NamePattern

INDEX = "index.csv"


@frozen
class Row:
    """What ``index.csv`` says of a frame."""

    group: str = ""
    frame_no: int | None = None
    hours: float | None = None

    def over(self, other: Row) -> Row:
        """This row's values, with gaps filled from `other`."""
        return Row(
            self.group or other.group,
            other.frame_no if self.frame_no is None else self.frame_no,
            other.hours if self.hours is None else self.hours,
        )


@frozen
class Grouping:
    """Tells the embryo and the time of each frame of one folder."""

    rows: Mapping[str, Row]
    """By path relative to the folder, with ``/``; perhaps with ``#page``."""
    pattern: NamePattern | None

    def find(self, file: str, frame: str) -> Row:
        """What is known of a frame.

        Args:
            file: its file, relative to the folder.
            frame: its id, which is that of the file with ``#page`` where the file holds several frames.

        Returns:
            Each part from the row of the frame, else (the embryo only) from the row of its file, else from
            the pattern, which of a file with several frames tells the embryo only.
        """
        of_file = Row(self.rows.get(file, Row()).group)
        named = self.pattern.find(PurePosixPath(file).stem) if self.pattern else {}
        of_name = Row(named.get("group") or "")
        if frame == file:
            of_name = evolve(of_name, frame_no=_integer(named.get("frame")), hours=_hours(named.get("hours")))
        return self.rows.get(frame, Row()).over(of_file).over(of_name)


def read_grouping(root: Path, group_pattern: str | None) -> Grouping:
    """Read ``index.csv`` of a folder, if it has one, and compile the pattern.

    Raises:
        DataError: the pattern or the index is wrong.
    """
    index = root / INDEX
    rows = read_index(index, {"path", "group"}) if index.is_file() else {}
    return Grouping(rows, _compile(group_pattern))


def _compile(text: str | None) -> NamePattern | None:
    try:
        return None if text is None else NamePattern(text)
    except ValueError as error:
        raise DataError(f"data.group_pattern {text!r}: {error}") from error


def read_index(path: Path, required: Set[str]) -> dict[str, Row]:
    """Rows of a CSV file by frame, in its order.

    Columns are ``path`` (relative to the file's folder), ``group``, ``frame_no`` and ``hours``; others are
    ignored.

    Raises:
        DataError: a column is missing, a path leads out of the folder, a number is none, or the file is no
            CSV.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not required <= set(columns):
                wanted = " and ".join(sorted(required, reverse=True))
                raise DataError(
                    f"{path}: needs the columns {wanted}, separated by commas; it has: {', '.join(columns)}"
                )
            rows: dict[str, Row] = {}
            for record in reader:
                place = f"{path}:{reader.line_num}"
                name = inside(record["path"] or "", place)
                group, frame_no, hours = (
                    (record.get(column) or "").strip() for column in ("group", "frame_no", "hours")
                )
                row = Row(group, _integer(frame_no), _hours(hours))
                if frame_no and row.frame_no is None:
                    raise DataError(f"{place}: frame_no {frame_no[:40]!r} is not a whole number below 2**31")
                if hours and row.hours is None:
                    raise DataError(f"{place}: hours {hours[:40]!r} is not a number below {MAX_HOURS:,.0f}")
                if rows.setdefault(name, row) != row:
                    raise DataError(f"{place}: {name} is listed before, with another group")
            return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8: {error}") from error


def inside(text: str, place: str) -> str:
    """A path that a file gives, as frames are named: relative, with ``/``.

    Raises:
        DataError: it leads out of the folder; `place` says where it stands.
    """
    name = PureWindowsPath(text.strip())  # which takes both separators
    if name.anchor or ".." in name.parts or "\0" in text:
        raise DataError(f"{place}: {text!r} leads out of the folder; paths are relative to it")
    return name.as_posix()


def _integer(text: str | None) -> int | None:
    number = _number(text, 2**31)
    return int(number) if number is not None and number.is_integer() else None


def _hours(text: str | None) -> float | None:
    return _number(text, MAX_HOURS)


def _number(text: str | None, limit: float) -> float | None:
    """A number of less than a limit; None where the text is no such number."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < limit else None

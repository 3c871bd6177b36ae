"""Which embryo a frame shows, and when: ``index.csv``, else the pattern over file names, else unknown."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from attrs import frozen

from cs_framework.errors import DataError

INDEX = "index.csv"


@frozen
class Row:
    """What ``index.csv`` says of a frame."""

    group: str
    frame_no: int | None


@frozen
class Grouping:
    """Names the embryo of each frame of one folder."""

    rows: Mapping[str, Row]
    """By path relative to the folder, with ``/``."""
    pattern: re.Pattern[str] | None

    def embryo(self, name: str) -> str | None:
        """The embryo of the file `name` (relative to the folder), or None where nothing tells."""
        row = self.rows.get(name)
        if row is not None and row.group:
            return row.group
        match = self.pattern.search(PurePosixPath(name).stem) if self.pattern else None
        return match["group"] or None if match else None

    def frame_no(self, name: str) -> int | None:
        """The frame's number in ``index.csv``, where there is one."""
        row = self.rows.get(name)
        return row.frame_no if row else None


def read_grouping(root: Path, group_pattern: str | None) -> Grouping:
    """Read ``index.csv`` of a folder, if it has one, and compile the pattern.

    Raises:
        DataError: the pattern or the index is wrong.
    """
    return Grouping(_read_index(root / INDEX), _compile(group_pattern))


def _compile(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise DataError(f"data.group_pattern {text!r} is not a regular expression: {error}") from error
    if "group" not in pattern.groupindex:
        raise DataError(
            f"data.group_pattern {text!r} does not say which part is the embryo: "
            "name that part, as in '(?P<group>.+)_\\d+'"
        )
    return pattern


def _read_index(path: Path) -> dict[str, Row]:
    """Rows by frame. Columns ``path`` and ``group``, perhaps ``frame_no``; others are ignored."""
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not {"path", "group"} <= set(columns):
                raise DataError(
                    f"{path}: needs the columns path and group, separated by commas; "
                    f"it has: {', '.join(columns)}"
                )
            rows: dict[str, Row] = {}
            for record in reader:
                name = _frame_name(record["path"] or "", f"{path}:{reader.line_num}")
                row = Row((record["group"] or "").strip(), _integer(record.get("frame_no")))
                if rows.setdefault(name, row) != row:
                    raise DataError(f"{path}:{reader.line_num}: {name} is listed before, with another group")
            return rows
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8: {error}") from error


def _frame_name(text: str, place: str) -> str:
    """The path as frames are named: relative, with ``/``; it never leads out of the folder."""
    name = PureWindowsPath(text.strip())  # which takes both separators
    if name.anchor or ".." in name.parts:
        raise DataError(f"{place}: {text!r} leads out of the folder; paths are relative to it")
    return name.as_posix()


def _integer(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None

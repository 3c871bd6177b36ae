"""Where each key of a TOML document is written.

Neither `tomllib` nor tomlkit tell. The scanner reads text that `tomllib` has accepted, so it needs to tell
tokens apart but never to judge them.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'''
      """ (?: [^\\] | \\. )*? "{3,5}       # up to two quotes may touch the closing three
    | \'\'\' .*? '{3,5}
    | "   (?: [^"\\] | \\. )* "
    | '   [^']* '
    ''',
    re.VERBOSE | re.DOTALL,
)
_SCALAR = re.compile(r"(?:\d{4}-\d\d-\d\d[ ](?=\d))?[^,\]}\s#]+")  # the blank is that of a date and time


class Position(NamedTuple):
    """A place in a text, counted from 1."""

    line: int
    column: int


def find_positions(text: str) -> dict[KeyPath, Position]:
    """The position of every key and every array item of a valid TOML document.

    A path holds keys and, for items of arrays, indices. Tables are where their own header is, or else
    where their name is first written; the document itself, ``()``, is at its beginning.
    """
    text = text.replace("\r\n", "\n")
    scanner = _Scanner(text)
    scanner.document()
    lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def position(offset: int) -> Position:
        line = bisect_right(lines, offset)
        return Position(line, offset - lines[line - 1] + 1)

    return {path: position(offset) for path, offset in scanner.offsets.items()}


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[KeyPath, int] = {(): 0}
        self.table_arrays: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.accept("[["):
                table = self.header(array=True)
                self.accept("]]")
            elif self.accept("["):
                table = self.header(array=False)
                self.accept("]")
            else:
                self.key_and_value(table)
            self.skip(_BLANK)

    def header(self, *, array: bool) -> KeyPath:
        path: KeyPath = ()
        keys = self.dotted_key()
        for number, (key, offset) in enumerate(keys, 1):
            path = (*path, key)
            last = number == len(keys)
            if last and not array:
                self.offsets[path] = offset
            self.offsets.setdefault(path, offset)
            if last and array:
                self.table_arrays[path] = self.table_arrays.get(path, 0) + 1
            if path in self.table_arrays:
                path = (*path, self.table_arrays[path] - 1)
                self.offsets.setdefault(path, offset)
        return path

    def key_and_value(self, table: KeyPath) -> None:
        path = table
        for key, offset in self.dotted_key():
            path = (*path, key)
            self.offsets.setdefault(path, offset)
        self.accept("=")
        self.skip(_BLANK)
        self.value(path)

    def dotted_key(self) -> list[tuple[str, int]]:
        keys = []
        while True:
            self.skip(_BLANK)
            offset = self.at
            quoted = self.text[offset] in "\"'"
            token = self.take(_STRING if quoted else _BARE_KEY)
            keys.append((next(iter(tomllib.loads(f"{token}=0"))) if quoted else token, offset))
            self.skip(_BLANK)
            if not self.accept("."):
                return keys

    def value(self, path: KeyPath) -> None:
        if self.accept("["):
            self.items(path)
        elif self.accept("{"):
            self.inline_table(path)
        elif self.text[self.at] in "\"'":
            self.take(_STRING)
        else:
            self.take(_SCALAR)

    def items(self, path: KeyPath) -> None:
        index = 0
        self.skip(_BLANK)
        while not self.accept("]"):
            self.offsets[(*path, index)] = self.at
            self.value((*path, index))
            self.separator()
            index += 1

    def inline_table(self, path: KeyPath) -> None:
        self.skip(_BLANK)
        while not self.accept("}"):
            self.key_and_value(path)
            self.separator()

    def separator(self) -> None:
        self.skip(_BLANK)
        self.accept(",")
        self.skip(_BLANK)

    def accept(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) * found
        return found

    def skip(self, pattern: re.Pattern[str]) -> None:
        self.take(pattern)

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        assert match, f"not valid TOML at offset {self.at}"
        self.at = match.end()
        return match[0]

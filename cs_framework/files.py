"""Files that appear whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block succeeds.

    The name keeps the suffix, for writers that choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{_unique()}{path.suffix}")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path` to fill; it takes the place of `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{_unique()}")
    aside.mkdir()
    try:
        yield aside
        if path.exists():
            shutil.rmtree(path)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unique() -> str:
    """Told apart from what other processes write, also on other machines that share the folder."""
    return f"{secrets.token_hex(4)}.part"


def sweep(folder: Path) -> None:
    """Remove what processes that were killed have left unfinished in a folder.

    Only for folders to which no other process writes.
    """
    for aside in folder.glob(".*.part*"):
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink()


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

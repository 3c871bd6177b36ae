"""Files that appear whole or not at all, and files that come along with the package."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block succeeds.

    The name keeps the suffix, for writers that choose a format by it. The mode is that of any new file, even
    if the writer chose another, as safetensors does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{_unique()}{path.suffix}")
    try:
        aside.touch()
        mode = aside.stat().st_mode
        yield aside
        aside.chmod(mode)
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


def share_as_new(folder: Path) -> None:
    """Give a folder and all that lies in it the modes of what is newly made there, which the umask decides.

    Only for folders whose files are their own: a hard link's mode is that of its other names, too.
    """
    probe = folder / f".{_unique()}"
    probe.mkdir()
    mode = probe.stat().st_mode & 0o777
    probe.rmdir()
    for path in (folder, *folder.rglob("*")):
        path.chmod(mode if path.is_dir() else mode & 0o666)


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


PRETRAINED = "pretrained"
"""The word for the trained bundle that comes along; also the name of its folder."""


def shipped(name: str) -> Path | None:
    """A file or folder that comes along with the package: recipes, and the pretrained bundle.

    A checkout has them in ``recipes/``; an installed package holds them as ``cs_framework_recipes``.

    Args:
        name: such as ``quickstart.toml``.
    """
    spec = find_spec("cs_framework_recipes")
    places = [Path(__file__).parents[1] / "recipes"]
    places += [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    return next((place / name for place in places if (place / name).exists()), None)


def digest_of_folder(folder: Path) -> str:
    """A short hash of the names and bytes of all files below a folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()

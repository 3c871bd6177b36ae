"""The one folder of the server that the app reads and writes, and what of use lies in it."""

from __future__ import annotations

import os
import shutil
import tomllib
import weakref
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal

from attrs import evolve, field, frozen

from cs_framework.errors import DataError
from cs_framework.files import PRETRAINED, shipped
from cs_framework.recipe.bundled import bundled
from cs_framework.recipe.loading import BUNDLE_FILE, RESOLVED_FILE

DEPTH = 5
"""How deep below the root trained runs are looked for."""
MOST = 500
"""Entries of a kind that are listed at most."""
MOST_TEXT = 1_000_000
"""Bytes of the largest recipe that is looked into."""


def _real(path: Path) -> Path:
    return path.expanduser().resolve()


@frozen
class Root:
    """The only directory the app may read; paths that resolve outside are refused."""

    path: Path = field(converter=_real)

    def inside(self, path: Path) -> Path:
        """The path, with links followed.

        Raises:
            DataError: it leads out of the root.
        """
        real = path.resolve()
        if not real.is_relative_to(self.path):
            raise DataError(
                f"{path.name} is not below the folder that this app may read; it was started with --root"
            )
        return real

    def holds(self, file: Path) -> bool:
        """Whether this is a file, and one that lies inside when links are followed."""
        return file.is_file() and file.resolve().is_relative_to(self.path)

    def whole(self, folder: Path) -> Path:
        """A folder, or a file, with links followed, from which no link leads out at any depth.

        Raises:
            DataError: one does.
        """
        real = self.inside(folder)
        waiting, seen = [real], {real}
        while waiting:
            for parent, folders, names in os.walk(waiting.pop()):
                for path in (Path(parent, name) for name in (*folders, *names)):
                    if path.is_symlink() and (target := self.inside(path)) not in seen:
                        seen.add(target)
                        waiting.append(target)
        return real

    def name(self, path: Path) -> str:
        """A path inside, as people are shown it."""
        return path.relative_to(self.path).as_posix()


class PrivateFolder:
    """A folder that its owner alone can read, and that goes when nobody holds this any longer."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="cs-app-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@frozen
class Entry:
    """Something to analyse frames with."""

    label: str
    path: Path
    """A recipe, the folder that holds ``bundle.json``, or a run folder."""
    kind: Literal["trained", "recipe", "run"]
    run: Path | None = None
    """The run folder: of a trained bundle the one that it still lies in."""
    programs: bool = False
    """Whether its recipe names one-file plugins, which run as soon as it is opened with them."""

    @property
    def shown(self) -> str:
        """How people are asked for it; no other entry of a page is shown alike."""
        return f"{self.label} ({self.kind}{', with one-file plugins' if self.programs else ''})"


def trained_and_runs(root: Root) -> tuple[list[Entry], list[Entry]]:
    """Trained bundles below the root, of which those of runs go by the run's name; and all run folders.

    Nothing of them is run.
    """
    bundles: list[Entry] = []
    runs: list[Entry] = []
    for folder in _folders(root.path, DEPTH):
        if root.holds(folder / BUNDLE_FILE) and len(bundles) < MOST:
            shown = folder.parent if folder.name == "model" and folder != root.path else folder
            run = folder.parent if root.holds(folder.parent / RESOLVED_FILE) else None
            programs = run is not None and _names_programs(run / RESOLVED_FILE)
            bundles.append(Entry(root.name(shown), folder, "trained", run, programs))
        if root.holds(folder / RESOLVED_FILE) and len(runs) < MOST:
            programs = _names_programs(folder / RESOLVED_FILE)
            runs.append(Entry(root.name(folder), folder, "run", folder, programs))
        if min(len(bundles), len(runs)) == MOST:
            break
    return _told_apart(bundles), _told_apart(runs)


def comes_along() -> list[Entry]:
    """The trained bundle that comes with the package, wherever that lies; none where there is none."""
    folder = shipped(PRETRAINED)
    return [] if folder is None else [Entry(PRETRAINED, folder, "trained")]


def recipes(root: Root) -> list[Entry]:
    """Recipes that name components: those in the root and its ``recipes``, and those of the package."""
    places = (root.path, root.path / "recipes")
    own = [file for folder in places for file in sorted(folder.glob("*.toml")) if root.holds(file)]
    shipped = sorted(bundled(Path("quickstart.toml")).parent.glob("*.toml"))
    files = {file.resolve(): None for file in [*own, *shipped]}
    named = [file for file in files if _table(file).get("proposer")]
    return _told_apart(
        [Entry(file.stem, file, "recipe", programs=_names_programs(file)) for file in named[:MOST]]
    )


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """With a number where a label has been taken, since the page knows a choice by what it shows."""
    shown: set[str] = set()
    apart = []
    for entry in entries:
        label, number = entry.label, 1
        while entry.shown in shown:
            number += 1
            entry = evolve(entry, label=f"{label} {number}")  # noqa: PLW2901
        shown.add(entry.shown)
        apart.append(entry)
    return apart


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    """The folder and those below it, by name; hidden ones and links are passed over."""
    yield folder
    if depth == 0:
        return
    try:
        with os.scandir(folder) as found:
            below = sorted(e.name for e in found if e.is_dir(follow_symlinks=False) and e.name[0] not in "._")
    except OSError:  # not ours to read
        return
    for name in below:
        yield from _folders(folder / name, depth - 1)


def _names_programs(recipe: Path) -> bool:
    """Whether a recipe names one-file plugins; so it counts where it cannot be read."""
    table = _table(recipe)
    return bool(table.get("plugins", not table))


def _table(recipe: Path) -> dict[str, Any]:
    """What a recipe says, as plain values; nothing where it cannot be read."""
    try:
        about = recipe.stat()
        return _table_of(recipe, about.st_mtime_ns) if about.st_size <= MOST_TEXT else {}
    except OSError:
        return {}


@lru_cache(maxsize=4 * MOST)  # the page is drawn anew at every click
def _table_of(recipe: Path, changed: int) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}

"""The one folder of the server that the app reads and writes, and what of use lies in it."""

from __future__ import annotations

import os
import shutil
import tomllib
import weakref
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from attrs import field, frozen

from cs_framework.errors import DataError
from cs_framework.files import PRETRAINED, shipped
from cs_framework.recipe.bundled import bundled
from cs_framework.recipe.loading import BUNDLE_FILE, RESOLVED_FILE

DEPTH = 5
"""How deep below the root trained runs are looked for."""
MOST = 500
"""Entries of a kind that are listed at most."""


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

    @property
    def run(self) -> Path | None:
        """The run folder: of a trained bundle the one that it still lies in."""
        folder = self.path if self.kind == "run" else self.path.parent
        return folder if self.kind != "recipe" and (folder / RESOLVED_FILE).is_file() else None


def trained_and_runs(root: Root) -> tuple[list[Entry], list[Entry]]:
    """Trained bundles below the root, of which those of runs go by the run's name; and all run folders."""
    bundles: list[Entry] = []
    runs: list[Entry] = []
    for folder in _folders(root.path, DEPTH):
        if (folder / BUNDLE_FILE).is_file() and len(bundles) < MOST:
            shown = folder.parent if folder.name == "model" and folder != root.path else folder
            bundles.append(Entry(root.name(shown), folder, "trained"))
        if (folder / RESOLVED_FILE).is_file() and len(runs) < MOST:
            runs.append(Entry(root.name(folder), folder, "run"))
        if min(len(bundles), len(runs)) == MOST:
            break
    return bundles, runs


def comes_along() -> list[Entry]:
    """The trained bundle that comes with the package, wherever that lies; none where there is none."""
    folder = shipped(PRETRAINED)
    return [] if folder is None else [Entry(PRETRAINED, folder, "trained")]


def recipes(root: Root) -> list[Entry]:
    """Recipes that name components: those in the root and its ``recipes``, and those of the package."""
    own = [file for folder in (root.path, root.path / "recipes") for file in sorted(folder.glob("*.toml"))]
    shipped = sorted(bundled(Path("quickstart.toml")).parent.glob("*.toml"))
    files = {file.resolve(): None for file in [*own, *shipped]}
    named = [file for file in files if _names_components(file)]
    return [Entry(file.stem, file, "recipe") for file in named[:MOST]]


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


def _names_components(file: Path) -> bool:
    try:
        return bool(tomllib.loads(file.read_text(encoding="utf-8")).get("proposer"))
    except (OSError, ValueError, RecursionError):
        return False

"""Files that somebody dropped in: kept in a private folder for as long as they are looked at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from attrs import frozen

from cs_framework.app.folders import PrivateFolder
from cs_framework.data.images import EXTENSIONS
from cs_framework.data.labels import read_yolo, to_pixels
from cs_framework.data.source import FrameRef, open_source
from cs_framework.errors import DataError, FrameError
from cs_framework.interfaces import Float32
from cs_framework.recipe.schema import DataSettings


class Dropped(Protocol):
    """A file as the browser sent it."""

    @property
    def name(self) -> str:
        """As it was called on the other side."""
        ...

    def getvalue(self) -> bytes:
        """Its bytes."""
        ...


@frozen(eq=False)
class Upload:
    """Dropped files on disk; the folder goes when nobody holds this any longer."""

    folder: PrivateFolder
    digest: str
    """Of names and contents."""

    @classmethod
    def save(cls, files: Sequence[Dropped]) -> Upload:
        """Keep some files.

        Raises:
            DataError: one is of a kind that is not read.
        """
        folder = PrivateFolder()
        for file in files:
            name = safe_name(file.name)
            if Path(name).suffix.lower() not in EXTENSIONS:
                raise DataError(f"{name}: {', '.join(sorted(EXTENSIONS))} files are read")
            (folder.path / name).write_bytes(file.getvalue())
        return cls(folder, digest_of(files))

    def frames(self, settings: DataSettings) -> tuple[FrameRef, ...]:
        """The frames of all files, in natural order.

        Raises:
            DataError: there are none.
        """
        files = sorted(self.folder.path.iterdir())
        return open_source(files[0] if len(files) == 1 else self.folder.path, settings).refs


def digest_of(files: Iterable[Dropped]) -> str:
    """What tells one set of dropped files from another."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.blake2b(file.getvalue()).digest())
    return digest.hexdigest()


def safe_name(name: str) -> str:
    """A file name that means nothing to a file system or a page: letters, digits, ``.``, ``_`` and ``-``."""
    plain = re.sub(r"[^\w.-]+", "_", Path(name.replace("\\", "/")).name, flags=re.ASCII).lstrip(".")
    stem, suffix = Path(plain).stem[-80:], Path(plain).suffix[:8]
    return f"{stem or 'frame'}{suffix}"


def read_truth(text: str, size: tuple[int, int]) -> Float32:
    """Boxes (M, 4) in pixels of typed YOLO lines.

    Args:
        text: lines ``class cx cy w h`` in fractions of the frame.
        size: (height, width) of the frame.

    Raises:
        FrameError: naming the lines that are wrong.
    """
    with TemporaryDirectory(prefix="cs-app-") as folder:
        file = Path(folder, "truth.txt")
        file.write_text(text, encoding="utf-8")
        labels = read_yolo(file)
    if labels.problems:
        raise FrameError("line " + "; line ".join(labels.problems[:5]))
    return np.asarray(to_pixels(labels.relative, size), np.float32)

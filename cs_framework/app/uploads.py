"""Files that somebody dropped in: kept in a private folder for as long as they are looked at."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from attrs import evolve, frozen

from cs_framework.api.arrays import Float32
from cs_framework.api.boxes import clip, from_yolo
from cs_framework.app.folders import PrivateFolder
from cs_framework.data.images import EXTENSIONS
from cs_framework.data.labels import read_yolo
from cs_framework.data.listing import natural_key
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.errors import DataError, FrameError
from cs_framework.recipe.schema import DataSettings

TOGETHER = "dropped"
"""The sequence that several dropped images make."""
_LONGEST = 200
"""Bytes of a name; file systems take 255."""
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whichever extension follows."""


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
    files: tuple[Path, ...]
    """In natural order of their names, those of one name as they were dropped."""
    digest: str
    """Of names and contents."""

    @classmethod
    def save(cls, files: Sequence[Dropped]) -> Upload:
        """Keep some files; a name that is taken gets a number, as in ``day-2.png``.

        Raises:
            DataError: one is of a kind that is not read.
        """
        folder = PrivateFolder()
        saved = []
        for file in sorted(files, key=lambda file: natural_key(safe_name(file.name))):
            name = safe_name(file.name)
            if Path(name).suffix.lower() not in EXTENSIONS:
                raise DataError(f"{name}: {', '.join(sorted(EXTENSIONS))} files are read")
            saved.append(_free(folder.path / name))
            saved[-1].write_bytes(file.getvalue())
        return cls(folder, tuple(saved), digest_of(files))

    def frames(self, settings: DataSettings) -> tuple[FrameRef, ...]:
        """The frames of all files: first the images, which make one sequence, then each stack and video.

        Raises:
            DataError: a file is gone.
        """
        opened = [open_source(file, settings).refs for file in self.files]
        images = [refs[0] for refs in opened if len(refs) == 1]
        if len(images) > 1:  # each file's clock is its own, so that hours do not carry over
            images = [
                evolve(ref, sequence=TOGETHER, index=index, hours=None) for index, ref in enumerate(images)
            ]
        return (*images, *(ref for refs in opened if len(refs) > 1 for ref in refs))


def digest_of(files: Iterable[Dropped]) -> str:
    """What tells one set of dropped files from another."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.blake2b(file.getvalue()).digest())
    return digest.hexdigest()


def safe_name(name: str) -> str:
    """A file name that means nothing to a file system or a page.

    It holds letters and digits of any script, ``.``, ``_`` and ``-``, of a long name the end.
    """
    last = Path(unicodedata.normalize("NFKC", name).replace("\\", "/")).name
    plain = re.sub(" +", "_", "".join(c if c in "._-" or _is_word(c) else " " for c in last))
    end = plain.encode()[-_LONGEST:].decode(errors="ignore").lstrip(".")
    return f"_{end}" if _DEVICE.match(end) else end or "frame"


def _is_word(character: str) -> bool:
    """Whether it is a letter, a mark on one, or a digit."""
    return unicodedata.category(character)[0] in "LMN"


def _free(path: Path) -> Path:
    """The path, or the first with a number that the file system does not hold yet."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())


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
    return clip(from_yolo(labels.yolo_boxes, size).astype(np.float32), size)

"""Arrays kept between runs, under keys of everything they depend on.

A namespace holds what one set of components made of frames, in one file for each batch that was computed
together; frames are found one by one, whichever batch they were stored with. A hash goes with the arrays of
each frame, since a power cut or a bad disk leaves files of the right length with other values.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cs_framework.files import whole_file
from cs_framework.pipeline.components import digest

Arrays = dict[str, NDArray[Any]]
log = logging.getLogger(__name__)


@frozen
class Cache:
    """A folder of shelves; without a folder, nothing is kept."""

    folder: Path | None

    def namespace(self, what: str, depends: Callable[[], Any]) -> CacheNamespace:
        """That of everything the arrays depend on but the frame; only asked for when needed."""
        return _NOTHING if self.folder is None else _namespace(self.folder / what / digest(depends()))

    def size(self) -> int:
        """Bytes of all that is kept."""
        files = self.folder.rglob("*.safetensors") if self.folder else ()
        return sum(file.stat().st_size for file in files)


@define(eq=False)
class CacheNamespace:
    """Arrays by frame. Other processes may add to the same folder at any time."""

    folder: Path | None
    _places: dict[str, Path] = field(factory=dict)
    _seen: set[Path] = field(factory=set)
    _as_of: int = 0

    def get(self, key: str, fits: Callable[[Arrays], bool] | None = None) -> Arrays | None:
        """What is stored under a key, None where nothing is.

        What is damaged, or is not what `fits` asks for, counts as absent, so that it is computed again; its
        file is removed.
        """
        if self.folder is None:
            return None
        if key not in self._places:
            self._look()
        path = self._places.get(key)
        if path is None:
            return None
        try:
            os.utime(path)  # so that files nobody uses any more can be told by their age
            arrays = _read(path, key)
        except OSError:
            del self._places[key]
            return None
        if arrays is not None and (fits is None or fits(arrays)):
            return arrays
        _warn_once(f"{path} is damaged: what the cache held there is computed again")
        self._places = {kept: place for kept, place in self._places.items() if place != path}
        with suppress(OSError):
            path.unlink()
        return None

    def put(self, entries: Mapping[str, Arrays]) -> None:
        """Store arrays by key, in one file; a cache that cannot be written is done without."""
        if self.folder is None or not entries:
            return
        path = self.folder / f"{digest(sorted(entries))}.safetensors"
        tensors = {
            f"{key}/{name}": np.ascontiguousarray(value)
            for key, arrays in entries.items()
            for name, value in arrays.items()
        }
        try:
            with whole_file(path) as aside:
                save_file(tensors, aside, {key: _hash(arrays) for key, arrays in entries.items()})
        except (OSError, SafetensorError) as error:
            _warn_once(f"the cache {self.folder} cannot be written, so it is done without: {error}")
            return
        self._seen.add(path)
        self._places.update(dict.fromkeys(entries, path))

    def _look(self) -> None:
        """Take note of files that have come since the last look."""
        assert self.folder is not None
        with suppress(OSError):
            changed = self.folder.stat().st_mtime_ns
            if changed == self._as_of:
                return
            self._as_of = changed
            for path in {*self.folder.glob("[!.]*.safetensors")} - self._seen:
                self._seen.add(path)
                with suppress(OSError, SafetensorError), safe_open(path, framework="numpy") as file:
                    self._places.update((name.partition("/")[0], path) for name in file.keys())  # noqa: SIM118


_NOTHING = CacheNamespace(None)
_namespace = cache(CacheNamespace)  # what was seen of a folder holds for the whole process


def _read(path: Path, key: str) -> Arrays | None:
    """The arrays of a key as they were put, None where the file holds anything else."""
    try:
        with safe_open(path, framework="numpy") as file:
            names = [name for name in file.keys() if name.startswith(f"{key}/")]  # noqa: SIM118
            arrays = {name.partition("/")[2]: file.get_tensor(name) for name in names}
            stated = (file.metadata() or {}).get(key)
    except (SafetensorError, LookupError, TypeError, ValueError):  # a damaged header names other types
        return None
    return arrays if stated == _hash(arrays) else None


def _hash(arrays: Arrays) -> str:
    """Of names, types, shapes and values."""
    found = hashlib.blake2b(digest_size=16)
    for name, value in sorted(arrays.items()):
        found.update(f"{name} {value.dtype.str} {value.shape} ".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


@cache
def _warn_once(text: str) -> None:
    log.warning(text)

"""Arrays kept between runs, one file per batch of frames, under a key of everything they depend on."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cs_framework.outputs.files import whole_file
from cs_framework.pipeline.components import digest

Arrays = dict[str, NDArray[Any]]


@frozen
class Cache:
    """A folder of arrays; without a folder, nothing is kept."""

    folder: Path | None

    def get(self, what: str, key: Callable[[], Any]) -> tuple[Arrays | None, Path | None]:
        """What is stored under a key, and the path to store it at; the key is only made when needed.

        A file that cannot be read counts as absent and is written anew. One that is used gets a new time
        stamp, so that files nobody uses any more can be told by their age.
        """
        if self.folder is None:
            return None, None
        path = self.folder / what / f"{digest(key())}.safetensors"
        try:
            stored = load_file(path)
        except (OSError, SafetensorError):
            return None, path
        with suppress(OSError):  # a cache that others own is still read
            os.utime(path)
        return stored, path

    @staticmethod
    def put(path: Path | None, arrays: Arrays) -> None:
        """Store arrays where `get` said."""
        if path is not None:
            with whole_file(path) as aside:
                save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, aside)

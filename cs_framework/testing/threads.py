"""The number of threads that libraries compute with: the framework's to set, in tests as in runs."""

from __future__ import annotations

import sys
from contextlib import ExitStack

_LIBRARIES = {"torch": ("get_num_threads", "set_num_threads"), "cv2": ("getNumThreads", "setNumThreads")}


def limit_threads(undo: ExitStack) -> None:
    """Have those libraries that are loaded compute in one thread until `undo` closes."""
    for name, (getter, setter) in _LIBRARIES.items():
        if library := sys.modules.get(name):
            undo.callback(getattr(library, setter), getattr(library, getter)())
            getattr(library, setter)(1)

"""Processes that import what is installed, and nothing that lies in the working directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""What a Python process needs in its environment so that it looks for modules in no working directory."""


@contextmanager
def safe_path() -> Iterator[None]:
    """Start processes with `SAFE_PATH`, which those that they start inherit.

    Multiprocessing starts Python by ``-c``, which looks for modules in the working directory before all
    others; and there frames of anybody may lie, with a ``pickle.py`` beside them.
    """
    before = {name: os.environ.get(name) for name in SAFE_PATH}
    os.environ.update(SAFE_PATH)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""What the folder of a bundle may hold, looked at before anything in it is read.

A bundle may come from anybody: its files are of kinds that hold no code, and lie in the bundle itself.
"""

from __future__ import annotations

import os
from pathlib import Path

from cs_framework.errors import RecipeError

SUFFIXES = (".json", ".onnx", ".safetensors")
"""Extensions of the files of a bundle."""
MAX_JSON = 64_000_000
"""Bytes of the largest JSON file that is read; ``bundle.json`` takes about 20 for each validation frame."""


def check_files(folder: Path) -> None:
    """Refuse a bundle that holds anything but its own files of known kinds.

    Raises:
        RecipeError: naming the first such file, and the cure.
    """
    for parent, folders, names in os.walk(folder):
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            if reason := _reason_against(path):
                raise RecipeError(f"{path}: {reason}")


def _reason_against(path: Path) -> str | None:
    if path.is_symlink():
        return "a link, and a bundle holds files of its own only; replace it by what it points to"
    if path.is_dir():
        return None
    if not path.is_file() or path.suffix not in SUFFIXES:
        kinds = f"{', '.join(SUFFIXES[:-1])} and {SUFFIXES[-1]}"
        return f"a bundle holds {kinds} files only; remove it, if you know where the bundle comes from"
    if path.suffix == ".json" and path.stat().st_size > MAX_JSON:
        return f"larger than {MAX_JSON // 10**6} MB, which no bundle needs; train again"
    return None

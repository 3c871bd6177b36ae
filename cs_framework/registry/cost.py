"""What an import costs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from attrs import define

HEAVY = (
    *("torch", "torchvision", "transformers", "timm", "cv2", "skimage", "sklearn", "scipy"),
    *("matplotlib", "pyarrow", "pandas", "tensorflow", "jax", "onnxruntime", "numpy"),
)
"""Packages that nobody should import before a component is built."""


@define
class Cost:
    """Filled in when the measured block ends."""

    import_ms: float = 0.0
    heavy: tuple[str, ...] = ()
    """Those of `HEAVY` that the block was the first to import."""


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the imports inside a ``with`` block, also where it raises."""
    cost, before, start = Cost(), set(sys.modules), perf_counter()
    try:
        yield cost
    finally:
        cost.import_ms = round((perf_counter() - start) * 1000, 1)
        cost.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)

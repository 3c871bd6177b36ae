"""Running recipes in tests, as ``cs-run`` does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from cs_framework.testing.sources import look_installed

if TYPE_CHECKING:
    import pyarrow


@frozen
class Outcome:
    """What a run of ``cs-run`` came to."""

    exit_code: int
    """0 done, 1 the run failed, 2 the recipe or the arguments are wrong."""
    out: Path
    """The run folder; it may not exist where the run did not start."""
    log: str
    """All that was printed, warnings and errors included."""

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``, of a run that evaluates."""
        content: dict[str, Any] = json.loads((self.out / "metrics.json").read_text(encoding="utf-8"))
        return content

    @cached_property
    def detections(self) -> pyarrow.Table:
        """``detections.parquet``, of a run that detects: a row for each reported box."""
        from pyarrow import parquet

        return parquet.read_table(self.out / "detections.parquet")


@frozen
class RecipeRunner:
    """Runs recipes in this process, each into a new folder."""

    folder: Path
    """Where run folders, and recipes given as text, go."""
    _numbers: Iterator[int] = field(factory=count, init=False, repr=False)

    def __call__(
        self, recipe: Path | str, *arguments: str, plugins: Iterable[ModuleType | Path] = ()
    ) -> Outcome:
        """Run a recipe, without a cache.

        Args:
            recipe: the file, or the text of a recipe.
            arguments: more arguments of ``cs-run``, such as ``"train"`` or ``"--set", "seed=7"``.
            plugins: modules or project folders of plugins that the recipe uses and that need not be
                installed; they then look installed to the whole process.
        """
        from click.testing import CliRunner

        from cs_framework.cli.run import main

        for plugin in plugins:
            look_installed(plugin)
        number = next(self._numbers)
        if isinstance(recipe, str):
            path = self.folder / f"recipe{number}.toml"
            path.write_text(recipe, encoding="utf-8")
            recipe = path
        out = self.folder / f"run{number}"
        with _threads_restored():
            result = CliRunner().invoke(main, [str(recipe), "--out", str(out), "--no-cache", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, out, result.output)


@contextmanager
def _threads_restored() -> Iterator[None]:
    """A run sets the threads that its recipe asks for; the next test wants those of before."""
    import cv2
    import torch

    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)

"""Running recipes in tests, as ``cs-run`` does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from cs_framework.testing.exercises import limit_threads
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
        self,
        recipe: Path | str,
        *steps: str,
        overrides: Sequence[str] = (),
        plugins: Iterable[ModuleType | Path] = (),
    ) -> Outcome:
        """Run a recipe, without a cache.

        Args:
            recipe: the file, or the text of a recipe.
            steps: those to take; without any, the recipe's own.
            overrides: keys to change, such as ``"seed=7"``.
            plugins: modules or project folders of plugins that the recipe uses and that need not be
                installed; they then look installed to the whole process.
        """
        import cv2  # noqa: F401
        import torch  # noqa: F401  (the run loads both; loaded before, they can be put back afterwards)
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
        options = [word for override in overrides for word in ("--set", override)]
        with ExitStack() as undo:
            limit_threads(undo)
            result = CliRunner().invoke(
                main, [str(recipe), *steps, "--out", str(out), "--no-cache", *options]
            )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, out, result.output)

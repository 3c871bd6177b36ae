"""Running recipes in tests, as ``cs-run`` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import ModuleType

from attrs import field, frozen

from cs_framework.steps.outcome import Outcome
from cs_framework.testing.exercises import limit_threads
from cs_framework.testing.sources import look_installed


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

        from cs_framework.steps.execute import Options, run_recipe

        for plugin in plugins:
            look_installed(plugin)
        number = next(self._numbers)
        if isinstance(recipe, str):
            path = self.folder / f"recipe{number}.toml"
            path.write_text(recipe, encoding="utf-8")
            recipe = path
        out = self.folder / f"run{number}"
        with ExitStack() as undo:
            limit_threads(undo)
            options = Options(out=out, no_cache=True)
            return run_recipe(recipe, steps, overrides, options, lambda items, *_: items)

"""Bringing about the runs that are to be compared, sharing what is the same between them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cs_framework.compare.table import ComparedRun
from cs_framework.errors import CSError, RecipeError
from cs_framework.outputs.tables import read_evaluation
from cs_framework.pipeline.components import Components, digest, make_env
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.loading import RESOLVED_FILE
from cs_framework.recipe.reader import plain
from cs_framework.steps.execute import STEPS, Options, execute
from cs_framework.steps.run import result_relevant

log = logging.getLogger(__name__)

CACHED = ("proposals", "embeddings")


@frozen
class RunCost:
    """What a run cost."""

    name: str
    seconds: float | None
    """None where it was finished before."""
    made: Mapping[str, int]
    """Batches of proposals and of embeddings that were computed."""
    found: Mapping[str, int]
    """Those that the cache held when the run began."""


def run_all(
    recipes: Mapping[str, LoadedRecipe],
    out: Path,
    cache: Path | None,
    *,
    replace: bool,
    track: Callable[..., Iterable[Any]],
) -> tuple[list[ComparedRun], list[RunCost]]:
    """Train and evaluate each recipe into a folder of its name, unless it is there already.

    Args:
        recipes: by name; their steps are those to take.
        out: where the run folders are.
        cache: of proposals and embeddings; None for the usual one.
        replace: run those anew whose folder was made by another recipe.
        track: shows progress.

    Raises:
        CSError: the recipes want different frames, a folder is not theirs, or a run cannot be done.
    """
    _refuse_other_data(recipes)
    stale = {name: _stale(loaded, out / name) for name, loaded in recipes.items()}
    if any(stale.values()) and not replace:
        folders = ", ".join(str(out / name) for name in recipes if stale[name])
        raise RecipeError(
            f"made by another recipe: {folders}; --replace runs it anew, --out DIR leaves it alone"
        )
    wanted = {name: r for name, r in recipes.items() if stale[name] or not _finished(r, out / name)}
    for loaded in wanted.values():  # what cannot be built, such as for want of weights, shows before any run
        Components.build(loaded, make_env(loaded), loaded.bundle).close()
    runs, costs = [], []
    for name, loaded in recipes.items():
        options = Options(
            out=out / name,
            resume=not stale[name],
            replace=stale[name],
            cache=cache,
            synthetic=out / "data" / digest(plain(loaded.recipe.data.synthetic)),
        )
        costs.append(_timed(name, loaded, options, track) if name in wanted else RunCost(name, None, {}, {}))
        runs.append(ComparedRun(name, read_evaluation(out / name), loaded.recipe))
    return runs, costs


def _timed(name: str, loaded: LoadedRecipe, options: Options, track: Callable[..., Iterable[Any]]) -> RunCost:
    folder = options.cache_for(loaded.recipe.steps)
    before, start = _used(folder), time.perf_counter()
    if execute(loaded, options, track):
        raise CSError(f"{name}: the run failed; see {options.out}/run.log")
    seconds, after = time.perf_counter() - start, _used(folder)
    made = {what: len(after[what].keys() - before[what].keys()) for what in CACHED}
    found = {what: sum(after[what].get(f, t) != t for f, t in before[what].items()) for what in CACHED}
    return RunCost(name, seconds, made, found)


def _used(cache: Path | None) -> dict[str, dict[str, int]]:
    """When each file of the cache was last written or read, by its path."""
    assert cache is not None, "runs are compared with a cache"
    return {
        what: {str(file): file.stat().st_mtime_ns for file in (cache / what).rglob("*.safetensors")}
        for what in CACHED
    }


def _finished(loaded: LoadedRecipe, folder: Path) -> bool:
    return all((folder / STEPS[step].output).exists() for step in loaded.recipe.steps)


def _stale(loaded: LoadedRecipe, folder: Path) -> bool:
    resolved = folder / RESOLVED_FILE
    return resolved.exists() and result_relevant(resolved.read_text(encoding="utf-8")) != result_relevant(
        loaded.to_toml()
    )


def _refuse_other_data(recipes: Mapping[str, LoadedRecipe]) -> None:
    """Before hours of work; whether the frames are the same indeed is seen when they have been judged."""
    (first, one), *others = recipes.items()
    for name, other in others:
        ours, theirs = (plain(evolve(r.recipe.data, bits=None)) for r in (one, other))
        keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
        if keys:
            texts = "; ".join(
                f"data.{key} is {theirs.get(key)} in {name}, {ours.get(key)} in {first}" for key in keys
            )
            raise RecipeError(f"recipes are compared on the same frames, but {texts}")


def cost_lines(costs: Sequence[RunCost]) -> list[str]:
    """How long each run took and what it was spared, for the console."""
    lines = []
    for run in costs:
        if run.seconds is None:
            lines.append(f"{run.name}: finished before")
            continue
        shares = [f"{run.found[w]} of {run.found[w] + run.made[w]} batches of {w}" for w in CACHED]
        lines.append(f"{run.name}: {run.seconds:.0f} s, with {' and '.join(shares)} from the cache")
    return lines

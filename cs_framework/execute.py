"""Executes a recipe: prepares the run folder, builds everything once, takes the steps, sums up."""

from __future__ import annotations

import difflib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from cs_framework.bundle import Bundle, read_bundle
from cs_framework.errors import RecipeError
from cs_framework.evaluation.report import summary
from cs_framework.evaluation.step import evaluate
from cs_framework.outputs.files import write_text
from cs_framework.outputs.tables import skipped_table, write_csv
from cs_framework.pipeline.components import Components, make_env
from cs_framework.pipeline.detect import detect
from cs_framework.pipeline.engine import Engine, WorkerSpec
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.schema import GateSettings, Step
from cs_framework.run import Run
from cs_framework.training.train import choose_gate, train

log = logging.getLogger("cs_framework")

PROOF: dict[Step, str] = {
    "train": "model/bundle.json",
    "evaluate": "metrics.json",
    "detect": "detections.parquet",
}
"""The file that each step writes last: where it exists, the step is done."""


@frozen
class Options:
    """How to run, as opposed to what: none of it changes a result."""

    out: Path
    resume: bool = False
    replace: bool = False
    cache: Path | None = None
    no_cache: bool = False
    block: tuple[str, ...] = ()
    synthetic: Path | None = None
    """Where synthetic frames are drawn, for several runs to share; ``data/`` in the run folder when None."""

    def cache_for(self, steps: tuple[Step, ...]) -> Path | None:
        """Where proposals and embeddings are kept: by default of labelled frames only."""
        if self.no_cache:
            return None
        if self.cache is None and set(steps) <= {"detect"}:
            return None
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return (self.cache or Path(base) / "cs-framework").expanduser().absolute()


def execute(loaded: LoadedRecipe, options: Options, track: Callable[..., Iterable[Any]]) -> int:
    """Run the recipe's steps and return the exit code: 0, or 1 where no frame could be processed.

    `track` shows progress, as `Env.track` does.

    Raises:
        CSError: what cannot be run, or went wrong as a whole; before that, nothing is overwritten.
    """
    out = options.out.expanduser().absolute()
    resolved = loaded.to_toml()
    steps = _open_steps(loaded, out, resolved, options)
    if not steps:
        with _log_file(out / "run.log"):
            log.info("every step is done: nothing is left to do in %s", out)
        return 0
    bundle = _given_bundle(loaded, out, steps)
    cache = options.cache_for(steps)
    env = make_env(loaded, cache, track)
    components = Components.build(loaded, env, bundle.folder if bundle else None)
    spec = WorkerSpec(out / "resolved.toml", cache=cache, block=options.block)
    engine = Engine(loaded.recipe.pipeline.workers)
    run = Run(loaded, out, env, components, engine, spec, bundle, options.synthetic or out / "data")
    run.check_input(steps)

    if options.replace:
        _clear(out)
    write_text(out / "resolved.toml", resolved)
    with _log_file(out / "run.log"):
        try:
            return _take(run, steps)
        except Exception:
            log.debug("the run failed", exc_info=True)
            raise
        finally:
            engine.close()


def _take(run: Run, steps: tuple[Step, ...]) -> int:
    detected = None
    for step in steps:
        log.info("%s: %s", run.loaded.recipe.name, step)
        if step == "train":
            run.bundle = train(run)
        elif step == "evaluate":
            log.info("%s", summary(evaluate(run)))
        else:
            detected = detect(run)
    skipped = list(dict.fromkeys(run.skipped))
    write_csv(run.out / "skipped.csv", skipped_table(skipped))
    for item in skipped:
        log.warning("skipped %s (%s): %s", item.frame, item.stage, item.reason)
    if detected is not None:
        flagged = sum(r.flagged for r in detected)
        boxes = sum(len(r.detections) for r in detected if r.flagged)
        log.info("%d frames, %d flagged, %d strings reported", len(detected), flagged, boxes)
    count = len({item.frame for item in skipped})
    log.info("results in %s; %d frames skipped%s", run.out, count, " (skipped.csv)" if count else "")
    return 1 if detected is not None and not detected else 0


def _open_steps(loaded: LoadedRecipe, out: Path, resolved: str, options: Options) -> tuple[Step, ...]:
    """The steps to take, after looking at what the run folder holds."""
    steps = loaded.recipe.steps
    if out.exists() and not out.is_dir():
        raise RecipeError(f"{out} is a file; choose a folder with --out")
    if not out.exists() or not any(out.iterdir()):
        return steps
    before = out / "resolved.toml"
    if options.replace:
        if not before.exists():
            raise RecipeError(
                f"{out} is not empty and not a run folder: it is not replaced; choose another --out"
            )
        return steps
    if not options.resume:
        raise RecipeError(
            f"{out} is not empty: --resume goes on with it, --replace runs anew, --out DIR goes elsewhere"
        )
    if before.exists() and (old := before.read_text(encoding="utf-8")) != resolved:
        lines = difflib.unified_diff(old.splitlines(), resolved.splitlines(), "then", "now", lineterm="", n=0)
        raise RecipeError(f"{out} was made by another recipe, so it cannot be resumed:\n" + "\n".join(lines))
    return tuple(step for step in steps if not (out / PROOF[step]).exists())


def _given_bundle(loaded: LoadedRecipe, out: Path, steps: tuple[Step, ...]) -> Bundle | None:
    """The bundle to start from, with the gate that the recipe asks for; None where training comes first."""
    if not steps or "train" in steps:
        return None
    folder = loaded.recipe.model.bundle or out / "model"
    if not (folder / "bundle.json").exists():
        raise RecipeError(
            f"{loaded.path.name}: {steps[0]} needs a trained bundle: take the step train first, "
            "or give one with --set model.bundle=DIR"
        )
    bundle = read_bundle(folder)
    settings = loaded.recipe.pipeline
    if bundle.gate and settings.gate != GateSettings():
        bundle = evolve(bundle, gate=choose_gate(settings, bundle.gate.scores, bundle.gate.labels))
    return bundle


def _clear(out: Path) -> None:
    """Remove what an earlier run wrote; the folder itself stays."""
    for entry in out.iterdir() if out.exists() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Log to a file in full and to standard error in short, while the block runs."""
    logger = logging.getLogger()
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.INFO)
    console.setFormatter(logging.Formatter("%(message)s"))
    console.addFilter(lambda record: record.name.startswith("cs_") or record.levelno >= logging.ERROR)
    level = logger.level
    logger.setLevel(logging.INFO)
    logging.getLogger("cs_framework").setLevel(logging.DEBUG)
    for handler in (file, console):
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in (file, console):
            logger.removeHandler(handler)
            handler.close()

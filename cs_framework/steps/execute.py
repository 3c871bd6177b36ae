"""Executes a recipe: prepares the run folder, builds everything once, takes the steps, sums up."""

from __future__ import annotations

import difflib
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from safetensors import SafetensorError

from cs_framework.api.components import Skipped
from cs_framework.bundle import Bundle, read_bundle
from cs_framework.errors import CSError, RecipeError
from cs_framework.files import sweep, write_text
from cs_framework.outputs.tables import read_skipped, skipped_table, write_csv
from cs_framework.pipeline.batch import Share
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import digest
from cs_framework.pipeline.engines import make_engine
from cs_framework.pipeline.engines.local import LocalEngine
from cs_framework.pipeline.worker import WorkerSpec
from cs_framework.recipe import LoadedRecipe, load_recipe
from cs_framework.recipe.bundled import open_recipe
from cs_framework.recipe.loading import RESOLVED_FILE
from cs_framework.recipe.schema import GateSettings, StepName
from cs_framework.steps.adapt import adapt
from cs_framework.steps.detect import assemble as assemble_parts
from cs_framework.steps.detect import detect
from cs_framework.steps.evaluate import evaluate
from cs_framework.steps.logs import log_file
from cs_framework.steps.outcome import INTERRUPTED, USER_ERRORS, Outcome, describe, to_stderr
from cs_framework.steps.points import gate_at
from cs_framework.steps.proposals import evaluate_proposals
from cs_framework.steps.report import report
from cs_framework.steps.run import Run, result_relevant
from cs_framework.steps.tally import Tally
from cs_framework.steps.train import train

log = logging.getLogger("cs_framework")


@frozen
class Step:
    """One step of a recipe."""

    take: Callable[[Run], None]
    output: str
    """The file that it writes last: where it exists, the step is done."""


STEPS: dict[StepName, Step] = {
    "train": Step(train, "model/bundle.json"),
    "adapt": Step(adapt, "model/bundle.json"),
    "evaluate": Step(evaluate, "metrics.json"),
    "detect": Step(detect, "detections.parquet"),
    "proposals": Step(evaluate_proposals, "proposals.json"),
}

SHOWN = 20
"""Skipped frames that are named one by one; ``skipped.csv`` holds all."""


@frozen
class Options:
    """How to run, as opposed to what: none of it changes a result."""

    out: Path | None = None
    """The run folder; ``runs/NAME`` when None."""
    resume: bool = False
    replace: bool = False
    cache: Path | None = None
    no_cache: bool = False
    block: tuple[str, ...] = ()
    share: Share | None = None
    """Detect on these shards only; other processes see to the rest of the same run folder."""
    profile: bool = False
    """Show during the run where the time goes."""
    synthetic: Path | None = None
    """Where synthetic frames are drawn, for several runs to share; ``data/`` in the run folder when None."""

    def cache_for(self, steps: tuple[StepName, ...]) -> Path | None:
        """Where proposals and embeddings are kept: by default of labelled frames only."""
        if self.no_cache:
            return None
        if self.cache is None and set(steps) <= {"adapt", "detect"}:
            return None
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return (self.cache or Path(base) / "cs-framework").expanduser().absolute()


def run_recipe(
    path: Path,
    steps: Sequence[str],
    overrides: Sequence[str],
    options: Options,
    track: Callable[..., Iterable[Any]],
    show: Callable[[str], None] = to_stderr,
) -> Outcome:
    """Load and run a recipe as ``cs-run`` does: user errors are shown and become the outcome.

    Args:
        path: the recipe's file, or the name of one that comes with the package.
        steps: those to take; without any, the recipe's own.
        overrides: ``KEY=VALUE`` options.
        options: how to run.
        track: shows progress, as `Env.track` does.
        show: shows a line to the user.
    """
    shown: list[str] = []

    def tell(line: str) -> None:
        shown.append(line)
        show(line)

    out = options.out
    try:
        loaded = open_recipe(path, steps, overrides, options.block)
        for warning in loaded.warnings:
            tell(f"warning: {warning}")
        out = out or Path("runs") / loaded.recipe.name
        exit_code = execute(loaded, options, track, tell)
    except USER_ERRORS as error:
        exit_code, line = describe(error, INTERRUPTED)
        tell(line)
    except SystemExit as error:  # from a plugin's settings, say: nothing of ours ends a run so
        exit_code = 1
        tell(f"error: the run was ended by sys.exit({error.code!r}), called by a plugin or a library")
    return Outcome(exit_code, out or Path("runs"), "".join(f"{line}\n" for line in shown))


def execute(
    loaded: LoadedRecipe,
    options: Options,
    track: Callable[..., Iterable[Any]],
    show: Callable[[str], None] = to_stderr,
) -> int:
    """Run the recipe's steps and return the exit code: 0, or 1 where no frame could be processed.

    `track` shows progress, as `Env.track` does; `show` shows a line to the user.

    Raises:
        CSError: what cannot be run, or went wrong as a whole; before that, nothing is overwritten.
    """
    out = (options.out or Path("runs") / loaded.recipe.name).expanduser().absolute()
    resolved = loaded.to_toml()
    steps = _open_steps(loaded, out, resolved, options)
    if not steps and ((out / "report.html").exists() or not (out / STEPS["evaluate"].output).exists()):
        with log_file(out / "run.log", show):
            log.info("every step is done: nothing is left to do in %s", out)
        return 0
    cache = options.cache_for(steps)
    run = Run(
        loaded=loaded,
        out=out,
        track=track,
        engine=make_engine(loaded.recipe.pipeline),
        spec=WorkerSpec(out / RESOLVED_FILE, cache=cache, block=options.block, content=digest(resolved)),
        bundle=_given_bundle(loaded, out, steps),
        synthetic=options.synthetic or out / "data",
        profile=options.profile,
        share=options.share,
    )
    run.components  # noqa: B018  (what is missing shows before anything is written)
    run.check_input(steps)
    if options.replace:
        _refuse_to_lose(run)

    with _explained(out):
        if options.replace:
            _clear(out)
        if options.share is None and out.exists():
            sweep(out)
        write_text(out / RESOLVED_FILE, resolved)
        with log_file(out / _log_name(options.share), show), closing(run.components), closing(run.engine):
            return _run_steps(run, steps)


def assemble(folder: Path, block: tuple[str, ...], track: Callable[..., Iterable[Any]]) -> int:
    """Write the files for readers in a run folder whose shares are all finished; return the exit code.

    Raises:
        CSError: some shards are missing, or it is no such folder.
    """
    out = folder.expanduser().absolute()
    resolved = out / RESOLVED_FILE
    if not resolved.exists():
        raise RecipeError(f"{out}: not a run folder, since there is no resolved.toml")
    loaded = load_recipe(resolved, block=block)
    bundle = _given_bundle(loaded, out, ("detect",))
    run = Run(loaded, out, track, LocalEngine(1), WorkerSpec(resolved), bundle, out / "data")
    with _explained(out), log_file(out / "run.log", to_stderr):
        sweep(out)
        assemble_parts(run)
        return _sum_up(run)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """What the system says of files becomes an error that a user can act on."""
    try:
        yield
    except (OSError, SafetensorError) as error:  # the latter where weights cannot be written
        where, what = (getattr(error, name, None) for name in ("filename", "strerror"))
        raise CSError(
            f"{where or out}: {what or error}. What is finished is kept; once that is mended, the same "
            "command with --resume goes on"
        ) from error


@contextmanager
def _lasting(out: Path) -> Iterator[None]:
    """If the run folder disappears during a step, report that instead of the step's own error.

    Raises:
        CSError: it has vanished.
    """
    mark, told = out / RESOLVED_FILE, f"{out} has vanished during the run"
    try:
        yield
    except Exception as error:
        if mark.exists():
            raise
        raise CSError(f"{told}: {error}") from error
    if not mark.exists():
        raise CSError(told)


def _run_steps(run: Run, steps: tuple[StepName, ...]) -> int:
    for step in steps:
        before = len(run.skipped)
        log.info("%s: %s", run.loaded.recipe.name, step)
        with _lasting(run.out):
            STEPS[step].take(run)
            due = run.share is None and step not in run.left_out
            if due and not (run.out / STEPS[step].output).exists():
                raise CSError(f"the step {step} has ended without its result, {STEPS[step].output}")
        if skipped := run.skipped[before:]:
            write_csv(run.out / "skipped" / f"{step}.csv", skipped_table(skipped))
        else:  # of an earlier attempt
            (run.out / "skipped" / f"{step}.csv").unlink(missing_ok=True)
    _report_time(run)
    if run.share:
        return _tell_not_done(run.detected.skipped() if run.detected else ())
    return _sum_up(run)


def _tell_not_done(skipped: Iterable[Skipped]) -> int:
    """Say how many frames are still to be done, and return the exit code."""
    left = dict.fromkeys(item.frame for item in skipped if item.not_done)
    if left:
        log.error(
            "%d frames are not done, such as %s: the same command with --resume does them",
            len(left),
            next(iter(left)),
        )
    return 1 if left else 0


def _sum_up(run: Run) -> int:
    """Say what came out, write ``skipped.csv`` and ``report.html``, and return the exit code."""
    detected = run.detected
    earlier = (read_skipped(run.out / "skipped" / f"{step}.csv") for step in STEPS)
    skipped = list(dict.fromkeys([*chain.from_iterable(earlier), *(detected.skipped() if detected else ())]))
    write_csv(run.out / "skipped.csv", skipped_table(skipped))
    for item in skipped[:SHOWN]:
        log.warning("skipped %s (%s): %s", item.frame, item.stage, item.reason)
    if len(skipped) > SHOWN:
        log.warning("and %d more", len(skipped) - SHOWN)
    tally = Tally()
    if detected is not None:
        for result in detected:
            tally.add(result)
        tally.log()
    report(run, [shard.unit for shard in detected.shards] if detected is not None else [])
    count = len({item.frame for item in skipped})
    log.info("results in %s; %d frames skipped%s", run.out, count, " (skipped.csv)" if count else "")
    exit_code = _tell_not_done(skipped)
    return 1 if detected is not None and not tally.frames else exit_code


def _report_time(run: Run) -> None:
    """Say where the time went and what to change, and how much the cache holds."""
    if run.timings.busy:
        log.info("%s", run.timings.table())
        for advice in run.timings.advice(run.engine.workers, run.env.device):
            log.warning(advice)
    if run.spec.cache is not None:
        log.info("cache: %.0f MiB in %s", Cache(run.spec.cache).size() / 2**20, run.spec.cache)


def _open_steps(loaded: LoadedRecipe, out: Path, resolved: str, options: Options) -> tuple[StepName, ...]:
    """The steps to take, after looking at what the run folder holds."""
    steps = loaded.recipe.steps
    if options.share is not None and steps != ("detect",):
        raise RecipeError("--shard is for the step detect alone: cs-run RECIPE detect --shard I/N")
    if out.exists() and not out.is_dir():
        raise RecipeError(f"{out} is a file; choose a folder with --out")
    if not out.exists() or not any(out.iterdir()):
        return steps
    before = out / RESOLVED_FILE
    if options.replace:
        if not before.exists():
            raise RecipeError(
                f"{out} is not empty and not a run folder: it is not replaced; choose another --out"
            )
        return steps
    if not options.resume and options.share is None:
        raise RecipeError(
            f"{out} is not empty: --resume goes on with it, --replace runs anew, --out DIR goes elsewhere"
        )
    try:
        old = before.read_text(encoding="utf-8") if before.exists() else resolved
        is_same = result_relevant(old) == result_relevant(resolved)
    except ValueError as error:  # no UTF-8, or no TOML
        raise RecipeError(
            f"{before}: damaged ({error}), so nobody knows what made {out}: --replace runs anew, "
            "--out DIR goes elsewhere"
        ) from error
    if not is_same:
        lines = difflib.unified_diff(old.splitlines(), resolved.splitlines(), "then", "now", lineterm="", n=0)
        raise RecipeError(f"{out} was made by another recipe, so it cannot be resumed:\n" + "\n".join(lines))
    return tuple(step for step in steps if not _is_done(step, out))


def _is_done(step: StepName, out: Path) -> bool:
    """Whether there is nothing left of a step. `detect` looks for frames that are new as long as it can."""
    if step == "detect" and (out / "parts").exists():
        return False
    left = any(item.not_done for item in read_skipped(out / "skipped" / f"{step}.csv"))
    return (out / STEPS[step].output).exists() and not left


def _given_bundle(loaded: LoadedRecipe, out: Path, steps: tuple[StepName, ...]) -> Bundle | None:
    """The bundle to start from, with the gate that the recipe asks for.

    None where training comes first, and where there is none and only proposers are wanted.
    """
    if "train" in steps:
        return None
    adapted = "adapt" in loaded.recipe.steps and "adapt" not in steps
    folder = out / "model" if adapted else loaded.bundle or out / "model"
    if not (folder / "bundle.json").exists():
        if set(steps) <= {"proposals"}:
            return None
        raise RecipeError(
            f"{loaded.path.name}: {steps[0]} needs a trained bundle: take the step train first, "
            "or give one with --set model.bundle=DIR (or pretrained)"
        )
    bundle = read_bundle(folder)
    settings = loaded.recipe.pipeline
    if bundle.gate and settings.gate != GateSettings():
        bundle = evolve(bundle, gate=gate_at(settings, bundle.gate.scores, bundle.gate.labels))
    return bundle


def _refuse_to_lose(run: Run) -> None:
    """Before a run folder is cleared: nothing that the run reads may lie in it.

    Raises:
        RecipeError: something does.
    """
    recipe = run.loaded.recipe
    wanted = (run.bundle.folder if run.bundle else None, recipe.data.root, recipe.detect.input)
    for path in (*wanted, *recipe.plugins):
        if path is not None and path.resolve().is_relative_to(run.out.resolve()):
            raise RecipeError(
                f"--replace would delete {path}, which this run needs: --resume keeps it, "
                "--out DIR goes elsewhere"
            )


def _clear(out: Path) -> None:
    """Remove what an earlier run wrote; the folder itself stays."""
    for entry in out.iterdir() if out.exists() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _log_name(share: Share | None) -> str:
    return "run.log" if share is None else f"run.{share.index}of{share.count}.log"

"""The step ``detect``: which frames hold strings, and where.

It works shard by shard and keeps what it has in ``parts/``, so that it can be stopped at any time, go on,
and be shared among processes that know nothing of each other; the files for readers are made in the end.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from attrs import evolve, frozen

from cs_framework.api.components import Skipped
from cs_framework.api.frames import Frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.errors import CSError, DataError, FrameError, StoppedError
from cs_framework.outputs import write
from cs_framework.outputs.tracks import write_sequences
from cs_framework.pipeline.batch import Shard, make_shards, stamp
from cs_framework.pipeline.interrupt import interruptible
from cs_framework.pipeline.stages import Analysis
from cs_framework.steps.parts import Parts, context_of
from cs_framework.steps.run import Run

log = logging.getLogger(__name__)

PROFILED_EVERY = 10.0
"""Seconds between two tables of where the time goes."""


@frozen(eq=False)
class Input:
    """The frames to look at."""

    refs: Sequence[FrameRef]
    truth: Mapping[str, LabelledFrame]
    """Those with annotated boxes, by id."""


def detect(run: Run) -> None:
    """Run both stages on the recipe's input and write all that a reader of results wants.

    Stage 2 runs on flagged frames only. Without an input, the frames of the test split (else of val) are
    taken, and their annotated boxes are drawn beside the detections. Shards that are finished already are
    not computed again.

    Of a share of the shards, no files for readers are written: `assemble` does when all is there.

    Raises:
        StoppedError: on Ctrl-C or SIGTERM, when the batches under way are finished.
    """
    source, share = _input(run), run.share
    parts = _parts(run, source, run.context)
    mine = share.of(parts.shards) if share else parts.shards
    todo = parts.find(mine)
    if len(todo) < len(mine):
        log.info("%d of %d shards are finished already", len(mine) - len(todo), len(mine))
    _compute(run, parts, todo)
    if share is None:
        _write(run, source, parts)
    else:
        log.info("share %s is finished; when all are: cs-run --assemble %s", share, run.out)
    run.detected = parts


def assemble(run: Run) -> None:
    """Write the files for readers from parts that other processes have finished.

    Raises:
        CSError: some are missing; the message says which.
    """
    source = _input(run)
    context = context_of(run.out / "parts")
    if context is None:
        raise CSError(f"{run.out / 'parts'}: not one shard is finished; run them with --shard I/N first")
    parts = _parts(run, source, context)
    missing = parts.find(parts.shards, unfinished=True)
    if missing:
        raise CSError(
            f"{len(missing)} of {len(parts.shards)} shards are missing: {_numbers(missing)}. Run the shares "
            f"that lack them again, or all that is left with: cs-run {run.out / 'resolved.toml'} "
            f"--out {run.out} --resume"
        )
    _write(run, source, parts)
    run.detected = parts


def _parts(run: Run, source: Input, context: int) -> Parts:
    folder = run.out / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    return Parts(folder, make_shards(source.refs, context), run.origin())


def _compute(run: Run, parts: Parts, todo: Sequence[Shard]) -> None:
    keep, shown = run.loaded.recipe.outputs.proposals, -PROFILED_EVERY
    stop = run.out / f".stop.{secrets.token_hex(4)}.part"  # which a later run sweeps away
    with interruptible(stop) as stopping:
        units = [shard.unit for shard in todo]
        analyses = run.analyses(
            units, "detecting", gated=True, keep_regions=keep, stopping=stopping, stop=stop
        )
        for shard, analysis in zip(todo, analyses, strict=False):
            if analysis is None:
                continue
            with run.timings.measure("write", len(shard.unit.refs)):
                parts.add(*_of_one_version(shard, analysis))
            if run.profile and monotonic() - shown > PROFILED_EVERY:
                shown = monotonic()
                log.info("%s", run.timings.table())
        if number := stopping():
            raise StoppedError(
                f"stopped; {parts.done} of {len(parts.shards)} shards are finished in {run.out}, "
                "and the same command with --resume goes on",
                number,
            )


def _of_one_version(shard: Shard, analysis: Analysis) -> tuple[Shard, Analysis]:
    """Without the frames whose files have changed since they were listed: who knows what was read.

    Where files have changed or are gone, neighbours of frames among them, the shard's inputs are no longer
    those that were listed, and are known as such to no later run: it computes the shard anew.
    """
    now = shard.as_of_now()
    if now.inputs == shard.inputs:
        return shard, analysis
    files = zip(shard.unit.refs, shard.stamps, now.stamps, strict=True)
    changed = {ref.id for ref, before, after in files if after not in {before, None}}
    results = [result for result in analysis.results if result.frame not in changed]
    dropped = {result.frame for result in analysis.results} & changed
    reason = "its file changed during the run"
    skipped = [*analysis.skipped, *(Skipped(frame, "read", reason) for frame in dropped)]
    return evolve(shard, inputs=""), Analysis(results, skipped)


def _write(run: Run, source: Input, parts: Parts) -> None:
    outputs, read = run.loaded.recipe.outputs, _reader(run, source, parts)
    write.pictures(run.out / "overlays", parts, read, source.truth, outputs.overlays, run.track)
    if outputs.crops:
        write.crops(run.out / "crops", parts, read)
    if outputs.proposals:
        write.proposals(run.out / "proposals" / "detect", parts, read, outputs.overlays)
    write_sequences(run.out, parts)
    write.detections(run.out, parts)
    parts.tidy()


def _reader(run: Run, source: Input, parts: Parts) -> Callable[[str], Frame]:
    """Decodes frames whose files are still those that the results are of."""
    decode = run.reader(source.refs)
    known = {
        ref.id: (ref.path, before)
        for shard in parts.shards
        for ref, before in zip(shard.unit.refs, shard.stamps, strict=True)
    }

    def read(frame: str) -> Frame:
        path, before = known[frame]
        if stamp(path) not in {before, None}:
            raise FrameError(f"{frame}: its file has changed")
        return decode(frame)

    return read


def _numbers(shards: Sequence[Shard]) -> str:
    names = ", ".join(str(shard.number) for shard in shards[:20])
    return names + (", ..." if len(shards) > 20 else "")


def _input(run: Run) -> Input:
    recipe = run.loaded.recipe
    if recipe.detect.input is not None:
        source = open_source(recipe.detect.input, recipe.data)
        for note in source.notes:
            log.warning(note)
        return Input(source.refs, {})
    if recipe.data.source == "folder" and recipe.data.root is None:
        raise DataError("nothing to detect on: give a folder or an image with --set detect.input=PATH")
    for name in ("test", "val", *(["train"] if "train" in recipe.steps else [])):
        frames = run.split(name)
        if frames:
            log.info("no detect.input: taking the frames of the split %s", name)
            return Input([f.ref for f in frames], {f.ref.id: f for f in frames})
    raise DataError(
        f"{recipe.data.root}: neither test nor val has frames; give some with --set detect.input=PATH"
    )

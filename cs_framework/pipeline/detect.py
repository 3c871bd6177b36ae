"""The step ``detect``: which frames hold strings, and where."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import FrameRef, open_source
from cs_framework.errors import DataError
from cs_framework.outputs import write
from cs_framework.pipeline.results import FrameResult
from cs_framework.run import Run

log = logging.getLogger(__name__)


def detect(run: Run) -> list[FrameResult]:
    """Run both stages on the recipe's input and write all that a reader of results wants.

    Stage 2 runs on flagged frames only. Without an input, the frames of the test split (else of val) are
    taken, and their annotated boxes are drawn beside the detections.
    """
    refs, truth = _input(run)
    results = run.analyse(refs, "detecting", gated=True, keep_regions=run.loaded.recipe.outputs.proposals)
    outputs, read = run.loaded.recipe.outputs, run.reader(refs)
    write.pictures(run.out / "overlays", results, read, truth, outputs.overlays, run.track)
    if outputs.crops:
        write.crops(run.out / "crops", results, read)
    if outputs.proposals:
        write.proposals(run.out / "proposals" / "detect", results, read, outputs.overlays)
    write.detections(run.out, results)
    return results


def _input(run: Run) -> tuple[Sequence[FrameRef], dict[str, LabelledFrame]]:
    recipe = run.loaded.recipe
    if recipe.detect.input is not None:
        source = open_source(recipe.detect.input, recipe.data)
        for note in source.notes:
            log.warning(note)
        return source.refs, {}
    if recipe.data.source == "folder" and recipe.data.root is None:
        raise DataError("nothing to detect on: give a folder or an image with --set detect.input=PATH")
    for name in ("test", "val"):
        frames = run.split(name)
        if frames:
            log.info("no detect.input: taking the frames of the split %s", name)
            return [f.ref for f in frames], {f.ref.id: f for f in frames}
    raise DataError(
        f"{recipe.data.root}: neither test nor val has frames; give some with --set detect.input=PATH"
    )

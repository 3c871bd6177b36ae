"""A run: one recipe, one folder, its steps in order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from cs_framework.bundle import Bundle
from cs_framework.data.dataset import DataSet, load_dataset
from cs_framework.data.images import read_frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.source import FrameRef, open_source
from cs_framework.interfaces import Env, Frame, Skipped
from cs_framework.outputs.files import whole_folder
from cs_framework.pipeline.batch import make_batches
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.engine import Engine, Worker, WorkerSpec
from cs_framework.pipeline.results import FrameResult
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.schema import Step

log = logging.getLogger(__name__)


@define(eq=False, slots=False)
class Run:
    """What the steps share."""

    loaded: LoadedRecipe
    out: Path
    env: Env
    components: Components
    engine: Engine
    spec: WorkerSpec
    bundle: Bundle | None
    """What was trained before or is given by the recipe; set by the step `train`."""
    synthetic: Path
    """Where synthetic frames are, or are drawn when first wanted."""
    skipped: list[Skipped] = field(factory=list)

    @property
    def track(self) -> Callable[..., Iterable[Any]]:
        """Show progress over some items."""
        return self.env.track

    @cached_property
    def worker(self) -> Worker:
        """The work of this process, with the components that the run built; untrained ones at first."""
        return Worker(self.loaded, self.components, self.spec)

    @cached_property
    def data(self) -> DataSet:
        """The labelled frames; synthetic ones are made on first use."""
        settings = self.loaded.recipe.data
        if settings.source == "synthetic":
            root = self.synthetic
            if not root.exists():
                from cs_framework.data.synthetic import write_synthetic

                log.info("drawing %d synthetic embryos", settings.synthetic.embryos)
                with whole_folder(root) as folder:
                    write_synthetic(folder, settings.synthetic)
            settings = evolve(settings, root=root)
        return load_dataset(settings)

    def check_input(self, steps: Sequence[Step]) -> None:
        """Find out what is wrong with the frames before anything is written.

        Raises:
            DataError: the data root or the input of `detect` cannot be used.
        """
        recipe = self.loaded.recipe
        if recipe.data.source == "folder" and {"train", "evaluate"} & set(steps):
            self.data  # noqa: B018  (listed and checked now, used later)
        if recipe.detect.input is not None and "detect" in steps:
            open_source(recipe.detect.input, recipe.data)

    def split(self, name: str) -> list[LabelledFrame]:
        """The labelled frames of a split, embryo by embryo in time."""
        frames = self.data.splits.get(name, ())
        return sorted(frames, key=lambda f: (f.ref.sequence, f.ref.index, f.ref.id))

    def analyse(
        self, refs: Sequence[FrameRef], description: str, *, gated: bool, keep_regions: bool
    ) -> list[FrameResult]:
        """Both stages, trained, on some frames; those that fail are added to `skipped`."""
        assert self.bundle is not None, "train comes first, or the recipe names a bundle"
        gate = self.bundle.gate
        spec = evolve(self.spec, bundle=self.bundle.folder, threshold=gate.point.threshold if gate else None)
        worker = Worker(self.loaded, self.components, spec)
        context = self.components.anomaly_filter.context if self.components.anomaly_filter else 0
        calls = [(piece, gated, keep_regions) for piece in make_batches(refs, context)]
        results: list[FrameResult] = []
        for done in self.track(self.engine.map(worker, "analyse", calls), description, len(calls)):
            results += done.results
            self.skipped += done.skipped
        return results

    def reader(self, refs: Sequence[FrameRef]) -> Callable[[str], Frame]:
        """Decodes one of some frames, by its id."""
        known = {ref.id: ref for ref in refs}
        return lambda frame: read_frame(known[frame], bits=self.loaded.recipe.data.bits)

    def versions(self) -> dict[str, str]:
        """The distributions that results may depend on, and their versions."""
        names = {"cs-framework", "numpy", "opencv-contrib-python", "scikit-image", "torch"}
        chosen = (
            self.loaded.anomaly_filter,
            *self.loaded.proposers,
            self.loaded.embedder,
            self.loaded.scorer,
        )
        found = {name: version(name) for name in sorted(names)}
        for choice in chosen:
            if choice is not None and choice.component.provenance.version:
                found[choice.component.provenance.distribution] = choice.component.provenance.version
        return found

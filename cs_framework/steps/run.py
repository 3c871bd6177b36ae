"""A run: one recipe, one folder, its steps in order."""

from __future__ import annotations

import hashlib
import logging
import tomllib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from cs_framework._markers import DISTRIBUTION
from cs_framework.api.components import Env, Skipped
from cs_framework.api.frames import Frame
from cs_framework.bundle import EVALUATION_FILE, Bundle
from cs_framework.data.dataset import DataSet, load_dataset
from cs_framework.data.images import read_frame
from cs_framework.data.labels import LabelledFrame
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.pipeline.batch import Share, Unit, make_units
from cs_framework.pipeline.components import Components, digest, make_env
from cs_framework.pipeline.engines import Engine
from cs_framework.pipeline.faults import log_traces
from cs_framework.pipeline.results import FrameResult
from cs_framework.pipeline.stages import Analysis
from cs_framework.pipeline.timings import Timings
from cs_framework.pipeline.worker import Worker, WorkerSpec, analyse
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.schema import StepName
from cs_framework.steps.parts import Parts

log = logging.getLogger(__name__)


@define(eq=False, slots=False)
class Run:
    """What the steps share."""

    loaded: LoadedRecipe
    out: Path
    track: Callable[..., Iterable[Any]]
    """Shows progress over some items, as `Env.track` does."""
    engine: Engine
    spec: WorkerSpec
    bundle: Bundle | None
    """What was trained before or is given by the recipe; set by the step `train`."""
    synthetic: Path
    """Where synthetic frames are, or are drawn when first wanted."""
    skipped: list[Skipped] = field(factory=list)
    """Frames that failed while training or evaluating."""
    timings: Timings = field(factory=Timings)
    """Where the time of evaluating and detecting went."""
    profile: bool = False
    """Whether to show them during the run, too."""
    share: Share | None = None
    """The shards to detect on, where other processes see to the rest."""
    detected: Parts | None = None
    """What the step `detect` found."""
    left_out: set[StepName] = field(factory=set)
    """Steps that had nothing to do, and have told so."""

    @cached_property
    def env(self) -> Env:
        """Where components run; its threads are set when it is first asked for."""
        return make_env(self.loaded, self.spec.cache, self.track)

    @cached_property
    def components(self) -> Components:
        """The components of this process: with what is learnt where the run starts from a bundle."""
        return Components.build(self.loaded, self.env, self.bundle.folder if self.bundle else None)

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
                from cs_framework.synthetic import write_synthetic

                log.info("drawing %d synthetic embryos", settings.synthetic.embryos)
                write_synthetic(root, settings.synthetic)
            settings = evolve(settings, root=root)
        return load_dataset(settings)

    def check_input(self, steps: Sequence[StepName]) -> None:
        """Find out what is wrong with the frames before anything is written.

        Raises:
            DataError: the data root or the input of `detect` cannot be used.
        """
        recipe = self.loaded.recipe
        if recipe.data.source == "folder" and set(steps) - {"adapt", "detect"}:
            self.data  # noqa: B018  (listed and checked now, used later)
        if recipe.detect.input is not None and {"adapt", "detect"} & set(steps):
            open_source(recipe.detect.input, recipe.data)

    def split(self, name: str) -> list[LabelledFrame]:
        """The labelled frames of a split, embryo by embryo in time."""
        frames = self.data.splits.get(name, ())
        return sorted(frames, key=lambda f: (f.ref.sequence, f.ref.index, f.ref.id))

    def analyse(
        self, refs: Sequence[FrameRef], description: str, *, gated: bool, keep_regions: bool
    ) -> list[FrameResult]:
        """Both stages, trained, on some frames; those that fail are added to `skipped`."""
        results: list[FrameResult] = []
        units = make_units(refs, self.context)
        for analysis in self.analyses(units, description, gated=gated, keep_regions=keep_regions):
            assert analysis is not None, "nobody stops it"
            results += analysis.results
            self.skipped += analysis.skipped
        return results

    def skip(self, skipped: Sequence[Skipped]) -> None:
        """Note frames that failed, with their tracebacks in ``run.log``."""
        self.skipped += skipped
        log_traces(skipped)

    def analyses(
        self,
        units: Sequence[Unit],
        description: str,
        *,
        gated: bool,
        keep_regions: bool,
        stopping: Callable[[], int] = lambda: 0,
        stop: Path | None = None,
    ) -> Iterator[Analysis | None]:
        """Both stages, trained, on units: what each gave, in order, until somebody is `stopping`.

        A unit that is under way then, with the file `stop` there to tell the workers, gives None.
        Progress counts frames. Where there are too few units to keep all processes busy, they are handed out
        batch by batch, which makes no difference to the components.
        """
        assert self.bundle is not None, "train comes first, or the recipe names a bundle"
        gate = self.bundle.gate
        spec = evolve(
            self.spec,
            bundle=self.bundle.folder,
            threshold=gate.point.threshold if gate else None,
            least=self.bundle.least_confidence(self.loaded.recipe.pipeline),
            known=self.bundle.known,
            withhold=gated and self.loaded.recipe.detect.unfamiliar == "withhold",
            content=digest(self.origin()),
            stop=stop,
        )
        few = len(units) < 2 * self.engine.workers
        taken: deque[int] = deque()

        def calls() -> Iterator[tuple[Unit, bool, bool]]:
            for unit in takewhile(lambda _: not stopping(), units):
                pieces = unit.batches() if few else [unit]
                taken.append(len(pieces))
                yield from ((piece, gated, keep_regions) for piece in pieces)

        answers = self._counted(
            self.engine.map(spec, analyse, calls()),
            description,
            sum(len(unit.refs) for unit in units),
        )
        for first in answers:
            pieces = [first, *islice(answers, taken.popleft() - 1)]
            whole = [piece for piece in pieces if piece is not None]
            yield Analysis.joined(whole) if len(whole) == len(pieces) else None

    def _counted(
        self, answers: Iterable[Analysis | None], description: str, frames: int
    ) -> Iterator[Analysis | None]:
        """What comes, while progress is shown in frames, and time is taken."""
        shown = iter(self.track(range(frames), description, frames))
        answers = iter(answers)
        while True:
            with self.timings.wait("write"):
                try:
                    answer = next(answers)
                except StopIteration:
                    return
            if answer is not None:
                self.timings.add(answer.timings)
                log_traces(answer.skipped)
                done = len(answer.results) + len(answer.skipped)
                frames -= done
                # once more at the end, since an item is done when the next is asked for
                for _ in range(done + (frames == 0)):
                    next(shown, None)
            yield answer

    @property
    def context(self) -> int:
        """Neighbours that the anomaly filter wants of each frame, on each side."""
        return self.components.anomaly_filter.context if self.components.anomaly_filter else 0

    def reader(self, refs: Sequence[FrameRef]) -> Callable[[str], Frame]:
        """Decodes one of some frames, by its id."""
        known = {ref.id: ref for ref in refs}
        return lambda frame: read_frame(known[frame], bits=self.loaded.recipe.data.bits)

    def origin(self) -> dict[str, str]:
        """What results depend on beside the frames, digested: the recipe, the trained bundle, versions."""
        assert self.bundle is not None, "train comes first, or the recipe names a bundle"
        files = sorted(path for path in self.bundle.folder.rglob("*") if path.is_file())
        files = [path for path in files if path.name != EVALUATION_FILE]  # which changes no result
        return {
            "recipe": digest(result_relevant(self.loaded.to_toml())),
            **{
                f"model/{path.relative_to(self.bundle.folder).as_posix()}": file_digest(path)
                for path in files
            },
            **self.versions(),
        }

    def versions(self) -> dict[str, str]:
        """The distributions that results may depend on, and their versions."""
        names = {DISTRIBUTION, "numpy", "opencv-contrib-python", "scikit-image", "torch"}
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


def result_relevant(resolved: str) -> dict[str, Any]:
    """A resolved recipe without the keys on which results do not depend."""
    recipe = tomllib.loads(resolved)
    recipe.pop("steps", None)
    for key in ("engine", "workers"):
        recipe.get("pipeline", {}).pop(key, None)
    return recipe


def file_digest(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()

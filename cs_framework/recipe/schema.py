"""The tables and keys of a recipe. Every default is here, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import matches_re

from cs_framework.api.settings import setting

StepName = Literal["train", "evaluate", "adapt", "detect", "proposals"]
DEFAULT_STEPS: tuple[StepName, ...] = ("train", "evaluate", "detect")
STEP_NAMES: tuple[StepName, ...] = (*DEFAULT_STEPS, "adapt", "proposals")


@frozen
class ComponentUse:
    """One component, as a recipe names it."""

    use: str = setting(help='name of the component, or "distribution/name"')
    settings: dict[str, Any] = field(factory=dict, metadata={"cs_framework": {"help": "its settings"}})
    version: str | None = setting(None, help="version of its distribution; written into resolved.toml")


@frozen
class BlockSettings:
    """Plugins that must not be imported."""

    plugins: tuple[str, ...] = setting((), help='distributions, or "distribution:entry-point"')


@frozen
class SyntheticSettings:
    """Synthetic embryos, made when the run starts."""

    embryos: int = setting(16, ge=3, le=100_000, help="number of embryos over all splits")
    frames: int = setting(20, ge=4, le=1_000_000, help="frames per embryo")
    size: int = setting(320, ge=96, le=1024, help="width and height of a frame in pixels")
    seed: int = setting(7, ge=0, le=2**32 - 1, help="seed of the generator")
    version: int = setting(
        1,
        ge=1,
        le=2,
        help="of the generator: 1 draws the blastocysts of one microscope, 2 those of many",
    )


@frozen
class DataSettings:
    """Where labelled frames come from."""

    source: Literal["folder", "synthetic"] = setting("folder", help="a data root, or generated embryos")
    root: Path | None = setting(None, help="folder with {train,val,test}/{normal,abnormal} and labels/")
    group_pattern: str | None = setting(
        None,
        help="regular expression over file names without extension; group 'group' is the embryo, 'frame' (a "
        "number) and 'hours' the time",
    )
    shared_embryos: Literal["error", "allow"] = setting(
        "error", help="what to do with an embryo in two splits"
    )
    embryo: tuple[float, float, float] | None = setting(
        None,
        gt=0,
        le=1,
        help="the embryo's circle in every frame, instead of the one found: x and y of the centre and the "
        "radius, as fractions of the frame's width, its height and its shorter side",
    )
    bits: int | None = setting(None, ge=8, le=16, help="depth of 16-bit files when it is less than 16")
    z: int | Literal["best-focus", "max"] = setting(
        "best-focus", help="of a stack with several z planes: the sharpest, all projected, or one (from 0)"
    )
    crop: Literal["none", "embryo"] = setting(
        "none",
        help="embryo: models see each frame's embryo cut out and at one scale, so raw and cropped frames "
        "look alike to them; boxes stay in pixels of the frame; a trained bundle keeps it",
    )
    hours_per_frame: float | None = setting(None, gt=0, help="time between the frames of an embryo")
    synthetic: SyntheticSettings = field(
        factory=SyntheticSettings, metadata={"cs_framework": {"help": "settings of the generator"}}
    )


@frozen
class ModelSettings:
    """A trained bundle to use instead of naming components."""

    bundle: Literal["pretrained"] | Path | None = setting(
        None, help='the model/ folder of a run, or "pretrained": the bundle that comes with the package'
    )
    content: str | None = setting(None, help='hash of what "pretrained" meant; written into resolved.toml')


@frozen
class ImplantSettings:
    """Strings drawn into string-free training frames, which need no annotation."""

    share: float = setting(
        0.0, ge=0, le=1, help="share of the string frames to train on that are drawn: 0 none, 1 all"
    )
    frames: int = setting(400, ge=1, le=1_000_000, help="frames with drawn strings at most")
    clear: float = setting(
        0.3,
        gt=0,
        le=1,
        help="share of the string-free frames, those with the clearest cavity, that are drawn into",
    )


@frozen
class TrainingSettings:
    """How regions are labelled and sampled."""

    positive_iou: float = setting(0.2, ge=0, le=1, help="a region above this IoU is a string")
    negative_iou: float = setting(0.1, ge=0, le=1, help="a region below this IoU is background")
    orientations: int = setting(
        1,
        choices=(1, 2, 4, 8),
        help="ways to show each annotated training frame: as it is, also mirrored, upside down, turned",
    )
    normal_regions: int = setting(
        256,
        ge=0,
        le=100_000,
        help="background regions taken of each training frame that is string-free or has drawn strings",
    )
    implants: ImplantSettings = field(
        factory=ImplantSettings, metadata={"cs_framework": {"help": "strings drawn into string-free frames"}}
    )
    brightness: float = setting(
        0.0, ge=0, lt=1, help="largest relative change of a training frame's brightness"
    )
    blur: float = setting(0.0, ge=0, le=5, help="strongest blur of a training frame, sigma in pixels")


@frozen
class GateSettings:
    """When does stage 1 let a frame pass? Youden's point, unless one of these is given."""

    sensitivity: float | None = setting(
        None, gt=0, le=1, help="smallest share of abnormal validation frames that must pass"
    )
    threshold: float | None = setting(None, help="pass frames that score at least this")


@frozen
class PipelineSettings:
    """How frames flow through the components, and which boxes are reported."""

    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", help="where networks run")
    threads: int = setting(
        2, ge=1, le=1024, help="threads of each process; results may depend on it, so it is fixed"
    )
    workers: int = setting(1, ge=1, le=4096, help="processes; results do not depend on it")
    engine: str = setting(
        "local",
        help="what hands out the work: local, dask, or dask:ADDRESS; results do not depend on it",
        validator=matches_re(r"local|dask(:.+)?"),
    )
    gate: GateSettings = field(
        factory=GateSettings, metadata={"cs_framework": {"help": "operating point of stage 1"}}
    )
    search: Literal["frame", "embryo"] = setting(
        "frame", help="embryo: proposals whose centre lies off the embryo are dropped"
    )
    min_proposal_size: float | None = setting(
        None,
        gt=0,
        help="smaller proposals are dropped: square root of the area, as a fraction of the embryo's diameter "
        "(of the frame's shorter side where no embryo is found)",
    )
    max_proposal_size: float | None = setting(
        None, gt=0, help="larger proposals are dropped, in the same unit"
    )
    proposal_overlap: float | None = setting(
        None,
        ge=0,
        le=1,
        help="a proposal that overlaps an earlier one above this IoU goes; none goes without",
    )
    max_proposals: int = setting(
        3000, ge=1, le=100_000, help="boxes kept of each frame, after uniting all proposers"
    )
    top: int = setting(1, ge=1, le=100_000, help="boxes reported for a frame at most")
    min_confidence: float | None = setting(
        None,
        ge=0,
        le=1,
        help="boxes below this confidence are not reported; left out, the point that training chose",
    )
    suppression: float = setting(0.3, ge=0, le=1, help="a box that overlaps a better one above this IoU goes")


NARROWED_BY = ("search", "min_proposal_size", "max_proposal_size", "proposal_overlap", "max_proposals")
"""The keys of ``[pipeline]`` that decide which boxes are scored. A trained bundle keeps them, since its
scorer knows no others."""
KEPT = {"pipeline": NARROWED_BY, "data": ("crop",)}
"""The keys that a trained bundle keeps, by their tables: with them, how components see frames."""


@frozen
class EvaluateSettings:
    """How figures are computed."""

    resamples: int = setting(1000, ge=100, le=1_000_000, help="bootstrap resamples behind each interval")


@frozen
class DetectSettings:
    """What to look at."""

    input: Path | None = setting(
        None,
        help="folder, image, TIFF stack, video, or list of files (.txt, .csv); without it, the frames of the "
        "test (else val) split",
    )
    unfamiliar: Literal["withhold", "report"] = setting(
        "withhold",
        help="boxes of frames that are unlike those of the training, or before a blastocyst",
    )


@frozen
class AdaptSettings:
    """How a trained filter learns on from frames of the input."""

    views: int = setting(
        1500,
        ge=1,
        le=10_000_000,
        help="frames that are looked at in all, some two minutes of them on two cores",
    )
    frames: int = setting(
        400, ge=1, le=10_000_000, help="frames of the input that it learns from at most, evenly spread"
    )


@frozen
class OutputSettings:
    """Which further files a run leaves."""

    overlays: int = setting(200, ge=0, le=10_000_000, help="pictures drawn at most")
    proposals: bool = setting(False, help="all proposals as Parquet, COCO, YOLO and pictures")
    regions: bool = setting(False, help="the region table and embeddings as Parquet")
    crops: bool = setting(False, help="the pixels of each reported box as PNG")


def _table(cls: type, text: str) -> Any:
    return field(factory=cls, metadata={"cs_framework": {"help": text}})


@frozen
class ComponentTables:
    """The four kinds of components, in a recipe and in a bundle alike."""

    anomaly_filter: ComponentUse | None = field(
        default=None, metadata={"cs_framework": {"help": "stage 1: is this frame unusual?"}}
    )
    proposer: tuple[ComponentUse, ...] = field(
        default=(), metadata={"cs_framework": {"help": "stage 2: which boxes? may repeat"}}
    )
    embedder: ComponentUse | None = field(
        default=None, metadata={"cs_framework": {"help": "stage 2: a vector for each box"}}
    )
    scorer: ComponentUse | None = field(
        default=None, metadata={"cs_framework": {"help": "stage 2: which box holds a string?"}}
    )


@frozen
class Recipe(ComponentTables):
    """A whole recipe."""

    name: str = setting("", help="names the run; the file's name without extension when left out")
    steps: tuple[StepName, ...] = setting(
        DEFAULT_STEPS, help="what `cs-run` does when no step is given", choices=STEP_NAMES
    )
    seed: int = setting(42, ge=0, le=2**32 - 1, help="seed of everything random")
    requires: tuple[str, ...] = setting(
        (), help='distributions that must be installed, such as "cs-yolo>=1.2"'
    )
    plugins: tuple[Path, ...] = setting((), help="one-file plugins, relative to the recipe")
    block: BlockSettings = _table(BlockSettings, "plugins that must not be imported")
    data: DataSettings = _table(DataSettings, "labelled frames")
    model: ModelSettings = _table(ModelSettings, "a trained bundle, for recipes that do not train")
    training: TrainingSettings = _table(TrainingSettings, "weak labels")
    pipeline: PipelineSettings = _table(PipelineSettings, "flow, gate and reporting")
    evaluate: EvaluateSettings = _table(EvaluateSettings, "figures")
    adapt: AdaptSettings = _table(AdaptSettings, "how a trained filter learns on from frames of the input")
    detect: DetectSettings = _table(DetectSettings, "frames to search")
    outputs: OutputSettings = _table(OutputSettings, "further files")

    @property
    def only_proposes(self) -> bool:
        """Whether a run needs proposers and nothing else."""
        return set(self.steps) == {"proposals"}

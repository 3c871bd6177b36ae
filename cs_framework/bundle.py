"""A trained bundle: the folder that `train` writes and `evaluate` and `detect` use.

``bundle.json`` names the components with their settings, the gate and where it all comes from; beside it
lies a folder for each component that learnt something, holding safetensors and JSON, and ONNX where it was
exported. Bundles are not trusted: what they may hold is in
[check_files][cs_framework.recipe.document.check_files].
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from cs_framework.errors import RecipeError
from cs_framework.evaluation.carried import CarriedEvaluation
from cs_framework.evaluation.operating_point import OperatingPoint
from cs_framework.files import share_as_new, whole_folder, write_json
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.familiarity import Known
from cs_framework.recipe.document import check_files, read_json
from cs_framework.recipe.reader import describe, plain, read_table
from cs_framework.recipe.schema import PipelineSettings

FORMAT = 1
EVALUATION_FILE = "evaluation.json"


@frozen
class Gate:
    """Stage 1's operating point and the validation figures it was chosen on, so it can be chosen anew."""

    point: OperatingPoint
    scores: tuple[float, ...] = ()
    """Anomaly scores of the validation frames."""
    labels: tuple[int, ...] = ()
    """Their labels: 1 abnormal."""

    def __attrs_post_init__(self) -> None:
        if len(self.scores) != len(self.labels):
            raise ValueError(f"{len(self.scores)} scores, but {len(self.labels)} labels")
        if not all(map(math.isfinite, (self.point.threshold, *self.scores))):
            raise ValueError("the threshold and all scores must be finite")


@frozen
class Bundle:
    """What ``bundle.json`` holds beside the components."""

    folder: Path
    gate: Gate | None
    """None where there is no anomaly filter."""
    boxes: OperatingPoint | None = None
    """Stage 2's: the least confidence of a reported box, and what share of the validation frames, with and
    without strings, then has one; None in bundles of 0.1.0, and where no box was scored."""
    known: Known | None = None
    """What frames the model has seen; None in bundles of 0.1.0, which report of all frames alike."""
    notes: tuple[str, ...] = ()
    """What a reader of the results has to know about the training."""
    provenance: dict[str, Any] = field(factory=dict)
    export: dict[str, Any] = field(factory=dict)
    """How far the exported networks are from those they were made from; empty where none was exported."""
    evaluation: CarriedEvaluation | None = None
    """What `evaluate` found in the run that trained it; None where that step was not taken."""

    def least_confidence(self, settings: PipelineSettings) -> float:
        """Of a reported box: what the recipe asks for, else the bundle's operating point, else any."""
        if settings.min_confidence is not None:
            return settings.min_confidence
        return self.boxes.threshold if self.boxes else 0.0


def write_bundle(
    bundle: Bundle, components: Components, described: dict[str, Any], versions: dict[str, str]
) -> None:
    """Write the folder, whole or not at all.

    Args:
        bundle: gate, notes and provenance; `bundle.folder` is where to write.
        components: the trained components.
        described: the components as `components_to_dict` gives them.
        versions: distributions and their versions.
    """
    with whole_folder(bundle.folder) as folder:
        for name, component in components.trainable().items():
            (folder / name).mkdir()
            with components.call(component):
                component.save(folder / name)
                _check_saved(folder / name)
        share_as_new(folder)
        content = {
            "format": FORMAT,
            "versions": versions,
            "components": described,
            "gate": asdict(bundle.gate) if bundle.gate else None,
            "boxes": asdict(bundle.boxes) if bundle.boxes else None,
            "known": asdict(bundle.known) if bundle.known else None,
            "notes": list(bundle.notes),
            "provenance": bundle.provenance,
        }
        write_json(folder / "bundle.json", content)


def _check_saved(folder: Path) -> None:
    """Refuse now what would be refused when the bundle is read."""
    try:
        check_files(folder)
    except RecipeError as error:
        raise ValueError(f"save() wrote a file that bundles must not hold: {error}") from error


def read_bundle(folder: Path) -> Bundle:
    """Read ``bundle.json``, having looked at every file of the bundle.

    Raises:
        RecipeError: there is none, or it is not one that this version understands, or a file is refused.
    """
    check_files(folder)
    file = folder / "bundle.json"
    try:
        content = read_json(file)
        made_as = content["format"]
    except FileNotFoundError:
        raise RecipeError(
            f"{file}: no such file; model.bundle is the model/ folder of a finished run"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{file}: not a readable bundle ({error!r}); train again") from error
    if made_as != FORMAT:
        raise RecipeError(
            f"{file}: format {describe(made_as)} is not {FORMAT}: train again with this version"
        )
    # `asdict` writes None for a missing figure; `plain` treats it like an absent key.
    read = read_table(_Content, plain(content), str(file), folder)
    return Bundle(
        folder,
        read.gate,
        read.boxes,
        read.known,
        read.notes,
        read.provenance,
        read.export,
        read_carried(folder),
    )


def add_note(folder: Path, note: str) -> None:
    """Put a note before the others of a bundle."""
    file = folder / "bundle.json"
    content = read_json(file)
    write_json(file, {**content, "notes": [note, *content.get("notes", ())]})


def write_carried(folder: Path, evaluation: CarriedEvaluation) -> None:
    """Write what `evaluate` found into the bundle of its run, where no result depends on it."""
    write_json(folder / EVALUATION_FILE, asdict(evaluation))


def read_carried(folder: Path) -> CarriedEvaluation | None:
    """Read the evaluation that a bundle carries; None where it carries none.

    Raises:
        RecipeError: it is not one that this version understands.
    """
    file = folder / EVALUATION_FILE
    if not file.exists():
        return None
    try:
        content = read_json(file)
    except (OSError, ValueError) as error:
        raise RecipeError(f"{file}: not a readable evaluation ({error!r}); remove it") from error
    return read_table(CarriedEvaluation, plain(content), str(file), folder)


@frozen
class _Content:
    """The keys of ``bundle.json``."""

    format: int
    versions: dict[str, str]
    components: dict[str, Any]
    gate: Gate | None = None
    boxes: OperatingPoint | None = None
    known: Known | None = None
    notes: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(factory=dict)
    export: dict[str, Any] = field(factory=dict)

"""A trained bundle: the folder that `train` writes and `evaluate` and `detect` use.

``bundle.json`` names the components with their settings, the gate and where it all comes from; beside it
lies a folder for each component that learnt something, holding safetensors and JSON only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from cs_framework.errors import RecipeError
from cs_framework.evaluation.operating_point import OperatingPoint
from cs_framework.outputs.files import whole_folder, write_json
from cs_framework.pipeline.components import Components

FORMAT = 1


@frozen
class Gate:
    """Stage 1's operating point and the validation figures it was chosen on, so it can be chosen anew."""

    point: OperatingPoint
    scores: tuple[float, ...] = ()
    """Anomaly scores of the validation frames."""
    labels: tuple[int, ...] = ()
    """Their labels: 1 abnormal."""


@frozen
class Bundle:
    """What ``bundle.json`` holds beside the components."""

    folder: Path
    gate: Gate | None
    """None where there is no anomaly filter."""
    notes: tuple[str, ...] = ()
    """What a reader of the results has to know about the training."""
    provenance: dict[str, Any] = field(factory=dict)


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
            component.save(folder / name)
        content = {
            "format": FORMAT,
            "versions": versions,
            "components": described,
            "gate": asdict(bundle.gate) if bundle.gate else None,
            "notes": list(bundle.notes),
            "provenance": bundle.provenance,
        }
        write_json(folder / "bundle.json", content)


def read_bundle(folder: Path) -> Bundle:
    """Read ``bundle.json``.

    Raises:
        RecipeError: if there is none, or it is not one that this version understands.
    """
    file = folder / "bundle.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise RecipeError(
                f"{file}: format {content['format']} is not {FORMAT}: train again with this version"
            )
        gate = content["gate"]
        return Bundle(
            folder=folder,
            gate=gate and _gate(gate),
            notes=tuple(content["notes"]),
            provenance=content["provenance"],
        )
    except FileNotFoundError:
        raise RecipeError(
            f"{file}: no such file; model.bundle is the model/ folder of a finished run"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{file}: not a readable bundle ({error!r}); train again") from error


def _gate(content: dict[str, Any]) -> Gate:
    point = {**content["point"], "notes": tuple(content["point"]["notes"])}
    return Gate(OperatingPoint(**point), tuple(content["scores"]), tuple(content["labels"]))

"""``cs-export``: a copy of a bundle whose networks run in ONNX Runtime, if they give the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import field, frozen

from cs_framework.api.components import Env, Exportable
from cs_framework.bundle import read_bundle
from cs_framework.data.source import open_source
from cs_framework.errors import CSError, RecipeError, SetupError
from cs_framework.export.parity import Reference, drift
from cs_framework.files import share_as_new, whole_folder, write_json
from cs_framework.pipeline.components import NETWORK_FILE, Components, make_env
from cs_framework.pipeline.onnx import check_onnx, use_network, write_network
from cs_framework.recipe import LoadedRecipe
from cs_framework.recipe.schema import SyntheticSettings

TOLERANCE = 1e-4
"""The largest difference that passes, as a share of the largest value."""
_EMBRYOS = SyntheticSettings(embryos=4, frames=4)


@frozen
class Exported:
    """How an export went."""

    frames: int
    regions: int
    drift: dict[str, dict[str, float]]
    """By component and figure; see [drift][cs_framework.export.parity.drift]."""
    seconds: dict[str, tuple[float, float]]
    """By component: what the reference took before and after."""
    unchanged: tuple[str, ...] = field(default=())
    """Trained components that cannot be exported and stay as they are."""


def export(
    loaded: LoadedRecipe,
    out: Path,
    frames: Path | None,
    tolerance: float,
    track: Callable[..., Iterable[Any]],
) -> Exported:
    """Write a copy of the recipe's bundle with exported networks.

    Args:
        loaded: names the bundle.
        out: the folder to write, which must not exist.
        frames: the reference frames; synthetic ones when None.
        tolerance: of the drift of any figure.
        track: shows progress, as `Env.track` does.

    Raises:
        CSError: it cannot be exported, or drifts; then nothing is written.
    """
    check_onnx()
    bundle = loaded.bundle
    assert bundle is not None, "cs-export sets it"
    read_bundle(bundle)
    if out.exists():
        raise RecipeError(f"{out} exists; give a new name, or remove it first")
    if out.absolute().is_relative_to(bundle.absolute()):
        raise RecipeError(f"{out} lies in the bundle itself; give another folder")
    if done := sorted(bundle.rglob(NETWORK_FILE)):
        raise RecipeError(f"{done[0]}: this bundle is exported; export the one that it was made from")
    env = make_env(loaded, track=track)
    components = Components.build(loaded, env, bundle)
    trained = components.trainable()
    chosen = {kind: one for kind, one in trained.items() if isinstance(one, Exportable)}
    if not chosen:
        raise SetupError(f"{bundle}: no component has a network that can be exported: {', '.join(trained)}")
    reference = _reference(loaded, components, frames, env)
    with _explained(out), whole_folder(out) as aside:
        shutil.copytree(bundle, aside, dirs_exist_ok=True)
        found: dict[str, dict[str, float]] = {}
        seconds = {}
        for kind, component in chosen.items():
            before, torch_took = reference.figures(kind, component)
            write_network(component, aside / kind / NETWORK_FILE)
            use_network(component, aside / kind / NETWORK_FILE, env)
            after, onnx_took = reference.figures(kind, component)
            found[kind], seconds[kind] = drift(before, after), (torch_took, onnx_took)
        exported = Exported(
            frames=len(reference.windows),
            regions=len(reference.regions),
            drift=found,
            seconds=seconds,
            unchanged=tuple(kind for kind in trained if kind not in chosen),
        )
        _refuse_drift(exported, tolerance)
        _record(aside / "bundle.json", exported, tolerance)
        share_as_new(aside)
    return exported


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """What the system says of files, in a line."""
    try:
        yield
    except shutil.Error as error:  # of many files, each with where from, where to, and why
        raise CSError(f"{out}: {error.args[0][0][2]}; nothing is written") from error
    except OSError as error:
        raise CSError(f"{out}: {error.strerror or error}; nothing is written") from error


def _reference(loaded: LoadedRecipe, components: Components, frames: Path | None, env: Env) -> Reference:
    if frames is not None:
        return Reference.of(open_source(frames, loaded.recipe.data), loaded, components)
    from cs_framework.synthetic import write_synthetic

    with TemporaryDirectory() as name:
        write_synthetic(Path(name), _EMBRYOS)
        return Reference.of(open_source(Path(name), loaded.recipe.data), loaded, components)


def _refuse_drift(exported: Exported, tolerance: float) -> None:
    drifted = [
        f"{kind}: {figure} differs by {value:.1e} of its largest value; at most {tolerance:.0e} passes"
        for kind, figures in exported.drift.items()
        for figure, value in figures.items()
        if not value <= tolerance
    ]
    if drifted:
        raise CSError(
            "\n".join(["the exported networks do not give the same, so nothing is written:", *drifted])
        )


def _record(file: Path, exported: Exported, tolerance: float) -> None:
    content = json.loads(file.read_bytes())
    content["export"] = {
        "tolerance": tolerance,
        "frames": exported.frames,
        "regions": exported.regions,
        "drift": exported.drift,
        "versions": {name: version(name) for name in ("onnx", "onnxruntime", "torch")},
    }
    write_json(file, content)

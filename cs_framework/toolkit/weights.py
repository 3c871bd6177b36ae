"""Weights of networks: a local path, or a model of the Hugging Face hub, cached or fetched once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cs_framework.api.specs import Kind
from cs_framework.errors import SetupError
from cs_framework.files import PRETRAINED, shipped

_FILES = ["config.json", "*.safetensors*"]
_ANSWER_WITHIN = 10.0  # seconds; the hub's own calls wait for minutes


def starting_weights(weights: Path | str, kind: Kind, *, component: str) -> Path | None:
    """The folder from which a component's `load` reads what to start with, before it learns itself.

    Meant for a setting ``weights: Literal["pretrained", "none"] | Path``. Ask for it when weights are first
    needed, never in the constructor: a component of a trained bundle is given its own by `load`, and the
    folder that it started from may be gone by then.

    Args:
        weights: ``"none"``; ``"pretrained"``, of the bundle that comes with the package; or a folder: a run,
            a bundle, or what a component of a bundle wrote.
        kind: of the component.
        component: its name, for messages.

    Returns:
        The folder, None for ``"none"``.

    Raises:
        SetupError: there is nothing of that kind.
    """
    if weights == "none":
        return None
    folder = shipped(PRETRAINED) if weights == PRETRAINED else Path(weights)
    places = [] if folder is None else [folder / "model" / kind, folder / kind, folder]
    found = next((place for place in places if any(place.glob("*.safetensors"))), None)
    if found is None:
        where = f"this installation has no {PRETRAINED} bundle" if folder is None else f"{folder} holds none"
        raise SetupError(
            f'{component}: weights = "{weights}": {where}; give a run, its model/ folder or that '
            f'of a {kind}, or "none" to learn from nothing'
        )
    return found


def locate_weights(name: str, *, component: str, ways_out: Sequence[str]) -> Path:
    """The local folder or file that holds weights; fetches them if they are nowhere here.

    Args:
        name: a file, a folder with config.json and safetensors, or the id of a model of the hub.
        component: the name of the component that asks, for messages.
        ways_out: what a user may do who has neither the weights nor a network; one line each.

    Raises:
        SetupError: they cannot be had; the text lists the ways out.
    """
    path = Path(name).expanduser()
    if path.is_file() or _complete(path):
        return path
    if path.exists():
        reason = "the folder lacks config.json or *.safetensors"
    elif path.is_absolute() or name.startswith((".", "~")):
        reason = "there is no such file or folder"
    else:
        try:
            return _from_hub(name)
        except Exception as error:  # one of a dozen types of three libraries; the ways out are the same
            raise _not_to_be_had(component, name, _reason(error), ways_out) from error
    raise _not_to_be_had(component, name, reason, ways_out)


@contextmanager
def reading_weights(component: str, path: Path | str, form: str) -> Iterator[None]:
    """Turn whatever goes wrong while a network is built and loaded into one clear error.

    Torch's global generator, which initialisation draws from, is put back as it was.

    Args:
        component: the name of the component that reads.
        path: what it reads.
        form: a sentence on what it should be.

    Raises:
        SetupError: for any exception inside.
    """
    import torch

    try:
        with torch.random.fork_rng([]):
            yield
    except Exception as error:  # whatever a damaged or foreign file makes of other libraries
        raise SetupError(f"{component} cannot read {path}: {_first_line(error)}.\n{form}") from error


def _complete(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _from_hub(repo_id: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo_id, allow_patterns=_FILES, local_files_only=True))
        if _complete(folder):
            return folder
    except LocalEntryNotFoundError:
        pass
    HfApi().model_info(repo_id, timeout=_ANSWER_WITHIN)  # fails soon where downloading would hang
    folder = Path(snapshot_download(repo_id, allow_patterns=_FILES))
    if not _complete(folder):
        raise FileNotFoundError("the repository lacks config.json or *.safetensors")
    return folder


def _reason(error: Exception) -> str:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "access to it has not been granted, or you are not logged in"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such model, or does not show it to you"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "it is not in the local cache, and HF_HUB_OFFLINE forbids fetching it"
    return f"it is not in the local cache, and fetching it failed ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    """The gist of another library's error: its first line, or its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _not_to_be_had(component: str, name: str, reason: str, ways_out: Sequence[str]) -> SetupError:
    listed = "".join(f"\n  - {way}" for way in ways_out)
    return SetupError(f"{component} has no weights: {name}: {reason}.\nWays out:{listed}")

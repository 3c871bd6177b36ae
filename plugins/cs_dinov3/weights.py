"""Finding weights: a local path, or a model of the Hugging Face hub in the local cache or fetched once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cs_framework import SetupError

Backend = Literal["transformers", "timm"]
RELEASED: dict[Backend, str] = {
    "transformers": "facebook/dinov3-vitb16-pretrain-lvd1689m",
    "timm": "timm/vit_base_patch16_dinov3.lvd1689m",
}
_FILES = ["config.json", "*.safetensors*"]
_ANSWER_WITHIN = 10.0  # seconds; the hub's own calls wait for minutes


def locate(backend: Backend, weights: str | None) -> Path:
    """The local folder or file that holds the weights; fetches them if they are nowhere here.

    Raises:
        SetupError: they cannot be had; the text lists all ways out.
    """
    name = weights or RELEASED[backend]
    path = Path(name).expanduser()
    if path.is_file() or _complete(path):
        return path
    if path.exists():
        raise _missing(backend, name, "the folder lacks config.json or *.safetensors")
    if path.is_absolute() or name.startswith((".", "~")):
        raise _missing(backend, name, "there is no such file or folder")
    if backend == "timm" and "/" not in name:
        name = f"timm/{name}"
    try:
        return _from_hub(name)
    except Exception as error:  # one of a dozen types of three libraries; the ways out are the same
        raise _missing(backend, name, _reason(error)) from error


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
    return f"it is not in the local cache, and fetching failed: {str(error).strip().splitlines()[0]}"


def _missing(backend: Backend, name: str, reason: str) -> SetupError:
    ways = [
        f"get access at https://huggingface.co/{RELEASED['transformers']} and run `hf auth login`",
        "settings.weights = a local folder with config.json and model.safetensors, or a file",
        'use = "ridge-texture": an embedder that downloads nothing',
    ]
    if backend == "transformers":
        ways.insert(1, 'settings.backend = "timm": a copy that needs no permission, under the DINOv3 licence')
    listed = "".join(f"\n  - {way}" for way in ways)
    return SetupError(
        f"dinov3 has no weights: {name}: {reason}.\nOne of these helps, under [embedder]:{listed}"
    )

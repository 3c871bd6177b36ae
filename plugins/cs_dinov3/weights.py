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
        raise _nothing_at(name, "the folder lacks config.json or *.safetensors")
    if path.is_absolute() or name.startswith((".", "~")):
        raise _nothing_at(name, "there is no such file or folder")
    if backend == "timm" and "/" not in name:
        name = f"timm/{name}"
    try:
        return _from_hub(name)
    except Exception as error:  # one of a dozen types of three libraries; the ways out are the same
        raise _not_to_be_had(backend, name, _reason(error)) from error


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
    return f"it is not in the local cache, and fetching it failed ({first_line(error)})"


def first_line(error: Exception) -> str:
    """The gist of another library's error: its first line, or its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _nothing_at(path: str, reason: str) -> SetupError:
    return SetupError(
        f"dinov3 has no weights at {path}: {reason}. Set weights to a folder that holds config.json and "
        "model.safetensors, to a file, or to a hub id; without it the released ViT-B/16 is used."
    )


def _not_to_be_had(backend: Backend, name: str, reason: str) -> SetupError:
    ways = [
        'settings = { weights = "PATH" }: a folder that holds config.json and model.safetensors, or a file',
        'use = "ridge-texture": an embedder that downloads nothing',
    ]
    if backend == "transformers":
        ways = [
            f"ask for access at https://huggingface.co/{name}, then run `hf auth login`",
            f'settings = {{ backend = "timm" }}: fetches {RELEASED["timm"]}, which needs no permission',
            *ways,
        ]
    listed = "".join(f"\n  - {way}" for way in ways)
    return SetupError(f"dinov3 has no weights: {name}: {reason}.\nWays out, in [embedder]:{listed}")

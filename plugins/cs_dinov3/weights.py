"""Where the weights of DINOv3 come from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from cs_framework import SetupError, locate_weights

Backend = Literal["transformers", "timm"]
RELEASED: dict[Backend, str] = {
    "transformers": "facebook/dinov3-vitb16-pretrain-lvd1689m",
    "timm": "timm/vit_base_patch16_dinov3.lvd1689m",
}


def locate(backend: Backend, weights: str | None) -> Path:
    """The local folder or file that holds the weights; fetches them if they are nowhere here.

    Raises:
        SetupError: the backend is not installed, or they cannot be had; the text lists all ways out.
    """
    if find_spec(backend) is None:
        raise SetupError(
            f'dinov3 with backend = "{backend}" needs {backend}, not installed here: pip install {backend}'
        )
    name = weights or RELEASED[backend]
    if backend == "timm" and "/" not in name and not Path(name).exists():
        name = f"timm/{name}"
    ways = [
        'settings = { weights = "PATH" }: a folder that holds config.json and model.safetensors, or a file',
        'use = "ridge-texture": an embedder that downloads nothing',
    ]
    if backend == "transformers":
        ways = [
            f"ask for access at https://huggingface.co/{RELEASED['transformers']}, then run `hf auth login`",
            f'settings = {{ backend = "timm" }}: fetches {RELEASED["timm"]}, which needs no permission',
            *ways,
        ]
    return locate_weights(name, component="dinov3", ways_out=ways)

"""One network, two libraries: each loader gives the same pooled output for the same weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from cs_dinov3.weights import Backend, first_line
from cs_framework import SetupError


@frozen
class Backbone:
    """A network and how to read its answer."""

    network: nn.Module
    pooled: Callable[[Any], Tensor]
    """From what the network returns to the (N, dim) normalised class token."""
    dim: int


def load(backend: Backend, path: Path) -> Backbone:
    """Read a folder (config.json and safetensors, in the backend's own form) or a file of ViT-B/16 weights.

    Raises:
        SetupError: the path does not hold weights of that form.
    """
    loader = {"transformers": _transformers, "timm": _timm}[backend]
    try:
        if path.is_dir():
            _check_kind(backend, path)
        with torch.random.fork_rng([]):  # networks are initialised before they are loaded
            backbone = loader(path)
    except Exception as error:  # whatever a damaged or foreign folder makes of two libraries
        raise SetupError(
            f'dinov3 cannot read {path} with backend = "{backend}": {first_line(error)}.\n'
            "A folder has the form of one backend: as save_pretrained writes it, or timm's save_for_hf."
        ) from error
    backbone.network.float().eval().requires_grad_(False)
    return backbone


def _check_kind(backend: Backend, folder: Path) -> None:
    """Refuse other networks by name; transformers would fill what they lack with random numbers."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    key, wanted = {"transformers": ("model_type", "dinov3_vit"), "timm": ("architecture", "dinov3")}[backend]
    if wanted not in config.get(key, ""):
        raise ValueError(f"its config.json names the {key} {config.get(key)}, not {wanted}")


def _transformers(path: Path) -> Backbone:
    from safetensors.torch import load_file
    from transformers import DINOv3ViTConfig, DINOv3ViTModel
    from transformers.utils import logging

    source: dict[str, Any]
    if path.is_dir():
        source = {"pretrained_model_name_or_path": path, "use_safetensors": True, "local_files_only": True}
    else:
        config = DINOv3ViTConfig(
            hidden_size=768,
            intermediate_size=3072,
            num_hidden_layers=12,
            num_attention_heads=12,
            num_register_tokens=4,
        )
        source = {"pretrained_model_name_or_path": None, "config": config, "state_dict": load_file(path)}
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        network, report = DINOv3ViTModel.from_pretrained(**source, output_loading_info=True)
    finally:
        if shown:
            logging.enable_progress_bar()
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")
    return Backbone(network, attrgetter("pooler_output"), network.config.hidden_size)


def _timm(path: Path) -> Backbone:
    import timm

    source: dict[str, Any]
    if path.is_dir():
        source = {"model_name": f"local-dir:{path}"}
    else:
        source = {"model_name": "vit_base_patch16_dinov3", "pretrained_cfg_overlay": {"file": str(path)}}
    # timm averages the patches unless told otherwise; the published embedding is the class token.
    network = timm.create_model(**source, pretrained=True, num_classes=0, global_pool="token")
    return Backbone(network, lambda output: output, network.num_features)

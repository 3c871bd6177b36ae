"""One network, two libraries: each loader gives the same tokens for the same weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen
from torch import Tensor, nn

from cs_dinov3.weights import Backend
from cs_framework import Backbone, reading_weights


@frozen(eq=False)
class Transformer:
    """A vision transformer and how to read it."""

    network: nn.Module
    tokens: Callable[[Tensor], Tensor]
    """From (N, 3, H, W) pixels to the (N, prefix + patches, dim) normalised tokens, patches row by row."""
    prefix: int
    """Tokens before the patches: the class token, then the registers."""
    patch: int
    """Pixels on a side."""
    dim: int

    def of_image(self) -> Backbone:
        """Read for the class token, (N, dim), which is the published embedding."""
        return Backbone(self.network, lambda pixels: self.tokens(pixels)[:, 0], self.dim)

    def of_patches(self) -> Backbone:
        """Read for the patches, (N, dim, h, w), without class token and registers."""

        def dense(pixels: Tensor) -> Tensor:
            patches = self.tokens(pixels)[:, self.prefix :].transpose(1, 2)
            return patches.unflatten(2, (pixels.shape[2] // self.patch, pixels.shape[3] // self.patch))

        return Backbone(self.network, dense, self.dim, self.patch)


def load(backend: Backend, path: Path) -> Transformer:
    """Read a folder (config.json and safetensors, in the backend's own form) or a file of ViT-B/16 weights.

    Raises:
        SetupError: the path does not hold weights of that form.
    """
    loader = {"transformers": _transformers, "timm": _timm}[backend]
    form = "A folder has the form of one backend: as save_pretrained writes it, or timm's save_for_hf."
    with reading_weights(f'dinov3 with backend = "{backend}"', path, form):
        if path.is_dir():
            _check_kind(backend, path)
        transformer = loader(path)
    transformer.network.float().eval().requires_grad_(False)
    return transformer


def _check_kind(backend: Backend, folder: Path) -> None:
    """Refuse other networks by name; transformers would fill what they lack with random numbers."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    key, wanted = {"transformers": ("model_type", "dinov3_vit"), "timm": ("architecture", "dinov3")}[backend]
    if wanted not in config.get(key, ""):
        raise ValueError(f"its config.json names the {key} {config.get(key)}, not {wanted}")


def _transformers(path: Path) -> Transformer:
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
    config = network.config
    return Transformer(
        network,
        tokens=lambda pixels: network(pixels).last_hidden_state,
        prefix=1 + config.num_register_tokens,
        patch=config.patch_size,
        dim=config.hidden_size,
    )


def _timm(path: Path) -> Transformer:
    import timm

    source: dict[str, Any]
    if path.is_dir():
        source = {"model_name": f"local-dir:{path}"}
    else:
        source = {"model_name": "vit_base_patch16_dinov3", "pretrained_cfg_overlay": {"file": str(path)}}
    # Averaging the patches, timm would leave the tokens without their last normalisation.
    network = timm.create_model(**source, pretrained=True, num_classes=0, global_pool="token")
    return Transformer(
        network,
        tokens=network.forward_features,
        prefix=network.num_prefix_tokens,
        patch=network.patch_embed.patch_size[0],
        dim=network.num_features,
    )

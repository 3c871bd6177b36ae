"""Building a network of timm and reading it for vectors or for maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from cs_framework import Backbone, SetupError, locate_weights, reading_weights

_SEED = 0  # of random weights: the same in training and in detection, whatever the recipe's seed
_WAYS_OUT = [
    'settings = { weights = "PATH" }: a folder with config.json and model.safetensors, or such a file',
    'settings = { weights = "random" }: an untrained network, for trials',
    'use = "ridge-texture": an embedder that downloads nothing',
]


def load(model: str, weights: str) -> nn.Module:
    """A network without its classifier, ready for inference.

    Args:
        model: its name in timm, with or without the tag of its weights.
        weights: as in `TimmSettings`.

    Raises:
        SetupError: timm has no such model, its weights cannot be had, or they do not fit.
    """
    if not timm.is_model(model):
        alike = timm.list_models(f"*{model.partition('.')[0]}*")[:5] or ["timm.list_models() lists all"]
        raise SetupError(f"timm has no model {model}: try {', '.join(alike)}")
    if weights == "random":
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(_SEED)
            network = _create(model)
    else:
        file = _file(model, weights)
        with reading_weights("timm", file, f"It has to hold the weights of {model}, as safetensors."):
            network = _create(model, pretrained=True, pretrained_cfg_overlay={"file": str(file)})
    return network.float().eval().requires_grad_(False)


def of_crops(network: nn.Module, size: int) -> Backbone:
    """Read for one vector of an image of `size` pixels squared, pooled as the network's authors do.

    Raises:
        SetupError: the network cuts images into patches that do not divide them.
    """
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", (1,))[0]
    if size % patch:
        raise SetupError(f"timm: image_size must be a multiple of {patch}, the network's patch: {size}")
    # Some networks have layers between the pooled features and the classifier.
    dim = getattr(network, "head_hidden_size", None) or network.num_features
    return Backbone(network, network, dim, **_pixels(network))


def of_frames(network: nn.Module) -> Backbone:
    """Read for the last map of features; tokens that stand for no place are left out.

    Raises:
        SetupError: timm reads none from the network, or it takes images of one size only.
    """
    readable = hasattr(network, "forward_intermediates") and hasattr(network, "feature_info")
    if not readable or getattr(getattr(network, "patch_embed", None), "strict_img_size", False):
        raise SetupError(
            f"timm cannot run {type(network).__name__} over whole frames of any shape: "
            'set mode = "crops" in [embedder], or choose another model.'
        )

    def last_map(pixels: Tensor) -> Tensor:
        (features,) = network.forward_intermediates(pixels, indices=1, norm=True, intermediates_only=True)
        return features

    info = network.feature_info[-1]
    return Backbone(network, last_map, info["num_chs"], info["reduction"], **_pixels(network))


def image_size(network: nn.Module) -> int:
    """The pixels on a side of the images that the network was made for."""
    return resolve_model_data_config(network)["input_size"][-1]


def _pixels(network: nn.Module) -> dict[str, Any]:
    config = resolve_model_data_config(network)
    smooth = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
    return {"mean": config["mean"], "std": config["std"], "interpolation": smooth}


def _create(model: str, **source: Any) -> nn.Module:
    """Transformers take images of one size unless told otherwise; other networks know no such option."""
    try:
        return timm.create_model(model, num_classes=0, dynamic_img_size=True, **source)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
        return timm.create_model(model, num_classes=0, **source)


def _file(model: str, weights: str) -> Path:
    published = timm.get_pretrained_cfg(model)
    if weights == "pretrained":
        weights = published.hf_hub_id if published and published.hf_hub_id else f"timm/{model}"
    place = locate_weights(weights, component="timm", ways_out=_WAYS_OUT)
    return place / "model.safetensors" if place.is_dir() else place

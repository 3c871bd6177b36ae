"""Building a network of timm and reading it for vectors or for maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import safe_open
from timm.data import resolve_model_data_config
from timm.layers import PatchEmbed
from torch import Tensor, nn

from cs_framework import Backbone, SetupError, locate_weights, reading_weights

_SEED = 0  # of random weights: the same in training and in detection, whatever the recipe's seed
_TRIAL = (6, 4)
"""Height and width, in strides, of what a network is tried on before it is trusted with whole frames."""
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
    _check_name(model)
    if weights == "random":
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(_SEED)
            network = _create(model, num_classes=0)
    else:
        file = _file(model, weights)
        with reading_weights("timm", file, f"It has to hold the weights of {model}, as safetensors."):
            network = _pretrained(model, file)
    return network.float().eval().requires_grad_(False)


def of_crops(network: Any, size: int) -> Backbone:
    """Read for one vector of an image of `size` pixels squared, pooled as the network's authors do.

    Raises:
        SetupError: the network cuts images into patches that do not divide them.
    """
    embedding = _patch_embedding(network)
    patch = embedding.patch_size[0] if embedding else 1
    if size % patch:
        raise SetupError(f"timm: image_size must be a multiple of {patch}, the network's patch: {size}")
    # Some networks have layers between the pooled features and the classifier.
    dim = getattr(network, "head_hidden_size", None) or network.num_features
    return Backbone(network, network, dim, **_pixels(network))


def of_frames(network: Any) -> Backbone:
    """Read for the last map of features; tokens that stand for no place are left out.

    Raises:
        SetupError: timm reads none from the network, or it does not take frames of any shape.
    """

    def last_map(pixels: Tensor) -> Tensor:
        (features,) = network.forward_intermediates(pixels, indices=1, norm=True, intermediates_only=True)
        return features

    try:
        channels, stride = (network.feature_info[-1][key] for key in ("num_chs", "reduction"))
        with torch.inference_mode():
            found = tuple(last_map(torch.zeros(1, 3, _TRIAL[0] * stride, _TRIAL[1] * stride)).shape)
        if found != (1, channels, *_TRIAL):
            raise ValueError(f"it gives a map of shape {found}")
    except Exception as error:  # each family of networks has its own way to fail
        raise SetupError(
            f"timm cannot run {type(network).__name__} over whole frames of any shape ({error}): "
            'set mode = "crops" in [embedder], or choose another model.'
        ) from error
    return Backbone(network, last_map, channels, stride, **_pixels(network))


def image_size(network: nn.Module) -> int:
    """The pixels on a side of the images that the network was made for."""
    return resolve_model_data_config(network)["input_size"][-1]


def _pixels(network: nn.Module) -> dict[str, Any]:
    config = resolve_model_data_config(network)
    smooth = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"
    return {"mean": config["mean"], "std": config["std"], "interpolation": smooth}


def _create(model: str, **source: Any) -> Any:
    """Transformers take images of one size unless told otherwise; other networks know no such option."""
    try:
        return timm.create_model(model, dynamic_img_size=True, **source)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
        return timm.create_model(model, **source)


def _check_name(model: str) -> None:
    try:
        known = timm.is_model(model) and timm.get_pretrained_cfg(model) is not None
    except RuntimeError:  # an unknown tag of a known network
        known = False
    if not known:
        alike = timm.list_pretrained(f"*{model.partition('.')[0]}*")[:5] or ["timm.list_models() lists all"]
        raise SetupError(f"timm has no model {model}: try {', '.join(alike)}")


def _pretrained(model: str, file: Path) -> nn.Module:
    """With as many classes as the file has, since timm ignores what is missing wherever they differ."""
    classifier = timm.get_pretrained_cfg(model).classifier
    name = f"{classifier[0] if isinstance(classifier, tuple) else classifier}.weight"
    with safe_open(file, "pt") as weights:
        classes = weights.get_slice(name).get_shape()[0] if name in weights.keys() else 0  # noqa: SIM118
    overlay = {"file": str(file), "num_classes": classes}
    network = _create(model, num_classes=classes, pretrained=True, pretrained_cfg_overlay=overlay)
    if classes:
        network.reset_classifier(0)
    return network


def _patch_embedding(network: nn.Module) -> PatchEmbed | None:
    return next((module for module in network.modules() if isinstance(module, PatchEmbed)), None)


def _file(model: str, weights: str) -> Path:
    if weights == "pretrained":
        weights = timm.get_pretrained_cfg(model).hf_hub_id or f"timm/{model}"
    place = locate_weights(weights, component="timm", ways_out=_WAYS_OUT)
    return place / "model.safetensors" if place.is_dir() else place

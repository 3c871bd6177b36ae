from __future__ import annotations

import re

import numpy as np
import pytest
import timm
import torch
from timm.models import save_for_hf
from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor, DINOv3ViTModel

from cs_framework import Frame


def to_timm_names(weights):
    """The state of a transformers DINOv3 under timm's names, q, k and v in one matrix."""
    fixed = {
        "embeddings.cls_token": "cls_token",
        "embeddings.register_tokens": "reg_token",
        "embeddings.patch_embeddings.weight": "patch_embed.proj.weight",
        "embeddings.patch_embeddings.bias": "patch_embed.proj.bias",
        "norm.weight": "norm.weight",
        "norm.bias": "norm.bias",
    }
    within_block = {
        r"layer_scale(\d)\.lambda1": r"gamma_\1",
        r"attention\.o_proj": "attn.proj",
        r"attention\.([qv])_proj\.bias": r"attn.\1_bias",
        r"mlp\.up_proj": "mlp.fc1",
        r"mlp\.down_proj": "mlp.fc2",
    }
    converted = {}
    for name, weight in weights.items():
        block = re.fullmatch(r"(?:model\.)?layer\.(\d+)\.(.+)", name)
        if block is None:
            if name in fixed:
                converted[fixed[name]] = weight
            continue
        number, inner = block.groups()
        if re.fullmatch(r"attention\.[kv]_proj\.weight", inner):
            continue
        if inner == "attention.q_proj.weight":
            parts = [weights[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            converted[f"blocks.{number}.attn.qkv.weight"] = torch.cat(parts)
            continue
        for old, new in within_block.items():
            inner = re.sub(old, new, inner)
        converted[f"blocks.{number}.{inner}"] = weight
    return converted


@pytest.fixture(scope="session")
def network():
    """A small DINOv3 with weights large enough for crops to differ, and the released number of registers."""
    config = DINOv3ViTConfig(
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_register_tokens=4,
    )
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        network = DINOv3ViTModel(config).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return network


@pytest.fixture(scope="session")
def transformers_folder(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("transformers")
    network.save_pretrained(folder)
    DINOv3ViTImageProcessor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def timm_folder(network, tmp_path_factory):
    """The same weights, as timm saves them."""
    folder = tmp_path_factory.mktemp("timm")
    shape = {"embed_dim": 48, "depth": 2, "num_heads": 3, "mlp_ratio": 2}
    with torch.random.fork_rng([]):
        twin = timm.create_model("vit_small_patch16_dinov3_qkvb", num_classes=0, **shape)
    twin.load_state_dict(to_timm_names(network.state_dict()))
    save_for_hf(twin, folder, model_args=shape, safe_serialization=True)
    return folder


@pytest.fixture
def batch():
    """Two frames of different sizes with boxes of all shapes, some fractional, some reaching the border."""
    rng = np.random.default_rng(0)

    def frame(name, height, width):
        ramp = np.linspace(0, 200, width)[None, :, None] * np.array([1, 0.7, 0.4])
        noise = rng.normal(0, 25, (height, width, 3))
        return Frame(np.clip(ramp + noise, 0, 255).astype(np.uint8), name)

    def boxes(height, width, count):
        corners = rng.uniform(0, 0.8, (count, 2))
        extents = rng.uniform(0.02, 1, (count, 2)) * (1 - corners)
        scale = np.array([width, height])
        return np.concatenate([corners * scale, (corners + extents) * scale], axis=1).astype(np.float32)

    return [(frame("a", 90, 140), boxes(90, 140, 9)), (frame("b", 260, 200), boxes(260, 200, 8))]

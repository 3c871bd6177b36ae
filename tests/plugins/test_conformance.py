"""The default plugins keep the rules that everybody's do."""

from __future__ import annotations

import pytest

from cs_framework.testing import parametrize_components


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """What makes each component small, and gives the one that needs weights some."""
    return {
        "autoencoder": {"image_size": 32, "epochs": 1},
        "dinov3": {"weights": str(_tiny_dinov3(tmp_path_factory.mktemp("dinov3"))), "image_size": 32},
        "dual-head-mlp": {"epochs": 2},
    }


def _tiny_dinov3(folder):
    import torch
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    shape = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        DINOv3ViTModel(DINOv3ViTConfig(num_register_tokens=4, **shape)).save_pretrained(folder)
    return folder


@parametrize_components("cs-framework")
def test_conformance(check, settings):
    check(settings.get(check.component.name))

"""Small random networks in the formats of real ones, so that real loading code runs without any download."""

from __future__ import annotations

from pathlib import Path


def save_tiny_dinov3(folder: Path) -> Path:
    """A DINOv3 of one layer and 24 channels, as ``save_pretrained`` writes it."""
    import torch
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    shape = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        DINOv3ViTModel(DINOv3ViTConfig(num_register_tokens=4, **shape)).save_pretrained(folder)
    return folder

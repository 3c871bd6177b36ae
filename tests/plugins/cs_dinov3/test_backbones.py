from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from cs_dinov3.backbones import load
from cs_framework import SetupError


@pytest.fixture
def copied(transformers_folder, tmp_path):
    return shutil.copytree(transformers_folder, tmp_path / "copy")


def test_a_folder_of_the_other_backend_is_refused(transformers_folder, timm_folder):
    for backend, folder in (("transformers", timm_folder), ("timm", transformers_folder)):
        with pytest.raises(SetupError, match="form of one backend"):
            load(backend, folder)


def test_another_network_is_refused_by_name(copied):
    config = copied / "config.json"
    config.write_text(config.read_text().replace("dinov3_vit", "dinov2"))
    with pytest.raises(SetupError, match="dinov2, not"):
        load("transformers", copied)


def test_missing_weights_are_not_made_up(copied):
    file = copied / "model.safetensors"
    weights = load_file(file)
    lacking = next(name for name in weights if name.endswith("norm1.bias"))
    del weights[lacking]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(SetupError, match=r"1 weights are missing, such as .*norm1\.bias"):
        load("transformers", copied)


@pytest.mark.parametrize("backend", ["transformers", "timm"])
def test_a_damaged_file_is_refused(transformers_folder, timm_folder, tmp_path, backend):
    folder = {"transformers": transformers_folder, "timm": timm_folder}[backend]
    copied = shutil.copytree(folder, tmp_path / "copy")
    file = copied / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SetupError, match="cannot read"):
        load(backend, copied)


def test_half_precision_weights_are_computed_with_in_full(copied):
    file = copied / "model.safetensors"
    save_file({name: w.half() for name, w in load_file(file).items()}, file, metadata={"format": "pt"})
    backbone = load("transformers", copied)
    assert {weight.dtype for weight in backbone.network.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("backend", ["transformers", "timm"])
def test_a_single_file_is_read_as_the_published_size(tmp_path, backend):
    with torch.device("meta"):
        network = _published(backend)
    weights = {name: torch.zeros(w.shape, dtype=torch.float16) for name, w in network.state_dict().items()}
    weights["norm.bias"] = torch.arange(768, dtype=torch.float16)
    save_file(weights, tmp_path / "b.safetensors", metadata={"format": "pt"})
    backbone = load(backend, tmp_path / "b.safetensors")
    assert backbone.dim == 768
    torch.testing.assert_close(backbone.network.get_parameter("norm.bias"), torch.arange(768.0))


def _published(backend):
    if backend == "timm":
        import timm

        return timm.create_model("vit_base_patch16_dinov3", num_classes=0)
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    sizes = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    return DINOv3ViTModel(DINOv3ViTConfig(**sizes, num_register_tokens=4))

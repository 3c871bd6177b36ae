from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from attrs import evolve
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config
from timm.models import save_for_hf

from cs_framework import Embedder, Env, Frame, SetupError
from cs_timm.embedder import timm_embedder
from cs_timm.settings import TimmSettings

SMALL = TimmSettings(model="test_vit", weights="random", image_size=64)
FAMILIES = ["test_vit", "test_convnext", "test_resnet", "test_efficientnet"]
BOXES = np.float32([[0, 0, 96, 64], [3.3, 4.2, 41, 20.5], [10, 10, 11, 11]])


@pytest.fixture
def frame():
    return Frame(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8), "frame")


def network_of(model, **changes):
    """The same random network, built by timm alone."""
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        return timm.create_model(model, num_classes=0, **changes).eval()


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("mode", ["pooled", "crops"])
def test_networks_of_all_families(model, mode, frame):
    embedder = timm_embedder(evolve(SMALL, model=model, mode=mode), Env())
    assert isinstance(embedder, Embedder)
    first, nothing = embedder.embed([(frame, BOXES), (frame, BOXES[:0])])
    assert first.shape == (3, embedder.dim)
    assert nothing.shape == (0, embedder.dim)
    assert np.isfinite(first).all()
    assert np.abs(first[0] - first[1]).max() > 1e-4, "the boxes have to differ"


def test_a_box_of_one_patch_is_that_token(frame):
    network = network_of("test_vit", dynamic_img_size=True)
    mean, std = (torch.tensor(network.pretrained_cfg[key]) for key in ("mean", "std"))
    pixels = ((torch.tensor(frame.image) / 255 - mean) / std).permute(2, 0, 1)[None]
    with torch.inference_mode():
        tokens = network.forward_features(pixels)[0]
    assert len(tokens) == network.num_prefix_tokens + 24
    boxes = np.float32([[16 * x, 16 * y, 16 * x + 16, 16 * y + 16] for y in range(4) for x in range(6)])
    (ours,) = timm_embedder(evolve(SMALL, image_size=96), Env()).embed([(frame, boxes)])
    np.testing.assert_allclose(ours, tokens[-24:], atol=1e-4)


@pytest.mark.parametrize("model", ["test_vit", "test_resnet"])
def test_crops_are_prepared_as_the_model_asks(model, frame):
    """Against timm's own transform: other mean, standard deviation and interpolation for each model."""
    network = network_of(model)
    config = {**resolve_model_data_config(network), "crop_pct": 1.0}
    size = config["input_size"][-1]
    picture = np.asarray(Image.fromarray(frame.image).resize((size, size), Image.Resampling.NEAREST))
    with torch.inference_mode():
        expected = network(create_transform(**config)(Image.fromarray(picture))[None]).numpy()
    embedder = timm_embedder(evolve(SMALL, model=model, mode="crops", image_size=None), Env())
    (ours,) = embedder.embed([(Frame(picture.copy(), "whole"), np.float32([[0, 0, size, size]]))])
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_random_weights_are_the_same_whatever_the_seed(frame):
    before = torch.get_rng_state()
    one, other = (timm_embedder(SMALL, Env(seed=seed)) for seed in (1, 2))
    assert one.fingerprint == other.fingerprint
    assert torch.equal(before, torch.get_rng_state())


def test_weights_from_a_file_and_from_a_folder(tmp_path):
    network = timm.create_model("test_vit", num_classes=10)
    torch.nn.init.constant_(network.cls_token, 0.5)
    save_for_hf(network, tmp_path / "folder", safe_serialization=True)
    save_file(network.state_dict(), tmp_path / "file.safetensors")
    random = timm_embedder(SMALL, Env())
    folder, file = (
        timm_embedder(evolve(SMALL, weights=str(tmp_path / name)), Env())
        for name in ("folder", "file.safetensors")
    )
    assert folder.fingerprint == file.fingerprint != random.fingerprint


def test_weights_of_another_model_are_refused(tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(SetupError, match=r"cannot read .*other\.safetensors.*\n.*weights of test_vit"):
        timm_embedder(evolve(SMALL, weights=str(tmp_path / "other.safetensors")), Env())


def test_missing_weights_come_with_the_ways_out(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SetupError) as caught:
        timm_embedder(TimmSettings(), Env())
    text = str(caught.value)
    for part in ("timm/vit_small_patch14_dinov2.lvd142m", "weights =", '"random"', "ridge-texture"):
        assert part in text


@pytest.mark.parametrize(
    ("model", "alike"),
    [("vit_small_patch14_dinov", "dinov2"), ("test_vit.zzz", "test_vit.r160_in1k"), ("zzz", "list_models")],
)
def test_unknown_models_are_refused_with_some_like_it(model, alike):
    with pytest.raises(SetupError, match=f"no model {model}: try .*{alike}"):
        timm_embedder(evolve(SMALL, model=model), Env())


@pytest.mark.parametrize("model", ["mixer_s32_224", "levit_128s"])
def test_networks_that_take_no_frames_of_any_shape_are_refused_when_built(model):
    with pytest.raises(SetupError, match='mode = "crops"'):
        timm_embedder(TimmSettings(model=model, weights="random"), Env())


def test_crops_of_broken_patches_are_refused():
    with pytest.raises(SetupError, match="multiple of 16"):
        timm_embedder(evolve(SMALL, mode="crops", image_size=100), Env())


def test_surroundings(frame):
    embedder = timm_embedder(evolve(SMALL, surroundings=1.5), Env())
    assert embedder.dim == 128
    assert embedder.embed([(frame, BOXES)])[0].shape == (3, 128)

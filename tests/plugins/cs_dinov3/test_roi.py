"""Boxes pooled from one pass over the frame."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from attrs import evolve

from cs_dinov3.backbones import load
from cs_dinov3.embedder import DINOv3Embedder, DINOv3RoiEmbedder
from cs_dinov3.settings import DINOv3RoiSettings, DINOv3Settings
from cs_framework import Embedder, Env, Frame, SetupError, pool_boxes

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture
def settings(transformers_folder):
    return DINOv3RoiSettings(weights=str(transformers_folder), image_size=96)


@pytest.fixture
def timm_settings(timm_folder, settings):
    return evolve(settings, backend="timm", weights=str(timm_folder))


@pytest.fixture
def frame():
    """As large as the network's input, so that nothing is resized."""
    return Frame(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8), "frame")


def pixels_of(frame):
    return ((torch.tensor(frame.image) / 255 - MEAN) / STD).permute(2, 0, 1)[None]


def every_patch():
    """The 4 x 6 patches as boxes, row by row."""
    return np.float32([[16 * x, 16 * y, 16 * x + 16, 16 * y + 16] for y in range(4) for x in range(6)])


def test_is_an_embedder(settings):
    embedder = DINOv3RoiEmbedder(settings, Env())
    assert isinstance(embedder, Embedder)
    assert embedder.dim == 48


def test_a_box_of_one_patch_is_that_token_of_transformers(settings, network, frame):
    with torch.inference_mode():
        tokens = network(pixels_of(frame)).last_hidden_state[0]
    assert len(tokens) == 1 + network.config.num_register_tokens + 24
    (ours,) = DINOv3RoiEmbedder(settings, Env()).embed([(frame, every_patch())])
    np.testing.assert_allclose(ours, tokens[-24:], atol=1e-4)
    assert np.abs(ours - tokens[:24].numpy()).max() > 0.1, "class token and registers have to differ"


def test_a_box_of_one_patch_is_that_token_of_timm(timm_settings, timm_folder, frame):
    network = timm.create_model(f"local-dir:{timm_folder}", pretrained=True, num_classes=0).eval()
    with torch.inference_mode():
        tokens = network.forward_features(pixels_of(frame))[0]
        # Built to average its patches, as timm does by itself, it normalises after the mean.
        tokens = network.fc_norm(tokens)
    (ours,) = DINOv3RoiEmbedder(timm_settings, Env()).embed([(frame, every_patch())])
    assert len(tokens) == network.num_prefix_tokens + 24
    np.testing.assert_allclose(ours, tokens[-24:], atol=1e-4)


@pytest.mark.parametrize("registers", [0, 2])
def test_the_number_of_registers_is_the_config_s(registers, tmp_path, frame):
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    shape = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.random.fork_rng([]):
        network = DINOv3ViTModel(DINOv3ViTConfig(**shape, num_register_tokens=registers)).eval()
    network.save_pretrained(tmp_path)
    embedder = DINOv3RoiEmbedder(DINOv3RoiSettings(weights=str(tmp_path), image_size=96), Env())
    with torch.inference_mode():
        tokens = network(pixels_of(frame)).last_hidden_state[0, 1 + registers :]
    np.testing.assert_allclose(embedder.embed([(frame, every_patch())])[0], tokens, atol=1e-4)


def test_both_backends_agree(settings, timm_settings, batch):
    ours, theirs = (DINOv3RoiEmbedder(each, Env()).embed(batch) for each in (settings, timm_settings))
    for rows, others in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(rows, others, atol=1e-4)
        assert rows.std(axis=0).max() > 0.1, "the boxes have to differ"


def test_boxes_are_means_of_tokens(settings, frame):
    boxes = np.float32([[0, 0, 96, 64], [3.5, 7.25, 40.1, 9], [90, 60, 96, 64]])
    embedder = DINOv3RoiEmbedder(settings, Env())
    tokens = torch.from_numpy(embedder.embed([(frame, every_patch())])[0])
    expected = pool_boxes(tokens.T.reshape(48, 4, 6), boxes, frame.size)
    np.testing.assert_allclose(embedder.embed([(frame, boxes)])[0], expected, atol=1e-5)


def test_surroundings_double_the_dimension(settings, batch):
    plain, wide = (DINOv3RoiEmbedder(evolve(settings, surroundings=each), Env()) for each in (None, 2.0))
    assert wide.dim == 2 * plain.dim
    for rows, others in zip(wide.embed(batch), plain.embed(batch), strict=True):
        np.testing.assert_allclose(rows[:, :48], others, atol=1e-5)
        assert not np.allclose(rows[:, 48:], others, atol=1e-2)


def test_resolution_counts(settings, batch):
    (small, _), (large, _) = (
        DINOv3RoiEmbedder(evolve(settings, image_size=side), Env()).embed(batch) for side in (96, 192)
    )
    assert not np.allclose(small, large, atol=1e-2)
    with pytest.raises(ValueError, match="multiple of 16"):
        DINOv3RoiSettings(image_size=500)


def test_bf16_is_close(settings, batch):
    (exact, _), (ours, _) = (
        DINOv3RoiEmbedder(evolve(settings, precision=each), Env()).embed(batch) for each in ("fp32", "bf16")
    )
    cosine = (exact * ours).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(ours, axis=1)
    assert cosine.min() > 0.99
    assert not np.array_equal(exact, ours)


def test_weights_are_found_and_hashed_as_for_crops(settings, transformers_folder, tmp_path):
    crops = DINOv3Embedder(DINOv3Settings(weights=str(transformers_folder)), Env())
    assert DINOv3RoiEmbedder(settings, Env()).fingerprint == crops.fingerprint
    with pytest.raises(SetupError, match="no such file or folder"):
        DINOv3RoiEmbedder(evolve(settings, weights=str(tmp_path / "none")), Env())


def test_patches_do_not_hold_the_class_token(transformers_folder, frame):
    transformer = load("transformers", transformers_folder)
    with torch.inference_mode():
        class_token = transformer.of_image().forward(pixels_of(frame))[0]
        patches = transformer.of_patches().forward(pixels_of(frame))[0].flatten(1).T
    assert (patches - class_token).abs().amax(1).min() > 0.1

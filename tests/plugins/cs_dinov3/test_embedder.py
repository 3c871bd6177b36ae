from __future__ import annotations

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor

from cs_dinov3.embedder import DINOv3Embedder
from cs_dinov3.settings import DINOv3Settings
from cs_framework import Embedder, Env, Frame, SetupError


@pytest.fixture
def settings(transformers_folder):
    return DINOv3Settings(weights=str(transformers_folder))


@pytest.fixture
def embedder(settings):
    return DINOv3Embedder(settings, Env())


def touched(frame, box):
    """Every pixel that a box inside the frame touches."""
    x1, y1, x2, y2 = box
    return frame.image[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))]


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_is_an_embedder_with_the_network_s_dimension(embedder):
    assert isinstance(embedder, Embedder)
    assert embedder.dim == 48


def test_agrees_with_the_model_s_own_image_processor(embedder, network, transformers_folder, batch):
    processor = AutoImageProcessor.from_pretrained(transformers_folder)
    crops = [touched(frame, box).copy() for frame, boxes in batch for box in boxes]
    with torch.inference_mode():
        # Unless told, the processor takes a crop of three rows for one of three channels.
        pixels = processor(crops, return_tensors="pt", input_data_format="channels_last")
        expected = network(**pixels).pooler_output.numpy()
    ours = np.concatenate(embedder.embed(batch))
    # Both resize scaled floats bilinearly with antialiasing; only the rounding of float32 differs.
    assert cosine(ours, expected).min() > 0.999999
    other = np.roll(expected, 1, axis=0)
    assert cosine(ours, other).min() < 0.99, "the network has to tell the crops apart"


def test_both_backends_agree(embedder, timm_folder, batch):
    other = DINOv3Embedder(DINOv3Settings(backend="timm", weights=str(timm_folder)), Env())
    assert other.dim == embedder.dim
    for ours, theirs in zip(embedder.embed(batch), other.embed(batch), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert np.abs(ours).max() > 0.1


def test_one_array_per_frame(embedder, batch):
    (frame, boxes), second = batch
    nothing = np.zeros((0, 4), np.float32)
    rows = embedder.embed([(frame, nothing), (frame, boxes), second, (frame, nothing)])
    assert [row.shape for row in rows] == [(0, 48), (9, 48), (8, 48), (0, 48)]
    assert {row.dtype for row in rows} == {np.dtype(np.float32)}
    assert embedder.embed([]) == []
    assert [row.shape for row in embedder.embed([(frame, nothing)])] == [(0, 48)]


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_company_does_not_matter(embedder, settings, batch, batch_size):
    together = np.concatenate(embedder.embed(batch))
    other = DINOv3Embedder(evolve(settings, batch_size=batch_size), Env())
    alone = [other.embed([(frame, box[None])])[0] for frame, boxes in batch for box in boxes]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=2e-5)
    np.testing.assert_allclose(np.concatenate(other.embed(batch)), together, atol=2e-5)


def test_boxes_without_a_whole_pixel_still_have_one(embedder, batch):
    frame, _ = batch[0]
    dot = Frame(np.full((1, 1, 3), 90, np.uint8), "dot")
    odd = np.float32(
        [[3, 4, 3, 4], [3.2, 4.1, 3.4, 4.2], [140, 90, 140, 90], [-5, -5, -1, -1], [139, 0, 200, 1]]
    )
    whole = np.float32([[3, 4, 4, 5], [3, 4, 4, 5], [139, 89, 140, 90], [0, 0, 1, 1], [139, 0, 140, 1]])
    ours, expected, single = embedder.embed([(frame, odd), (frame, whole), (dot, np.float32([[0, 0, 1, 1]]))])
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    assert np.isfinite(single).all()


def test_bf16_is_close_and_comes_back_as_float32(embedder, settings, batch):
    (ours, _), (exact, _) = (
        component.embed(batch)
        for component in (DINOv3Embedder(evolve(settings, precision="bf16"), Env()), embedder)
    )
    assert ours.dtype == np.float32
    assert cosine(ours, exact).min() > 0.99
    assert not np.array_equal(ours, exact)


def test_image_size_counts(embedder, settings, batch):
    small = DINOv3Embedder(evolve(settings, image_size=64), Env())
    assert not np.allclose(small.embed(batch)[0], embedder.embed(batch)[0], atol=1e-3)
    with pytest.raises(ValueError, match="multiple of 16"):
        DINOv3Settings(image_size=100)


def test_the_fingerprint_follows_the_weights(settings, embedder, transformers_folder, tmp_path):
    assert DINOv3Embedder(evolve(settings, image_size=64), Env()).fingerprint == embedder.fingerprint
    weights = load_file(transformers_folder / "model.safetensors")
    weights["norm.bias"][0] += 1e-3
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((transformers_folder / "config.json").read_bytes())
    other = DINOv3Embedder(evolve(settings, weights=str(tmp_path)), Env())
    assert other.fingerprint != embedder.fingerprint


def test_building_leaves_the_global_generator_alone(settings, timm_folder):
    before = torch.get_rng_state()
    DINOv3Embedder(settings, Env())
    DINOv3Embedder(evolve(settings, backend="timm", weights=str(timm_folder)), Env())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_not_there(settings):
    with pytest.raises(SetupError, match="cuda"):
        DINOv3Embedder(evolve(settings, device="cuda"), Env())
    with pytest.raises(SetupError, match="cuda"):
        DINOv3Embedder(settings, Env(device="cuda"))
    DINOv3Embedder(evolve(settings, device="cpu"), Env(device="cuda"))

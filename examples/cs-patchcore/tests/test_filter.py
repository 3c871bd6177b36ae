import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from cs_framework import DataError, Env, Frame, SetupError, Window
from cs_framework.testing import sample_windows
from cs_patchcore.filter import PatchCore
from cs_patchcore.settings import Settings

SMALL = {"model": "test_resnet", "image_size": 64, "memory": 50}


def texture(seed, *, streak=False):
    """A frame of smooth noise, with a bright line or without."""
    pixels = np.random.default_rng(seed).normal(120, 4, (64, 64))
    if streak:
        pixels[30:33, 10:50] += 60
    return Window((Frame(np.repeat(pixels.clip(0, 255).astype(np.uint8)[..., None], 3, 2), f"{seed}.png"),))


class Textures(list):
    def __init__(self, count):
        super().__init__(texture(seed) for seed in range(count))
        self.labels, self.sequences = np.zeros(count, np.int8), ["e"] * count


@pytest.fixture(scope="module")
def fitted():
    component = PatchCore(Settings(**SMALL), Env())
    history = component.fit(Textures(12), Textures(0), Env())
    return component, history


def test_a_line_is_stranger_than_frames_without_and_explained_where_it_is(fitted):
    component, _ = fitted
    plain = component.score([texture(seed) for seed in range(100, 110)])
    lined = component.score([texture(seed, streak=True) for seed in range(200, 210)])
    assert lined.min() > plain.max()
    residual = component.explain(texture(7, streak=True)).residual
    assert residual.shape == (64, 64)
    row, column = np.unravel_index(residual.argmax(), residual.shape)
    assert 24 < row < 40
    assert 4 < column < 56


def test_random_weights_are_said(fitted):
    assert fitted[1].notes == ["test_resnet has random weights: pretrained ones see more"]


def test_weights_of_a_file_are_used(tmp_path, fitted):
    with torch.random.fork_rng([]):
        torch.manual_seed(99)
        save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "tiny.safetensors")
    component = PatchCore(Settings(weights=str(tmp_path / "tiny.safetensors"), **SMALL), Env())
    history = component.fit(Textures(3), Textures(0), Env())
    assert history.notes == []
    assert component.score([texture(1)])[0] != fitted[0].score([texture(1)])[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "resnet1000"}, "model = 'resnet1000'"),
        ({"model": "test_resnet", "levels": (9,)}, "levels = [9]"),
        ({"model": "test_vit_relpos", "image_size": 64}, "change image_size"),
        ({"weights": "/no/such/file.safetensors"}, "/no/such/file.safetensors is no file with weights"),
    ],
)
def test_what_cannot_be_built_is_said_with_its_cure(settings, said):
    with pytest.raises(SetupError) as error:
        PatchCore(Settings(**settings), Env())
    assert said in str(error.value)


@pytest.mark.parametrize("model", ["test_vit", "test_mambaout"])
def test_networks_of_other_layouts_work_too(model):
    component = PatchCore(Settings(model=model, image_size=160, memory=5), Env())
    component.fit(Textures(1), Textures(0), Env())
    assert component.score([texture(3)])[0] > 0


def test_a_memory_of_another_network_is_refused(tmp_path, fitted):
    fitted[0].save(tmp_path)
    assert json.loads((tmp_path / "patchcore.json").read_text())["weights"] == "random, seed 42"
    with pytest.raises(SetupError, match="the same seed"):
        PatchCore(Settings(**SMALL), Env(seed=1)).load(tmp_path)
    (tmp_path / "memory.safetensors").write_bytes(b"")
    with pytest.raises(SetupError, match="no readable memory"):
        PatchCore(Settings(**SMALL), Env()).load(tmp_path)


def test_abnormal_training_frames_are_left_out():
    component = PatchCore(Settings(**SMALL), Env())
    notes = component.fit(sample_windows(), sample_windows(normal=0), Env()).notes
    assert any("abnormal" in note for note in notes) == bool(sample_windows().labels.any())
    with pytest.raises(DataError, match="no normal training frame"):
        component.fit(sample_windows(normal=0, abnormal=2), sample_windows(normal=0), Env())

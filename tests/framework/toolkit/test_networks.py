"""What components that learn a network have in common."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from cs_framework import SetupError, exact_convolutions, load_learnt, over_mirrors, save_learnt

MADE_WITH = {"width": 4, "levels": [1, 2]}


def test_maps_over_mirror_images_turn_with_the_image():
    torch.manual_seed(0)
    network, images = nn.Conv2d(1, 1, 3, padding=1), torch.rand(2, 1, 6, 8)
    with torch.no_grad(), exact_convolutions():
        assert torch.equal(over_mirrors(network, images, flips=False), network(images))
        whole = over_mirrors(network, images)
        torch.testing.assert_close(over_mirrors(network, images.flip(-1)), whole.flip(-1))
        torch.testing.assert_close(over_mirrors(lambda x: x, images), images)
        assert not torch.allclose(whole, network(images))


def test_what_is_saved_is_loaded(tmp_path):
    save_learnt(tmp_path / "new", "net", {"a": torch.arange(6.0).reshape(2, 3).T}, {**MADE_WITH, "dim": 3})
    assert torch.equal(
        load_learnt(tmp_path / "new", "net", MADE_WITH)["a"], torch.arange(6.0).reshape(2, 3).T
    )


@pytest.mark.parametrize("harm", ["settings", "list", "json", "tensors", "none"])
def test_what_does_not_fit_is_refused_with_the_cure(harm, tmp_path):
    save_learnt(tmp_path, "net", {"a": torch.zeros(1)}, MADE_WITH)
    meta, tensors = tmp_path / "net.json", tmp_path / "net.safetensors"
    if harm == "settings":
        meta.write_text(json.dumps({**MADE_WITH, "width": 8}))
    elif harm == "list":
        meta.write_text("[]")
    elif harm == "json":
        meta.write_text("[" * 100_000)
    elif harm == "tensors":
        tensors.write_bytes(tensors.read_bytes()[:-1])
    else:
        meta.unlink()
    with pytest.raises(SetupError, match=r"train (it )?again"):
        load_learnt(tmp_path, "net", MADE_WITH)

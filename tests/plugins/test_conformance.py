"""The default plugins keep the rules that everybody's do."""

from __future__ import annotations

import pytest

from cs_framework.testing import parametrize_components
from tests.support.weights import save_tiny_dinov3


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """What makes each component small, and gives the one that needs weights some."""
    dinov3 = str(save_tiny_dinov3(tmp_path_factory.mktemp("dinov3")))
    return {
        "autoencoder": {"image_size": 32, "epochs": 1},
        "dinov3": {"weights": dinov3, "image_size": 32},
        "dinov3-roi": {"weights": dinov3, "image_size": 64, "surroundings": 2.0},
        "dual-head-mlp": {"epochs": 2},
        "filter implant-net": {"image_size": 32, "width": 4, "epochs": 1, "views": 4, "batch_size": 2},
        "refining-mlp": {"epochs": 2},
        "timm": {"model": "test_vit", "weights": "random", "image_size": 64},
    }


@parametrize_components("cytoplasmic-strings")
def test_conformance(check, settings):
    kind, name = check.component.kind.removeprefix("anomaly_"), check.component.name
    filter_settings = settings.get(f"filter {check.filter.name}") if check.filter else None
    check(settings.get(f"{kind} {name}") or settings.get(name), filter_settings)

"""What released versions have written is read: `VERSION/` holds files as they were written.

``resolved.toml`` names most default components; ``run`` is a small trained run, without a filter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cs_framework import Env, Frame
from cs_framework.bundle import read_bundle
from cs_framework.pipeline.cache import Cache
from cs_framework.pipeline.components import Components
from cs_framework.pipeline.regions import RegionMaker
from cs_framework.recipe import load_recipe

RELEASED = sorted(path for path in Path(__file__).parent.iterdir() if (path / "resolved.toml").exists())
NOTE = "cs-framework is now called cytoplasmic-strings, and is read as that"


@pytest.mark.parametrize("version", RELEASED, ids=lambda path: path.name)
def test_a_resolved_recipe_loads_and_means_the_same(version):
    loaded = load_recipe(version / "resolved.toml")
    assert sum(NOTE in warning for warning in loaded.warnings) == 1
    assert loaded.anomaly_filter is not None
    assert (loaded.anomaly_filter.component.name, loaded.anomaly_filter.settings.image_size) == (
        "autoencoder",
        32,
    )
    assert [choice.component.name for choice in loaded.proposers] == ["selective-search", "ridge"]


@pytest.mark.parametrize("version", RELEASED, ids=lambda path: path.name)
def test_a_trained_run_is_used(version, tmp_path):
    recipe = tmp_path / "detect.toml"
    recipe.write_text(f'steps = ["detect"]\n[model]\nbundle = "{version / "run"}"\n[detect]\ninput = "."\n')
    loaded = load_recipe(recipe)
    assert any(NOTE in warning for warning in loaded.warnings)
    bundle = read_bundle(version / "run" / "model")
    assert bundle.gate is None
    components = Components.build(loaded, Env(), bundle.folder)
    image = np.random.default_rng(0).integers(60, 120, (96, 96, 3)).astype(np.uint8)
    image[40:44, 20:80] = 220
    frame = Frame(image, "a.png")
    boxes = RegionMaker(loaded, components, Cache(None)).boxes_of(frame)
    assert len(boxes)
    (embeddings,) = components.embedder.embed([(frame, boxes)])
    assert embeddings.shape == (len(boxes), components.scorer.network_input[0])

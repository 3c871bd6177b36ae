from pathlib import Path

import cs_patchcore

RECIPE = Path(__file__).parents[1] / "recipes" / "patchcore.toml"
SMALL = [
    "data.synthetic.embryos=3",
    "data.synthetic.frames=4",
    "data.synthetic.size=96",
    "outputs.overlays=0",
    "anomaly_filter.settings.image_size=64",
    "anomaly_filter.settings.memory=50",
    "pipeline.threads=1",
]


def test_the_recipe_runs(run_recipe):
    outcome = run_recipe(RECIPE, "train", "detect", overrides=SMALL, plugins=[cs_patchcore])
    assert outcome.exit_code == 0, outcome.log
    assert all(frame.startswith("test/") for frame in outcome.detections["frame"].to_pylist())

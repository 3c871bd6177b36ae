from __future__ import annotations

from pathlib import Path

import pytest

from cs_framework.bundle import Bundle, write_bundle
from cs_framework.pipeline.components import Components
from cs_framework.recipe import components_to_dict, load_recipe
from cs_framework.recipe.bundled import bundled
from cs_framework.steps.execute import Options, execute
from tests.support.frames import write_recipe, write_root

PROGRAM = "from pathlib import Path\nPath(__file__).with_name('RAN').touch()\n"


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A root with what a stranger may have packed: a bundle in a run whose recipe names a program."""
    run = tmp_path / "Downloads" / "b"
    loaded = load_recipe(bundled(Path("baseline.toml")))  # none of its boxes need a filter
    described = {k: v for k, v in components_to_dict(loaded).items() if k != "anomaly_filter"}
    write_bundle(Bundle(run / "model", None), Components(None, (), None, None), described, {})
    (run / "resolved.toml").write_text(
        'plugins = ["./evil.py"]\nsteps = ["detect"]\nmodel.bundle = "model"\n'
    )
    (run / "evil.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``--root`` wants it: a data set, a recipe, and a trained run of it."""
    folder = tmp_path_factory.mktemp("root")
    data = write_root(folder / "data", embryos=1)
    recipe = write_recipe(folder / "toy.toml", data, outputs="regions = true")
    loaded = load_recipe(recipe, overrides=['steps=["train"]'])
    options = Options(out=folder / "runs" / "toy", no_cache=True)
    assert execute(loaded, options, lambda items, *_: items) == 0
    return folder

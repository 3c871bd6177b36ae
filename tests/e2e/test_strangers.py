"""Other people's plugins beside ours: what they break is theirs alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.framework.registry.distributions import GOOD, install
from tests.support.frames import write_recipe

ROOT = Path(__file__).parents[2]
HOOK = "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(): "

BAD = {
    "cs-import-error": ("import cs_nowhere", "No module named 'cs_nowhere'"),
    "cs-hook-raises": (HOOK + "raise OSError('no licence')", "OSError: no licence"),
    "cs-midway": (GOOD.format(name="half") + "    raise OSError('midway')", "OSError: midway"),
    "cs-wrong-record": (HOOK + "yield {'name': 'x'}", "gave {'name': 'x'}, not a ScorerSpec"),
    "cs-twice": (
        GOOD.format(name="twin")
        + "    yield ScorerSpec(name='twin', factory=f'{here}:X', settings=f'{here}:Y', summary='again')",
        "announces two scorers called 'twin'",
    ),
    "cs-no-factory": (
        GOOD.format(name="lost").replace('f"{here}:Thing"', '"cs_nowhere.at:Thing"'),
        "there is no module 'cs_nowhere.at'",
    ),
    "cs-not-attrs": (GOOD.format(name="plain").replace("@frozen", ""), "are not an attrs class"),
    "cs-heavy": ("import jax\n" + GOOD.format(name="heavy"), "importing jax"),
    "cs-future": (GOOD.format(name="future"), "made for cs_framework.v9"),
    "cs-blocked": ("raise AssertionError('imported')", "blocked by 'cs-blocked'"),
}


def in_environment(site, module, *arguments, cwd):
    """A command in a process that sees what is installed in `site`, too."""
    code = f"from cs_framework.cli.{module} import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "CS_FRAMEWORK_BLOCK": "cs-blocked"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with ten distributions, each bad in a way of its own."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "jax.py").write_text("")
    for name, (code, _) in BAD.items():
        group = {"group": "cs_framework.v9"} if name == "cs-future" else {}
        install(folder, name, code, **group)
    return folder


def test_each_is_named_with_what_is_wrong_with_it(site, tmp_path):
    done = in_environment(site, "plugins", "list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    _, _, remarks = done.stdout.partition("\n\n")
    for name, (_, reason) in BAD.items():
        (line,) = [line for line in remarks.splitlines() if f"{name} 1.0" in line]
        assert reason in line, name


def test_none_of_them_stops_a_run_that_does_not_use_it(site, toy_root, tmp_path):
    recipe = write_recipe(tmp_path / "toy.toml", toy_root)
    done = in_environment(site, "run", recipe, "train", "detect", "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs/toy/detections.parquet").exists()


def test_a_run_that_uses_one_is_told_why_it_cannot(site, toy_root, tmp_path):
    recipe = write_recipe(tmp_path / "toy.toml", toy_root)
    use = ["--set", "scorer.use=cs-midway/half"]
    done = in_environment(site, "run", recipe, "--check", *use, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "cs-midway 1.0" in done.stderr
    assert "OSError: midway" in done.stderr


CONFLICTING = """
from cs_framework import AnomalyFilterSpec, EmbedderSpec, ProposerSpec, ScorerSpec, hookimpl

def record(spec, name):
    return spec(name=name, factory="attrs:field", settings="attrs:field", summary="not what you meant")
"""


def test_a_recipe_means_the_same_after_a_package_with_the_same_names_is_installed(tmp_path):
    recipe = ROOT / "recipes" / "quickstart.toml"
    names = tomllib.loads(recipe.read_text())
    uses = {
        kind: names[kind][0]["use"] if kind == "proposer" else names[kind]["use"]
        for kind in ("anomaly_filter", "proposer", "embedder", "scorer")
    }
    code = CONFLICTING
    for kind, use in uses.items():
        spec = "".join(part.capitalize() for part in kind.split("_")) + "Spec"
        code += f"\n@hookimpl\ndef cs_{kind}s():\n    yield record({spec}, {use!r})\n"
    program = "import sys; from pathlib import Path; from cs_framework.recipe import load_recipe\n"
    program += "print(load_recipe(Path(sys.argv[1])).to_toml())"

    def resolved():
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
        command = [sys.executable, "-c", program, recipe]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    before = resolved()
    install(tmp_path, "a-stranger", code)
    listed = in_environment(tmp_path, "plugins", "list", cwd=tmp_path).stdout
    assert listed.count("a-stranger 1.0") >= 4
    assert resolved() == before
    assert before.count('use = "cytoplasmic-strings/') == 4

"""What commands may import: each heavy package would make every ``--help`` slow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cs_framework
from tests.framework.recipe.toys import MINIMAL
from tests.framework.registry.distributions import GOOD

ROOT = Path(__file__).parents[2]
HEAVY = (
    *(
        "torch",
        "cv2",
        "skimage",
        "transformers",
        "timm",
        "sklearn",
        "scipy",
        "matplotlib",
        "pyarrow",
        "numpy",
    ),
    *("cattrs", "rich", "PIL", "faster_coco_eval", "tifffile"),
)
SCRIPT = """
import sys
sys.argv = {argv!r}
from {module} import main
try:
    main()
except SystemExit as leaving:
    assert leaving.code in (0, None), leaving.code
found = [name for name in {heavy!r} if name in sys.modules]
assert not found, f"imported: {{found}}"
print("modules:", len(sys.modules))
"""


def modules(module, *arguments, cwd=ROOT):
    """Run a command in a clean process; the number of modules it imported."""
    code = SCRIPT.format(argv=[module, *arguments], module=module, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(done.stdout.rpartition("modules: ")[2])


@pytest.mark.parametrize(
    ("module", "arguments", "budget"),
    [
        ("cs_framework.cli.plugins", ["--help"], 330),
        ("cs_framework.cli.plugins", ["list"], 340),
        ("cs_framework.cli.plugins", ["list", "--json"], 340),
        ("cs_framework.cli.run", ["--help"], 330),
        ("cs_framework.cli.detect", ["--help"], 330),
        ("cs_framework.cli.data", ["--help"], 330),
        ("cs_framework.cli.compare", ["--help"], 330),
        ("cs_framework.cli.export", ["--help"], 330),
        ("cs_framework.cli.app", ["--help"], 330),
    ],
)
def test_a_command_imports_little(module, arguments, budget):
    assert modules(module, *arguments) <= budget


def test_checking_a_recipe_imports_nothing_heavy(tmp_path):
    plugin = GOOD.format(name="mine")
    for kind in ("proposer", "embedder"):
        plugin += f"""
from cs_framework import {kind.capitalize()}Spec
@hookimpl
def cs_{kind}s():
    path = f"{{__name__}}:Settings"
    yield {kind.capitalize()}Spec(name="mine", factory=path, settings=path, summary="x")
"""
    (tmp_path / "mine.py").write_text(plugin)
    recipe = MINIMAL.replace("grid", "mine").replace("rich", "mine").replace("mean", "mine")
    (tmp_path / "recipe.toml").write_text('plugins = ["mine.py"]\n' + recipe)
    assert modules("cs_framework.cli.run", "recipe.toml", "--check", cwd=tmp_path)


def test_a_run_imports_what_draws_curves_only_where_there_are_some():
    drawing = ("sklearn", "matplotlib")
    code = f"import sys, cs_framework.steps.execute; print([n for n in {drawing!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_loaded_when_they_are_used():
    code = (
        f"import sys, cs_framework; cs_framework.setting; print([n for n in {HEAVY!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_name_that_is_not_public_is_seen_by_a_type_checker(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "author.py").write_text("from cs_framework import ProposerSpec, ProposrSpec\n")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file=",
        "--follow-imports=skip",
        "--ignore-missing-imports",
    ]
    command += [cs_framework.__file__, str(tmp_path / "author.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'has no attribute "ProposrSpec"' in done.stdout
    assert '"ProposerSpec"' not in done.stdout.replace('maybe "ProposerSpec"', "")


def test_what_is_loaded_lazily_is_what_type_checkers_see():
    source = Path(cs_framework.__file__).read_text()
    seen = re.findall(r"^    from (cs_framework\S*) import (\w+) as \2$", source, re.MULTILINE)
    homes = {name: home.removeprefix("cs_framework.") for home, name in seen}
    assert {name: home.removesuffix(f".{name}") for name, home in cs_framework._HOME.items()} == homes

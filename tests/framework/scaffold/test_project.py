"""Generated projects work: as source folders, and as wheels in an environment of their own."""

from __future__ import annotations

import ast
import difflib
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cs_framework.api.specs import KINDS
from cs_framework.cli.plugins import commands
from cs_framework.recipe.bundled import bundled
from cs_framework.scaffold import recipe_with
from tests.support.venv import run, venv_with

BASELINE = bundled(Path("baseline.toml")).read_text(encoding="utf-8")


def name_of(kind):
    return f"cs-made-{kind.replace('_', '-')}"


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """A project of each kind, by kind."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in KINDS:
        done = new(name_of(kind), "--kind", kind, folder / name_of(kind))
        assert done.exit_code == 0, done.output
    return {kind: folder / name_of(kind) for kind in KINDS}


def new(*arguments):
    return CliRunner().invoke(commands, ["new", *map(str, arguments)])


def test_wheels_pass_their_tests_and_run_their_recipes(projects, tmp_path):
    """In an environment that holds the dependencies of this one, the wheels, and nothing of the sources."""
    folders = list(projects.values())
    python = venv_with(folders, tmp_path)
    tested = []
    for folder in folders:
        for part in ("tests", "recipes"):
            shutil.copytree(folder / part, tmp_path / "checkout" / folder.name / part)
        tested.append(tmp_path / "checkout" / folder.name / "tests")
    said = run(
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        *tested,
        cwd=tmp_path,
    )
    assert " passed" in said
    listed = run(python, "-c", "from cs_framework.cli.plugins import main; main()", "list", cwd=tmp_path)
    for kind in KINDS:
        assert f"made-{kind.replace('_', '-')}" in listed


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_folder_passes_its_tests_without_being_installed(kind, projects):
    with_recipe = kind == "scorer"  # each of them takes long, and the wheels have run theirs
    only = [] if with_recipe else ["--ignore", "tests/test_recipe.py"]
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *only, cwd=projects[kind])
    assert " passed" in said
    assert "skipped" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_differs_from_the_quick_start_in_the_component_alone(kind, projects):
    name = name_of(kind)
    recipe = (projects[kind] / "recipes" / f"{name}.toml").read_text()
    ours, theirs = tomllib.loads(recipe), tomllib.loads(BASELINE)
    entry = {"use": name.removeprefix("cs-")}
    expected = theirs | {"name": name, kind: [entry] if kind == "proposer" else entry}
    assert ours == expected
    changes = [
        line
        for line in difflib.ndiff(BASELINE.splitlines(), recipe.splitlines())
        if line.startswith("+ ") and not line.startswith("+ #")
    ]
    assert len(changes) == 2, changes  # the name, and the component


def test_a_recipe_keeps_what_it_says_elsewhere():
    text = """\
# head
# more
name = "a"  # its name

[embedder]
settings = { use = "x" }
use = "old"
[scorer]
use = "s"
"""
    assert recipe_with(text, "cs-new", "embedder", "new").splitlines()[3:] == [
        'name = "cs-new"',
        "",
        "[embedder]",
        'use = "new"  # instead of "old"',
        "[scorer]",
        'use = "s"',
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_is_whole(kind, projects):
    folder, package = projects[kind], name_of(kind).replace("-", "_")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    files = {file for file in files if "__pycache__" not in file}
    assert files >= {
        *("pyproject.toml", "README.md", f"recipes/{name_of(kind)}.toml", "tests/test_conformance.py"),
        *(f"src/{package}/__init__.py", f"src/{package}/settings.py"),
    }
    for path in files:
        text = (folder / path).read_text()
        assert "$" not in text, path
        if path.endswith(".py"):
            ast.parse(text)
            assert max(map(len, text.splitlines()), default=0) <= 110, path
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"cs_framework.v1": {name_of(kind).removeprefix("cs-"): package}}


@pytest.mark.parametrize(
    ("name", "component", "class_name"),
    [
        ("cs-a-b2", "a-b2", "AB2Proposer"),
        ("rings", "rings", "RingsProposer"),
        ("cs-none", "none", "NoneProposer"),
        ("cs-settings", "settings", "SettingsProposer"),
        ("cs-ridge-proposer", "ridge-proposer", "RidgeProposer"),
    ],
)
def test_names_follow_from_that_of_the_project(name, component, class_name, tmp_path):
    done = new(name, "--kind", "proposer", tmp_path)
    assert done.exit_code == 0, done.output
    package = tmp_path / "src" / name.replace("-", "_")
    assert f'name="{component}"' in (package / "__init__.py").read_text()
    assert f'.proposer:{class_name}"' in (package / "__init__.py").read_text()
    assert f"class {class_name}:" in (package / "proposer.py").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CS-Demo", "not a name such as cs-demo"),
        ("cs demo", "not a name such as cs-demo"),
        ("../cs-demo", "not a name such as cs-demo"),
        ("2-cs", "not a name such as cs-demo"),
        ("cs-3d", "not a name such as cs-demo"),
        ("class", "not a name such as cs-demo"),
        ("numpy", "a module 'numpy' already"),
        ("cs-framework", "a module 'cs_framework' already"),
        ("cs-selective-search", "already"),
        ("selective-search", "there is a proposer 'selective-search' already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name, said, tmp_path):
    done = new(name, "--kind", "proposer", tmp_path / "new")
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    for taken in (tmp_path, tmp_path / "thesis.txt"):
        done = new("cs-demo", "--kind", "proposer", taken)
        assert done.exit_code == 2
        assert "not an empty folder" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_folder_is_called_like_the_project_where_none_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = new("cs-demo", "--kind", "embedder")
    assert "next: cd cs-demo && pip install" in done.output
    assert (tmp_path / "cs-demo" / "pyproject.toml").exists()

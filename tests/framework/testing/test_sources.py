from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cs_framework.errors import SetupError
from cs_framework.testing import components_of, look_installed
from cs_framework.testing.sources import plugin_module
from tests.support.frames import TOY_PLUGIN

PLUGIN = """
from attrs import frozen
from cs_framework import ProposerSpec, hookimpl

@frozen
class Settings:
    pass

@hookimpl
def cs_proposers():
    here = __name__
    yield ProposerSpec(name="made-up", factory=f"{here}:Grid", settings=f"{here}:Settings", summary="made up")
"""


def write_project(folder: Path, *, source: str = "src", code: str = PLUGIN, name: str = "Made-Up") -> Path:
    (folder / source).mkdir(parents=True, exist_ok=True)
    (folder / source / "made_up.py").write_text(code)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "1.2"\n'
        '[project.entry-points."cs_framework.v1"]\nmain = "made_up"\n'
    )
    return folder


@pytest.mark.parametrize("source", ["src", "."])
def test_a_project_folder_need_not_be_installed(source, tmp_path, own_path):
    (component,) = components_of(write_project(tmp_path, source=source))
    assert component.qualified_name == "made-up/made-up"
    assert component.provenance.version == "1.2"
    assert plugin_module(component) == "made_up"


def test_what_looks_installed_does_so_in_spawned_processes(tmp_path, own_path):
    look_installed(write_project(tmp_path))
    script = (
        "import sys; sys.path[:] = sys.argv[1:]; from cs_framework.registry import Registry;"
        "print(Registry.discover().find('proposer', 'made-up').qualified_name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *sys.path], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "made-up/made-up"


def test_a_module_need_not_be_installed(tmp_path, own_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")
    import made_up

    assert look_installed(made_up) == look_installed(made_up) == "made-up"
    (component,) = components_of(made_up)
    assert (component.qualified_name, component.provenance.version) == ("made-up/made-up", "0")


def test_a_module_that_is_installed_keeps_its_distribution(tmp_path, own_path):
    look_installed(write_project(tmp_path, name="another-name"))
    import made_up

    assert look_installed(made_up) == "another-name"


def test_an_installed_distribution_and_a_file_are_named_as_they_are():
    assert {component.kind for component in components_of(TOY_PLUGIN)} == {
        *("anomaly_filter", "proposer", "embedder", "scorer")
    }
    assert components_of("CS_Framework") == components_of("cytoplasmic-strings")


def test_a_plugin_that_is_broken_is_told_with_its_reason(tmp_path, own_path):
    folder = write_project(tmp_path, code="raise ImportError('planted')")
    with pytest.raises(SetupError, match=r"made-up 1\.2 .*: import: ImportError: planted"):
        components_of(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read as a project"),
        ("[project]\nname = 'x'\n", "has no entry points"),
        (
            "[project]\nname = 'x'\n[project.entry-points.'cs_framework.v1']\nx = 'made_up_nowhere'\n",
            "not found in",
        ),
    ],
)
def test_a_folder_that_is_no_plugin_is_told_so(text, said, tmp_path, own_path):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(SetupError, match=said):
        components_of(tmp_path)


def test_a_distribution_without_components_is_told_so():
    with pytest.raises(SetupError, match="no-such-thing supplies no component: is it installed"):
        components_of("no-such-thing")

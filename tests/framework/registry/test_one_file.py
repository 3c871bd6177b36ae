"""One-file plugins, named by their path."""

from __future__ import annotations

import multiprocessing
import sys

import pytest

from cs_framework import Env
from cs_framework.registry import Registry
from tests.framework.registry.distributions import GOOD


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my scorer.py"
    path.write_text(GOOD.format(name="mine"))
    return path


def build(path):
    """What a worker does: load the plugin from its path and build a component."""
    component = Registry.discover(block=["cytoplasmic-strings"], local=[path]).find("scorer", "mine")
    return type(component.build(component.settings_class()(), Env(seed=5))).__module__


def test_it_is_named_after_its_file_and_versioned_by_its_content(file):
    component = Registry.discover(local=[file]).find("scorer", "mine")
    assert component.qualified_name == "my scorer.py/mine"
    assert component.provenance.version.startswith("sha256-")
    assert component.provenance.file == str(file)
    assert Registry.discover(local=[file]).find("scorer", "my scorer.py/mine") == component


def test_a_spawned_process_builds_it_from_the_path(file):
    here = build(file)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(build, (file,)) == here


def test_a_changed_file_is_another_plugin(file):
    first = Registry.discover(local=[file]).find("scorer", "mine")
    file.write_text(GOOD.format(name="mine").replace("2, ge=1", "3, ge=1"))
    second = Registry.discover(local=[file]).find("scorer", "mine")
    assert first.provenance.version != second.provenance.version
    assert second.settings_class()().power == 3
    assert first.settings_class()().power == 2


def test_one_that_fails_is_quarantined_and_leaves_no_module(file):
    before = set(sys.modules)
    file.write_text("1 / 0")
    info = Registry.discover(local=[file]).plugins[-1]
    assert (info.status, info.phase, info.reason) == (
        "quarantined",
        "import",
        "ZeroDivisionError: division by zero",
    )
    assert not [name for name in set(sys.modules) - before if name.startswith("cs_local_")]


def test_a_missing_file_is_named(tmp_path):
    info = Registry.discover(local=[tmp_path / "nowhere.py"]).plugins[-1]
    assert info.reason == f"{tmp_path / 'nowhere.py'}: No such file or directory"


def test_two_files_of_one_name_do_not_mix(file, tmp_path):
    other = tmp_path / "other" / file.name
    other.parent.mkdir()
    other.write_text(file.read_text())
    *_, first, second = Registry.discover(local=[file, other]).plugins
    assert (first.status, second.status) == ("ok", "quarantined")
    assert "already supplies a scorer" in second.reason

"""Plugins of all sorts, installed as fake distributions."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from cs_framework._markers import ENTRY_POINT_GROUP
from cs_framework.cli.console import mixed_installation
from cs_framework.registry import Registry
from cs_framework.registry.component import normalised
from cs_framework.testing import components_of
from tests.framework.registry.distributions import GOOD, install

MARKED = "import pathlib\npathlib.Path(__file__).with_suffix('.imported').touch()\n"

BAD = {
    "import": ("1 / 0", "import", "ZeroDivisionError: division by zero"),
    "exit": ("raise SystemExit(3)", "import", "SystemExit: 3"),
    "panic": ("class P(BaseException): pass\nraise P('at import')", "import", "P: at import"),
    "unknown-hook": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorer(): return []",
        "hooks",
        "unknown hook 'cs_scorer'",
    ),
    "bad-signature": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(wanted): return []",
        "hooks",
        "'wanted'",
    ),
    "no-hook": ("def cs_scorers(): return []", "hooks", "is the @hookimpl decorator missing?"),
    "hook-raises": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(): raise OSError('no licence')",
        "call",
        "OSError: no licence",
    ),
    "generator-raises": (GOOD.format(name="half") + "    raise OSError('midway')", "call", "OSError: midway"),
    "not-iterable": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(): return 7",
        "records",
        "cs_scorers returned 7, not an iterable of ScorerSpec",
    ),
    "text": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(): return 'abc'",
        "records",
        "cs_scorers returned 'abc', not an iterable of ScorerSpec",
    ),
    "wrong-type": (
        "from cs_framework import hookimpl\n@hookimpl\ndef cs_scorers(): yield {'name': 'x'}",
        "records",
        "cs_scorers gave {'name': 'x'}, not a ScorerSpec",
    ),
    "other-kind": (
        GOOD.replace("cs_scorers", "cs_embedders").format(name="x"),
        "records",
        "not a EmbedderSpec",
    ),
    "bad-record": (GOOD.format(name="Not A Name"), "call", "'name' must match regex"),
    "duplicate": (
        GOOD.format(name="twin")
        + "    yield ScorerSpec(name='twin', factory=f'{here}:X', settings=f'{here}:Y', summary='again')",
        "records",
        "it announces two scorers called 'twin'",
    ),
    "no-module": (
        GOOD.format(name="lost").replace('f"{here}:Thing"', '"cs_nowhere.at.all:Thing"'),
        "paths",
        "scorer 'lost': there is no module 'cs_nowhere.at.all' (named by 'cs_nowhere.at.all:Thing')",
    ),
}


def plugin(registry, distribution):
    (found,) = [one for one in registry.plugins if one.provenance.distribution == distribution]
    return found


def test_a_good_plugin_is_found_and_its_origin_known(site):
    install(site, "CS-Good_Thing", GOOD.format(name="good"), version="1.2")
    info = plugin(Registry.discover(), "cs-good-thing")
    assert info.status == "ok"
    assert str(info) == "cs-good-thing 1.2 (entry point 'main')"
    assert info.provenance.file == str(site / "cs_good_thing.py")
    (component,) = info.components
    assert component.qualified_name == "cs-good-thing/good"
    assert str(component) == "scorer 'good' of cs-good-thing 1.2"


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plugin_is_quarantined_with_phase_and_reason_and_alone(site, case):
    code, phase, reason = BAD[case]
    install(site, f"cs-bad-{case}", code)
    install(site, "cs-good", GOOD.format(name="good"))
    registry = Registry.discover()
    bad = plugin(registry, f"cs-bad-{case}")
    assert (bad.status, bad.phase, bad.components) == ("quarantined", phase, ())
    assert reason in bad.reason
    assert registry.find("scorer", "good").qualified_name == "cs-good/good"


def test_a_plugin_for_another_framework_version_is_named_not_imported(site):
    install(site, "cs-future", MARKED, group="cs_framework.v2")
    info = plugin(Registry.discover(), "cs-future")
    assert (info.status, info.phase) == ("quarantined", "metadata")
    assert "made for cs_framework.v2" in info.reason
    assert not (site / "cs_future.imported").exists()


def test_a_plugin_for_this_and_another_version_is_loaded_once(site):
    install(site, "cs-both", GOOD.format(name="both"))
    points = site / "cs_both-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "[cs_framework.v2]\nmain = cs_nowhere\n")
    assert plugin(Registry.discover(), "cs-both").status == "ok"


@pytest.mark.parametrize("name", ["cs-blocked", "CS_Blocked", "cs.blocked:main"])
def test_a_blocked_plugin_is_not_imported(site, name):
    install(site, "cs-blocked", MARKED)
    info = plugin(Registry.discover(block=[name]), "cs-blocked")
    assert info.status == "blocked"
    assert info.reason == f"blocked by {name!r} of the recipe or --block"
    assert not (site / "cs_blocked.imported").exists()


def test_the_environment_blocks_too(site, monkeypatch):
    install(site, "cs-blocked", MARKED)
    monkeypatch.setenv("CS_FRAMEWORK_BLOCK", "cs-other, cs-blocked")
    assert plugin(Registry.discover(), "cs-blocked").reason == "blocked by 'cs-blocked' of CS_FRAMEWORK_BLOCK"
    assert not (site / "cs_blocked.imported").exists()


def test_one_entry_point_of_several_can_be_blocked(site):
    (site / "cs_second.py").write_text(MARKED)
    install(site, "cs-two", GOOD.format(name="first"), entry_points={"one": "cs_two", "other": "cs_second"})
    registry = Registry.discover(block=["cs-two:other"])
    found = {
        p.provenance.entry_point: p.status for p in registry.plugins if p.provenance.distribution == "cs-two"
    }
    assert found == {"one": "ok", "other": "blocked"}
    assert not (site / "cs_second.imported").exists()


def test_heavy_imports_are_charged_to_who_caused_them(site):
    (site / "tensorflow.py").write_text("")
    install(site, "cs-heavy", "import tensorflow\n" + GOOD.format(name="heavy"))
    install(site, "cs-innocent", GOOD.format(name="light"))
    registry = Registry.discover()
    assert plugin(registry, "cs-heavy").provenance.heavy == ("tensorflow",)
    assert plugin(registry, "cs-innocent").provenance.heavy == ()


def test_a_qualified_name_is_taken_once(site):
    (site / "cs_copy.py").write_text(GOOD.format(name="same"))
    install(site, "cs-pair", GOOD.format(name="same"), entry_points={"a": "cs_pair", "b": "cs_copy"})
    first, second = [p for p in Registry.discover().plugins if p.provenance.distribution == "cs-pair"]
    assert (first.status, second.status) == ("ok", "quarantined")
    assert second.reason == "cs-pair 1.0 (entry point 'a') already supplies a scorer 'cs-pair/same'"


def test_order_is_that_of_names_whatever_the_disk_says(site):
    for name in ("cs-zeta", "cs-alpha", "CS-Midway"):
        install(site, name, GOOD.format(name="x"))
    names = [p.provenance.distribution for p in Registry.discover().plugins]
    assert names == sorted(names)


def test_the_first_copy_on_the_path_counts(site, tmp_path, monkeypatch):
    install(site, "cs-twice", GOOD.format(name="x"), version="1.0")
    newer = tmp_path / "newer"
    newer.mkdir()
    monkeypatch.syspath_prepend(newer)
    install(newer, "cs-twice", GOOD.format(name="x"), version="2.0")
    assert plugin(Registry.discover(), "cs-twice").provenance.version == "2.0"


def test_prints_of_a_plugin_do_not_spoil_output(site, capsys):
    install(site, "cs-chatty", "print('hello from the plugin')\n" + GOOD.format(name="x"))
    Registry.discover()
    out, err = capsys.readouterr()
    assert out == ""
    assert "hello from the plugin" in err


def test_looking_for_modules_imports_no_package(site):
    package = site / "cs_lazy"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "deep" / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "deep" / "thing.py").write_text("")
    code = GOOD.format(name="x").replace('f"{here}:Thing"', '"cs_lazy.deep.thing:Thing"')
    install(site, "cs-points-there", code)
    assert plugin(Registry.discover(), "cs-points-there").status == "ok"
    assert "cs_lazy" not in sys.modules


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_names_are_normalised_as_package_indexes_do(name):
    assert normalised(name) == canonicalize_name(name)


def test_an_unreadable_list_of_entry_points_stops_nobody(site):
    install(site, "cs-garbled")
    (site / "cs_garbled-1.0.dist-info" / "entry_points.txt").write_text("[cs_framework.v1]\nno equals sign\n")
    install(site, "cs-good", GOOD.format(name="good"))
    registry = Registry.discover()
    assert registry.find("scorer", "good")
    info = plugin(registry, "cs-garbled")
    assert (info.status, info.phase) == ("quarantined", "metadata")


@pytest.mark.parametrize("first", [True, False])
def test_an_old_install_of_this_project_takes_nothing_from_the_present_one(first, site, monkeypatch):
    present = Registry.discover().components()
    ours = [f"{e.name} = {e.value}" for e in entry_points(group=ENTRY_POINT_GROUP)]
    info = site / "cs_framework-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cs-framework\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *ours, ""]))
    if not first:
        monkeypatch.setattr(sys, "path", [*sys.path[1:], str(site)])
    importlib.invalidate_caches()
    assert Registry.discover().components() == present
    assert "cs-framework 0.1.0 is installed beside cytoplasmic-strings" in (mixed_installation() or "")


def test_a_distribution_whose_entry_points_are_no_text_hurts_nobody(site):
    before = Registry.discover().components()
    info = site / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_bytes(b"\xff\xfe[\0c")
    importlib.invalidate_caches()
    assert Registry.discover().components() == before
    assert components_of("cytoplasmic-strings")


def test_names_that_block_nothing_are_told_and_commas_separate_them(site):
    install(site, "cs-yolo", GOOD.format(name="yolo"))
    install(site, "cs-unet", GOOD.format(name="unet"))
    registry = Registry.discover(block=["cs_yolo, cs-unet:main", "cs-yollo"])
    blocked = {plugin.provenance.distribution for plugin in registry.plugins if plugin.status == "blocked"}
    assert blocked == {"cs-yolo", "cs-unet"}
    (warning,) = registry.warnings
    assert warning == "'cs-yollo' blocks nothing: no plugin is called so; did you mean 'cs-yolo'?"

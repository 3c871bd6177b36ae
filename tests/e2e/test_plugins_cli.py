"""``cs-plugins`` in a process of its own, beside planted distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.framework.registry.distributions import GOOD, install

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def cs_plugins(site, *arguments, code=0, **environment):
    done = subprocess.run(
        [sys.executable, "-c", "from cs_framework.cli.plugins import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_list_names_good_bad_blocked_and_slow_plugins(site):
    (site / "jax.py").write_text("")
    install(site, "cs-good", GOOD.format(name="thing"), version="2.1")
    install(site, "cs-bad", "raise OSError('no licence')")
    install(site, "cs-slow", "import jax\n" + GOOD.format(name="slow"))
    install(site, "cs-off", "raise AssertionError")
    plain = GOOD.format(name="plain").replace("@frozen", "")
    install(site, "cs-plain", plain)
    install(
        site, "cs-needy", GOOD.format(name="needy").replace("summary=", 'needs=("cs_nowhere",), summary=')
    )
    lines = cs_plugins(site, "list", "--block", "cs-off").splitlines()
    assert lines[0].split() == ["KIND", "NAME", "DISTRIBUTION", "STATUS", "SUMMARY"]
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert "scorer thing cs-good 2.1 ok thing" in text
    assert "scorer plain cs-plain 1.0 broken thing" in text
    assert "scorer needy cs-needy 1.0 needs cs_nowhere thing" in text
    assert "cs-bad 1.0 (entry point 'main'): import: OSError: no licence" in text
    assert "cs-off 1.0 (entry point 'main'): blocked by 'cs-off' of the recipe or --block" in text
    assert "scorer 'plain' of cs-plain 1.0: its settings 'cs_plain:Settings' are not an attrs class" in text
    assert "scorer 'needy' of cs-needy 1.0: pip install cs_nowhere" in text
    assert [line for line in lines if line.startswith("  cs-slow 1.0") and line.endswith("importing jax")]


def test_a_name_that_is_taken_is_listed_by_the_name_that_reaches_it(site):
    install(site, "cs-one", GOOD.format(name="same"))
    install(site, "cs-two", GOOD.format(name="same"))
    text = cs_plugins(site, "list")
    assert "cs-one/same" in text
    assert "cs-two/same" in text


def test_list_as_json(site):
    install(site, "cs-good", "print('noise')\n" + GOOD.format(name="thing"))
    install(site, "cs-bad", "1 / 0")
    plugins = {
        plugin["distribution"]: plugin for plugin in json.loads(cs_plugins(site, "list", "--json"))["plugins"]
    }
    assert plugins["cs-bad"]["phase"] == "import"
    good = plugins["cs-good"]
    assert (good["status"], good["version"], good["file"]) == ("ok", "1.0", str(site / "cs_good.py"))
    assert good["components"][0]["qualified_name"] == "cs-good/thing"
    assert good["components"][0]["missing"] == []


def test_list_as_requirements(site):
    install(site, "cs-good", GOOD.format(name="thing"), version="2.1")
    install(site, "cs-bad", "1 / 0")
    lines = cs_plugins(site, "list", "--requirements").splitlines()
    assert "cs-good==2.1" in lines
    assert not [line for line in lines if line.startswith("cs-bad")]
    assert "exclude each other" in cs_plugins(site, "list", "--requirements", "--json", code=2)


SETTINGS = """
from typing import Literal
from cs_framework import PathOrName
from cs_framework.api.settings import setting as declared

@frozen
class Tiling:
    rows: int = declared(3, ge=1, le=9, help="rows")

@frozen
class Settings:
    order: int = declared(ge=1, help="the order")
    mode: Literal["a", "b"] = declared("a", help="which")
    weights: PathOrName | None = declared(None, help="weights")
    scales: tuple[float, ...] = declared((1.0, 2.0), gt=0, help="widths in px")
    tiling: Tiling = declared(Tiling(), help="a layout")
"""


def test_show_tells_all_of_a_component(site):
    install(site, "cs-good", GOOD.format(name="thing") + SETTINGS, version="2.1")
    text = cs_plugins(site, "show", "thing")
    assert cs_plugins(site, "show", "cs-good/thing").startswith("cs-good/thing (scorer)")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "cs-good/thing (scorer)"
    assert "supplied by cs-good 2.1, entry point 'main'" in lines
    assert f"file {site / 'cs_good.py'}" in lines
    assert "order int required >= 1 the order" in lines
    assert "mode 'a' or 'b' \"a\" which" in lines
    assert "weights path or name weights" in lines
    assert "scales list of float [1.0, 2.0] > 0 widths in px" in lines
    assert "tiling.rows int 3 >= 1, <= 9 rows" in lines
    fragment = text[text.index("[scorer]") :]
    assert 'use = "thing"' in fragment
    assert "# order = ...  required" in fragment


def test_the_shown_fragment_is_a_recipe(site, tmp_path):
    import tomllib

    install(site, "cs-good", GOOD.format(name="thing"))
    text = cs_plugins(site, "show", "thing")
    assert tomllib.loads(text[text.index("[scorer]") :]) == {
        "scorer": {"use": "thing", "settings": {"power": 2}}
    }


def test_show_of_something_unknown_explains(site):
    install(site, "cs-good", GOOD.format(name="thing"))
    assert cs_plugins(site, "show", "thang", code=2) == (
        "error: there is no component 'thang'; did you mean 'thing'?\n"
    )
    blocked = cs_plugins(site, "show", "good", code=2, CS_FRAMEWORK_BLOCK="cs-good")
    assert "blocked by 'cs-good' of CS_FRAMEWORK_BLOCK" in blocked

"""What a recipe without mistakes becomes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import frozen

from cs_framework import AnomalyFilterSpec, ProposerSpec, ScorerSpec, hookimpl, setting
from cs_framework.recipe import components_to_dict, load_recipe
from cs_framework.registry import Registry
from tests.framework.recipe.toys import MINIMAL, REGISTRY, Required, Rich, Tiling
from tests.framework.registry.distributions import GOOD, install

FULL = """\
name = "full"
steps = ["train", "detect"]
seed = 7
[data]
root = "frames"
group_pattern = '(?P<group>.+)_\\d+'
[anomaly_filter]
use = "brightness"
settings = { rows = 2 }
[[proposer]]
use = "grid"
[[proposer]]
use = "blobs"
settings.order = 2
[embedder]
use = "cs-stranger/rich"
[scorer]
use = "mean"
[pipeline]
gate = { sensitivity = 1 }
"""


def test_components_come_with_their_settings(load):
    loaded = load(FULL)
    assert loaded.anomaly_filter.settings == Tiling(rows=2)
    assert [choice.settings for choice in loaded.proposers] == [Tiling(), Required(order=2)]
    assert loaded.embedder.component.qualified_name == "cs-stranger/rich"
    assert loaded.scorer.component.kind == "scorer"
    assert loaded.recipe.pipeline.gate.sensitivity == 1.0
    assert loaded.warnings == ()


def test_a_recipe_without_a_filter_or_name_is_fine(load):
    loaded = load()
    assert loaded.anomaly_filter is None
    assert loaded.recipe.name == "recipe"


def test_every_sort_of_setting_is_read(load, tmp_path):
    loaded = load(
        MINIMAL
        + """\
[embedder.settings]
pooling = "mean"
scales = [1, 2.5]
size = [3, 4]
low = 0
normalise = true
table = "sub/table.csv"
limit = 5
names = { a = 1 }
tiling = { rows = 9 }
note = "short"
"""
    )
    assert loaded.embedder.settings == Rich(
        pooling="mean",
        scales=(1.0, 2.5),
        size=(3, 4),
        low=0.0,
        normalise=True,
        table=tmp_path / "sub" / "table.csv",
        limit=5,
        names={"a": 1},
        tiling=Tiling(rows=9),
        note="short",
    )
    assert type(loaded.embedder.settings.low) is float


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("hub/name", "hub/name"),
        ("there", "{base}/there"),
        ("./absent", "{base}/absent"),
        ("../absent", "{parent}/absent"),
        ("/absent/x", "/absent/x"),
        ("~/absent", "{home}/absent"),
    ],
)
def test_a_path_or_name_is_a_path_where_it_looks_like_one_or_exists(
    load, tmp_path, monkeypatch, written, read
):
    monkeypatch.setenv("HOME", "/home/somebody")
    (tmp_path / "there").touch()
    settings = load(MINIMAL + f'[embedder.settings]\nweights = "{written}"\n').embedder.settings
    assert settings.weights == read.format(base=tmp_path, parent=tmp_path.parent, home="/home/somebody")


def test_paths_start_from_the_recipe_and_options_from_the_working_directory(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    text = MINIMAL + "[detect]\ninput = '~/films'\n[embedder.settings]\ntable = 'a.csv'\n"
    loaded = load(text, "data.root=frames", "embedder.settings.weights=./w")
    assert loaded.recipe.data.root == tmp_path / "elsewhere" / "frames"
    assert loaded.recipe.detect.input == Path("/home/somebody/films")
    assert loaded.embedder.settings.table == tmp_path / "a.csv"
    assert loaded.embedder.settings.weights == str(tmp_path / "elsewhere" / "w")
    assert load(text).recipe.data.root == tmp_path / "frames"


@pytest.mark.parametrize(
    "text", [MINIMAL, FULL, MINIMAL + "[embedder.settings]\nlimit = 3\nweights = './w'\n"]
)
def test_a_resolved_recipe_loads_to_an_equal_one_from_anywhere(load, tmp_path, text):
    loaded = load(text, "pipeline.top=3")
    resolved = tmp_path / "runs" / "here" / "resolved.toml"
    resolved.parent.mkdir(parents=True)
    resolved.write_text(loaded.to_toml())
    again = load_recipe(resolved, registry=REGISTRY)
    assert again.recipe == loaded.recipe
    assert again.proposers == loaded.proposers
    assert again.to_toml() == loaded.to_toml()
    assert again.warnings == ()


def test_a_resolved_recipe_names_everything(load, tmp_path):
    text = load(FULL).to_toml()
    assert 'use = "cytoplasmic-strings/brightness"\nversion = "0"' in text
    assert f'root = "{tmp_path}/frames"' in text
    assert "max_proposals = 3000" in text
    assert "columns = 3" in text


def test_another_version_than_the_recorded_one_is_a_warning(load, tmp_path):
    loaded = load(MINIMAL.replace('"mean"', '"mean"\nversion = "0.9"'))
    assert [warning.replace(f"{tmp_path}/", "") for warning in loaded.warnings] == [
        "recipe.toml:9:1: scorer: recorded with cytoplasmic-strings 0.9, but 0 is installed"
    ]


def test_blocks_given_beside_the_recipe_are_resolved_into_it(load):
    loaded = load(MINIMAL + "[block]\nplugins = ['a', 'b']\n", block=("b", "c"))
    assert loaded.recipe.block.plugins == ("a", "b", "c")


def test_nothing_is_imported_where_a_requirement_is_not_met(site, problems):
    install(site, "cs-old", "raise AssertionError('imported')", version="1.0")
    assert problems('requires = ["cs-old>=2"]\n' + MINIMAL, registry=None) == [
        'recipe.toml:1:13: requires.0: cs-old>=2 is asked for, 1.0 is installed: pip install "cs-old>=2"'
    ]
    assert "cs_old" not in sys.modules


def test_requirements_that_are_met_or_do_not_apply(load):
    requires = """requires = ["attrs>=20", "Click", "cs-nowhere; python_version < '3'"]\n"""
    assert load(requires + MINIMAL).recipe.requires[1] == "Click"


@pytest.mark.parametrize(("more", "block"), [("[block]\nplugins = ['cs-mine']\n", ()), ("", ("cs-mine",))])
def test_the_recipe_and_the_caller_block_plugins(site, problems, more, block):
    install(site, "cs-mine", GOOD.format(name="mine"))
    text = "steps = []\n[scorer]\nuse = 'mine'\n" + more
    assert problems(text, registry=None, block=block) == [
        "recipe.toml:3:1: scorer.use: 'mine' is not available: cs-mine 1.0 (entry point 'main') is installed "
        "but blocked by 'cs-mine' of the recipe or --block"
    ]


def test_a_one_file_plugin_is_named_by_its_path(load, tmp_path):
    (tmp_path / "mine.py").write_text(GOOD.format(name="mine"))
    text = 'plugins = ["./mine.py"]\n' + MINIMAL.replace('"mean"', '"mine"')
    text = text.replace('[[proposer]]\nuse = "grid"\n', "").replace('[embedder]\nuse = "rich"\n', "")
    loaded = load("steps = []\n" + text, registry=None)
    assert loaded.scorer.settings.power == 2
    assert loaded.recipe.plugins == (tmp_path / "mine.py",)
    (tmp_path / "resolved.toml").write_text(loaded.to_toml())
    assert load_recipe(tmp_path / "resolved.toml").recipe == loaded.recipe


def test_a_broken_one_file_plugin_is_a_problem_of_the_recipe(problems, tmp_path):
    (tmp_path / "mine.py").write_text("1 / 0")
    found = problems("steps = []\nplugins = ['mine.py', 'nowhere.py']\n", registry=None)
    assert found == [
        "recipe.toml:2:12: plugins.0: import: ZeroDivisionError: division by zero",
        "recipe.toml:2:23: plugins.1: import: nowhere.py: No such file or directory",
    ]


class TestBundle:
    @pytest.fixture
    def bundle(self, load, tmp_path):
        folder = tmp_path / "run" / "model"
        folder.mkdir(parents=True)
        trained = load(FULL)
        (folder / "bundle.json").write_text(json.dumps({"components": components_to_dict(trained)}))
        return folder

    TEXT = "steps = ['detect']\n[model]\nbundle = 'run/model'\n"

    def test_its_components_are_used(self, load, bundle):
        trained, loaded = load(FULL), load(self.TEXT)
        assert loaded.anomaly_filter == trained.anomaly_filter
        assert loaded.proposers == trained.proposers
        assert (loaded.embedder, loaded.scorer) == (trained.embedder, trained.scorer)
        assert components_to_dict(loaded) == components_to_dict(trained)

    def test_it_says_which_boxes_are_scored_unless_the_recipe_does(self, load, problems, bundle):
        trained = load(FULL, "pipeline.search=embryo", "pipeline.max_proposal_size=0.3")
        content = {"components": components_to_dict(trained)}
        (bundle / "bundle.json").write_text(json.dumps(content))
        plain = load(self.TEXT).recipe.pipeline
        assert (plain.search, plain.max_proposal_size, plain.top) == ("embryo", 0.3, 1)
        own = load(self.TEXT + "[pipeline]\nsearch = 'frame'\n", "pipeline.max_proposals=7").recipe.pipeline
        assert (own.search, own.max_proposal_size, own.max_proposals) == ("frame", 0.3, 7)
        content["components"]["pipeline"] = {"search": "moon"}
        (bundle / "bundle.json").write_text(json.dumps(content))
        assert "moon" in problems(self.TEXT)[0]

    def test_the_run_that_holds_it_may_be_named(self, load, bundle):
        assert load(self.TEXT, "model.bundle=../run").recipe.model.bundle == bundle

    def test_its_recipe_resolves_without_components(self, load, bundle, tmp_path):
        loaded = load(self.TEXT)
        resolved = tmp_path / "elsewhere" / "resolved.toml"
        resolved.write_text(loaded.to_toml())
        again = load_recipe(resolved, registry=REGISTRY)
        assert again.recipe == loaded.recipe
        assert again.recipe.embedder is None
        assert again.scorer == loaded.scorer

    def test_naming_a_component_beside_it_is_a_mistake(self, problems, bundle):
        assert problems(self.TEXT + '[embedder]\nuse = "plain"\n') == [
            "recipe.toml:4:2: embedder: components come from the bundle (model.bundle): name none here"
        ]

    def test_options_cannot_change_its_components(self, problems, bundle):
        option = "scorer.settings.rows=2"
        assert problems(self.TEXT, option) == [
            f"--set {option}: scorer: components come from the bundle (model.bundle): name none here"
        ]

    def test_what_it_holds_is_checked(self, problems, bundle):
        described = json.loads((bundle / "bundle.json").read_text())
        described["components"]["scorer"]["settings"]["rows"] = 0
        described["components"]["embedder"]["use"] = "cytoplasmic-strings/gone"
        (bundle / "bundle.json").write_text(json.dumps(described))
        assert sorted(problems(self.TEXT))[-1] == (
            "run/model/bundle.json: scorer.settings.rows: must be >= 1: 0"
        )
        assert len(problems(self.TEXT)) == 2

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"components": 1}', "{}", '{"components": []}'])
    def test_a_garbled_one_is_named(self, problems, bundle, content):
        (bundle / "bundle.json").write_text(content)
        (problem,) = problems(self.TEXT)
        assert re.fullmatch(
            r"recipe.toml:3:1: model.bundle: run/model/bundle.json: (not a readable bundle|not JSON: .*); "
            "train again",
            problem,
        )

    def test_a_missing_one_is_named(self, problems):
        assert problems(self.TEXT) == [
            "recipe.toml:3:1: model.bundle: run/model/bundle.json: no such file; a bundle is the model/ "
            "folder of a finished run"
        ]


def test_the_former_name_of_the_project_is_read_with_one_note(load, tmp_path):
    text = 'requires = ["cs-framework>=0.1"]\n' + MINIMAL.replace('"mean"', '"cs-framework/mean"')
    loaded = load(text)
    assert loaded.scorer == load().scorer
    assert [warning.replace(f"{tmp_path}/", "") for warning in loaded.warnings] == [
        "recipe.toml:1:13: cs-framework is now called cytoplasmic-strings, and is read as that"
    ]


TILING = f"{Tiling.__module__}:Tiling"


@hookimpl
def cs_anomaly_filters():
    yield AnomalyFilterSpec("followed", TILING, TILING, "is followed")


@hookimpl
def cs_proposers():
    yield ProposerSpec("follower", TILING, TILING, "follows", works_with="followed")


PAIR = SimpleNamespace(cs_anomaly_filters=cs_anomaly_filters, cs_proposers=cs_proposers)
WITH_PAIR = Registry((*REGISTRY.plugins, *Registry.from_plugins({"cs-pair": PAIR}).plugins))
PAIRS = """
name = "pairs"
[data]
root = "frames"
{filter}
[[proposer]]
use = "follower"
[embedder]
use = "plain"
[scorer]
use = "mean"
"""


@pytest.mark.parametrize(
    ("filter", "told"), [("", "names none"), ('[anomaly_filter]\nuse = "brightness"', "has 'brightness'")]
)
def test_a_component_without_the_filter_it_works_with_is_refused_with_its_line(problems, filter, told):
    text = PAIRS.format(filter=filter)
    line = text[: text.index('"follower"')].count("\n") + 1
    assert problems(text, registry=WITH_PAIR) == [
        f"recipe.toml:{line}:1: proposer.0.use: 'follower' works with the anomaly filter 'followed', but the "
        f'recipe {told}: set use = "followed" under [anomaly_filter], or take another proposer'
    ]


def test_a_component_with_the_filter_it_works_with_is_fine(load):
    assert load(PAIRS.format(filter='[anomaly_filter]\nuse = "followed"'), registry=WITH_PAIR).proposers


@frozen
class Renamed:
    columns: int = setting(ge=1, formerly="cols", help="columns")
    rows: int = setting(3, ge=1, formerly="lines", help="rows")


@hookimpl
def cs_scorers():
    yield ScorerSpec("renamed", TILING, f"{__name__}:Renamed", "has settings of other names")


WITH_RENAMED = Registry(
    (*REGISTRY.plugins, *Registry.from_plugins({"cs-new": SimpleNamespace(cs_scorers=cs_scorers)}).plugins)
)
OLD_KEYS = MINIMAL.replace('use = "mean"', 'use = "renamed"\nsettings = { lines = 5, cols = 2 }')


def test_a_setting_under_its_former_key_is_read_with_a_warning(load, tmp_path):
    loaded = load(OLD_KEYS, registry=WITH_RENAMED)
    assert loaded.scorer.settings == Renamed(rows=5, columns=2)
    where = "recipe.toml:9:"
    assert [warning.replace(f"{tmp_path}/", "") for warning in loaded.warnings] == [
        f"{where}25: scorer.settings.cols: is now called 'columns'",
        f"{where}14: scorer.settings.lines: is now called 'rows'",
    ]
    assert "lines" not in loaded.to_toml()


def test_a_setting_under_both_keys_or_with_a_wrong_value_is_refused_where_it_is_written(problems):
    text = OLD_KEYS.replace("lines = 5", "lines = 0, rows = 2")
    (both,) = problems(text, registry=WITH_RENAMED)
    assert "scorer.settings.lines: is now called 'rows', which is given, too: remove this one" in both
    (wrong,) = problems(OLD_KEYS.replace("lines = 5", 'lines = "5"'), registry=WITH_RENAMED)
    assert "recipe.toml:9:14: scorer.settings.lines: must be a whole number" in wrong

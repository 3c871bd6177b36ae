"""``--set KEY=VALUE``."""

from __future__ import annotations

import pytest

from tests.framework.recipe.toys import MINIMAL, Required, Rich, Tiling

TWO = MINIMAL + '[[proposer]]\nuse = "blobs"\nsettings.order = 4\n'


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("seed=5", lambda r: r.seed == 5),
        (" seed = 5 ", lambda r: r.seed == 5),
        ("name=a=b", lambda r: r.name == "a=b"),
        ("name=7", lambda r: r.name == "7"),
        ('name="x"', lambda r: r.name == '"x"'),
        ("steps=['train']", lambda r: r.steps == ("train",)),
        ("pipeline.device=cpu", lambda r: r.pipeline.device == "cpu"),
        ("pipeline.gate.sensitivity=1", lambda r: r.pipeline.gate.sensitivity == 1.0),
        ("pipeline.gate={threshold = 2}", lambda r: r.pipeline.gate.threshold == 2.0),
        ("pipeline={top = 2, gate.threshold = 3}", lambda r: r.pipeline.gate.threshold == 3.0),
        ("outputs.crops=true", lambda r: r.outputs.crops is True),
        ("data.group_pattern=(?P<group>.)=", lambda r: r.data.group_pattern == "(?P<group>.)="),
        ("data={source = 'synthetic'}", lambda r: r.data.root is None),
    ],
)
def test_a_value_is_read_by_the_type_of_its_key(load, option, value):
    assert value(load(MINIMAL, option).recipe)


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        ("embedder.settings.pooling=mean", Rich(pooling="mean")),
        ("embedder.settings.limit=3", Rich(limit=3)),
        ("embedder.settings.limit=none", Rich(limit="none")),
        ("embedder.settings.tiling.rows=2", Rich(tiling=Tiling(rows=2))),
        ("embedder.settings.names.x=2", Rich(names={"x": 2})),
        ("embedder.settings={ pooling = 'mean', low = 0 }", Rich(pooling="mean", low=0.0)),
        ("embedder={ use = 'rich', settings = { low = 0 } }", Rich(low=0.0)),
    ],
)
def test_settings_of_components_too(load, option, settings):
    assert load(MINIMAL, option).embedder.settings == settings


def test_later_options_win_and_reach_into_earlier_ones(load):
    loaded = load(MINIMAL, "seed=1", "seed=2", "pipeline={top = 2}", "pipeline.top=3", "pipeline.workers=4")
    assert (loaded.recipe.seed, loaded.recipe.pipeline.top, loaded.recipe.pipeline.workers) == (2, 3, 4)


def test_proposers_are_numbered(load):
    loaded = load(TWO, "proposer.0.settings.rows=1", "proposer.1.settings.order=5")
    assert [choice.settings for choice in loaded.proposers] == [Tiling(rows=1), Required(order=5)]


def test_the_only_proposer_needs_no_number(load):
    loaded = load(MINIMAL, "proposer.use=blobs", "proposer.settings.order=2")
    assert [choice.settings for choice in loaded.proposers] == [Required(order=2)]


def test_a_proposer_can_be_added(load):
    loaded = load(MINIMAL, "proposer.1.use=blobs", "proposer.1.settings.order=2")
    assert [choice.component.name for choice in loaded.proposers] == ["grid", "blobs"]


def test_components_may_all_come_from_options(load):
    options = ("proposer.use=grid", "embedder.use=plain", "scorer.use=mean", "data.source=synthetic")
    assert load("", *options).embedder.settings == Tiling()


def test_another_component_drops_the_settings_written_for_the_old_one(load):
    text = MINIMAL.replace('"rich"', '"rich"\nversion = "0.9"\nsettings = { pooling = "mean" }')
    loaded = load(text, "embedder.settings.rows=2", "embedder.use=plain")
    assert loaded.embedder.settings == Tiling(rows=2)
    assert loaded.warnings == ()


@pytest.mark.parametrize("name", ["rich", "cytoplasmic-strings/rich"])
def test_the_same_component_keeps_them(load, name):
    text = MINIMAL.replace('"rich"', '"rich"\nsettings = { pooling = "mean" }')
    assert load(text, f"embedder.use={name}").embedder.settings == Rich(pooling="mean")


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("seed", "write KEY=VALUE, such as --set seed=7"),
        ("=3", "write KEY=VALUE, such as --set seed=7"),
        ("a..b=3", "write KEY=VALUE, such as --set seed=7"),
        ("sead=3", "sead: unknown key; did you mean 'seed'?"),
        ("seed.x=3", "seed: must be a whole number, not a table"),
        ("seed=x", "seed: must be a whole number, not the text 'x'"),
        ("seed=", "seed: must be a whole number, not empty text"),
        ("seed=1\nname=2", "seed: must be a whole number, not the text '1\\nname=2'"),
        ("training.negative_iou.x=1", "training.negative_iou: is not a table"),
        ("data.root=", "data.root: must be a path in quotes, not empty text"),
        ("outputs.crops=yes", "outputs.crops: must be true or false, not the text 'yes'"),
        ("embedder.settings.poolng=cls", "embedder.settings.poolng: unknown key; did you mean 'pooling'?"),
        ("embedder.settings.low=2", "embedder.settings.low: must be below 'high'"),
        ("embedder.use=plane", "embedder.use: there is no embedder 'plane'; did you mean 'plain'?"),
        (
            "proposer.use=grid",
            "proposer: there are 2; name one by its number, counted from 0, such as proposer.0",
        ),
        (
            "proposer.3.use=grid",
            "proposer: there are 2; name one by its number, counted from 0, such as proposer.0",
        ),
        ("steps.x=train", "steps: must be a list, not a table"),
        (
            "proposer=[]",
            "proposer: missing; every step needs one: add [[proposer]] with use = "
            '"NAME", or set model.bundle',
        ),
        ("requires=['cs-nowhere']", 'requires.0: cs-nowhere is not installed: pip install "cs-nowhere"'),
        (
            "training.negative_iou=1",
            "training.negative_iou: must not be above training.positive_iou: 1.0 > 0.2",
        ),
    ],
)
def test_a_wrong_option_is_named_as_the_source(problems, option, problem):
    label = option.replace("\n", "\\n")
    assert problems(TWO + "[training]\nnegative_iou = 0.1\n", option) == [f"--set {label}: {problem}"]


def test_problems_of_options_follow_those_of_the_file_in_the_order_given(problems):
    found = problems("seed = -1\n" + MINIMAL, "name.x=1", "pipeline.top=0")
    assert found == [
        "recipe.toml:1:1: seed: must be >= 0: -1",
        "--set name.x=1: name: must be text in quotes, not a table",
        "--set pipeline.top=0: pipeline.top: must be >= 1: 0",
    ]

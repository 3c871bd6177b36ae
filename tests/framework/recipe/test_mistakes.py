"""Planted mistakes, and the exact text that each gets."""

from __future__ import annotations

import pytest

from tests.framework.recipe.toys import MINIMAL

MISTAKES = {
    "unknown key": (
        "naem = 'x'\n" + MINIMAL,
        "recipe.toml:1:1: naem: unknown key; did you mean 'name'?",
    ),
    "unknown table": (
        MINIMAL + "[pipelin]\ntop = 2\n",
        "recipe.toml:9:2: pipelin: unknown key; did you mean 'pipeline'?",
    ),
    "unknown setting": (
        MINIMAL.replace('"rich"', '"rich"\nsettings = { poolng = "cls" }'),
        "recipe.toml:7:14: embedder.settings.poolng: unknown key; did you mean 'pooling'?",
    ),
    "text for a bool": (
        MINIMAL + "[outputs]\ncrops = 'false'\n",
        "recipe.toml:10:1: outputs.crops: must be true or false, not the text 'false'",
    ),
    "float for an int": (
        "seed = 3.9\n" + MINIMAL,
        "recipe.toml:1:1: seed: must be a whole number, not 3.9",
    ),
    "bool for an int": (
        "seed = true\n" + MINIMAL,
        "recipe.toml:1:1: seed: must be a whole number, not true",
    ),
    "int for a text": (
        "name = 7\n" + MINIMAL,
        "recipe.toml:1:1: name: must be text in quotes, not 7",
    ),
    "text for a list": (
        "steps = 'train'\n" + MINIMAL,
        "recipe.toml:1:1: steps: must be a list, not the text 'train'",
    ),
    "wrong item": (
        "steps = ['train', 'evaluat']\n" + MINIMAL,
        "recipe.toml:1:19: steps.1: must be one of 'train', 'evaluate', 'adapt', 'detect', 'proposals', "
        "not the text 'evaluat'; did you mean 'evaluate'?",
    ),
    "wrong choice": (
        MINIMAL + "[pipeline]\ndevice = 'gpu'\n",
        "recipe.toml:10:1: pipeline.device: must be one of 'auto', 'cpu', 'cuda', 'mps', not the text 'gpu'",
    ),
    "out of bounds": (
        MINIMAL + "[pipeline.gate]\nsensitivity = 1.5\n",
        "recipe.toml:10:1: pipeline.gate.sensitivity: must be <= 1: 1.5",
    ),
    "table for an array of tables": (
        MINIMAL.replace("[[proposer]]", "[proposer]"),
        "recipe.toml:3:2: proposer: must be a list, not a table; write [[proposer]]",
    ),
    "component without a name": (
        MINIMAL.replace('use = "mean"', ""),
        'recipe.toml:7:2: scorer.use: missing; name of the component, or "distribution/name"',
    ),
    "missing component": (
        MINIMAL.replace('[scorer]\nuse = "mean"\n', ""),
        "recipe.toml:1:1: scorer: missing; every step needs one: add [scorer] with use = "
        '"NAME", or set model.bundle',
    ),
    "nothing to detect with": (
        "steps = ['detect']\n[model]\n",
        "recipe.toml:2:2: model.bundle: missing; without training, give --set model.bundle=DIR, "
        "DIR a trained run, or --set model.bundle=pretrained",
    ),
    "unknown component": (
        MINIMAL.replace('"grid"', '"gird"'),
        "recipe.toml:4:1: proposer.0.use: there is no proposer 'gird'; did you mean 'grid'?",
    ),
    "component of another kind": (
        MINIMAL.replace('"mean"', '"grid"'),
        "recipe.toml:8:1: scorer.use: 'grid' is a proposer, not a scorer",
    ),
    "missing setting": (
        MINIMAL.replace('"grid"', '"blobs"'),
        "recipe.toml:3:3: proposer.0.settings.order: missing; the order of the filter",
    ),
    "setting of a nested table": (
        MINIMAL + "[embedder.settings.tiling]\nrows = 10\n",
        "recipe.toml:10:1: embedder.settings.tiling.rows: must be <= 9: 10",
    ),
    "several fields": (
        MINIMAL + "[embedder.settings]\nlow = 0.95\n",
        "recipe.toml:10:1: embedder.settings.low: must be below 'high'",
    ),
    "setting chosen from a list": (
        MINIMAL + "[embedder.settings]\nnote = 'log'\n",
        "recipe.toml:10:1: embedder.settings.note: must be one of '', 'short', 'long', not the text 'log'; "
        "did you mean 'long'?",
    ),
    "item out of bounds": (
        MINIMAL + "[embedder.settings]\nscales = [1, -2]\n",
        "recipe.toml:10:1: embedder.settings.scales: must be > 0: -2.0",
    ),
    "wrong number of items": (
        MINIMAL + "[embedder.settings]\nsize = [1, 2, 3]\n",
        "recipe.toml:10:1: embedder.settings.size: must have 2 items, not 3",
    ),
    "none of several types": (
        MINIMAL + "[embedder.settings]\nlimit = 1.5\n",
        "recipe.toml:10:1: embedder.settings.limit: must be int or 'none', not 1.5",
    ),
    "value of a mapping": (
        MINIMAL + '[embedder.settings.names]\n"odd name" = "x"\n',
        "recipe.toml:10:1: embedder.settings.names.\"odd name\": must be a whole number, not the text 'x'",
    ),
    "number for a path": (
        MINIMAL.replace('"frames"', "3"),
        "recipe.toml:2:1: data.root: must be a path in quotes, not 3",
    ),
    "no data": (
        MINIMAL.replace('root = "frames"', ""),
        "recipe.toml:1:2: data.root: missing; train and evaluate want labelled frames: --set data.root=DIR",
    ),
    "no group in the pattern": (
        MINIMAL.replace("[data]", "[data]\ngroup_pattern = '(.+)_'"),
        "recipe.toml:2:1: data.group_pattern: has no group 'group': write (?P<group>...) around the embryo",
    ),
    "no pattern": (
        MINIMAL.replace("[data]", "[data]\ngroup_pattern = '('"),
        "recipe.toml:2:1: data.group_pattern: not a regular expression: missing ), unterminated subpattern "
        "at position 0",
    ),
    "labels that overlap": (
        MINIMAL + "[training]\nnegative_iou = 0.5\n",
        "recipe.toml:10:1: training.negative_iou: must not be above training.positive_iou: 0.5 > 0.2",
    ),
    "not installed": (
        'requires = ["cs-nowhere>=2"]\n' + MINIMAL,
        'recipe.toml:1:13: requires.0: cs-nowhere>=2 is not installed: pip install "cs-nowhere>=2"',
    ),
    "not a requirement": (
        'requires = ["cs nowhere"]\n' + MINIMAL,
        "recipe.toml:1:13: requires.0: 'cs nowhere' is not a requirement; write one such as \"cs-yolo>=1.2\"",
    ),
    "syntax": (
        "seed = \n" + MINIMAL,
        "recipe.toml:1:8: Invalid value",
    ),
    "unfinished": (
        MINIMAL + 'name = "x',
        "recipe.toml:9:10: Unterminated string",
    ),
    "same key twice": (
        MINIMAL + 'use = "mean"\n',
        "recipe.toml:9:13: Cannot overwrite a value",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_cure(problems, mistake):
    text, expected = MISTAKES[mistake]
    assert problems(text) == [expected]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(problems):
    assert problems(
        """\
seed = -1
[training]
positive_iou = 2
normal_regions = -1
[embedder]
settings = { pooling = "max", scales = [], low = "x" }
use = "rich"
[[proposer]]
use = "gird"
"""
    ) == [
        "recipe.toml:1:1: seed: must be >= 0: -1",
        "recipe.toml:1:1: data.root: missing; train and evaluate want labelled frames: --set data.root=DIR",
        "recipe.toml:1:1: scorer: missing; every step needs one: add [scorer] with use = "
        '"NAME", or set model.bundle',
        "recipe.toml:3:1: training.positive_iou: must be <= 1: 2.0",
        "recipe.toml:4:1: training.normal_regions: must be >= 0: -1",
        "recipe.toml:6:14: embedder.settings.pooling: must be one of 'cls', 'mean', not the text 'max'",
        "recipe.toml:6:44: embedder.settings.low: must be a number, not the text 'x'",
        "recipe.toml:9:1: proposer.0.use: there is no proposer 'gird'; did you mean 'grid'?",
    ]


def test_a_file_that_cannot_be_read(problems, load, tmp_path):
    from cs_framework import RecipeError
    from cs_framework.recipe import load_recipe

    def text_of(path):
        with pytest.raises(RecipeError) as raised:
            load_recipe(path)
        return str(raised.value).removeprefix(f"{tmp_path}/")

    assert text_of(tmp_path / "nowhere.toml") == "nowhere.toml: no such file"
    assert text_of(tmp_path) == f"{tmp_path}: cannot be read as a recipe: Is a directory"
    (tmp_path / "latin.toml").write_bytes(b'seed = 1\nname = "caf\xe9"\n')
    assert text_of(tmp_path / "latin.toml") == "latin.toml:2:12: not UTF-8; save the file as UTF-8"
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    assert text_of(tmp_path / "deep.toml") == "deep.toml: nested too deeply"
    (tmp_path / "huge.toml").write_text("seed = " + "1" * 5000)
    assert text_of(tmp_path / "huge.toml").startswith("huge.toml:1:")

"""Bundles of strangers: what is read, and what is refused before it is."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest
from attrs import evolve
from safetensors.numpy import save_file

from cs_framework.bundle import Bundle, Gate, read_bundle, write_bundle, write_carried
from cs_framework.errors import RecipeError
from cs_framework.evaluation.carried import CarriedEvaluation, Share, SplitEvaluation
from cs_framework.evaluation.operating_point import OperatingPoint
from cs_framework.pipeline.components import Components
from cs_framework.recipe import document, load_recipe
from cs_framework.recipe.schema import PipelineSettings

GATE = Gate(OperatingPoint(0.1, "youden", 1.0, None, ("few frames",)), (0.1 + 0.2, -1e-9), (1, 0))
BOXES = OperatingPoint(0.25, "false-alarms", 0.75, 0.9)

POINT = {"threshold": 1, "rule": "given"}


@pytest.fixture
def bundle(tmp_path):
    """A written bundle without components."""
    written = Bundle(
        tmp_path / "model", GATE, BOXES, notes=("a note",), provenance={"seed": 1, "frames": {"val": 2}}
    )
    write_bundle(written, Components(None, (), None, None), {}, {"numpy": "2.0"})
    return written


@pytest.mark.parametrize(("gate", "boxes"), [(GATE, BOXES), (None, None)], ids=["points", "none"])
def test_what_is_written_is_read(gate, boxes, tmp_path):
    written = Bundle(
        tmp_path / "model", gate, boxes, notes=("a note",), provenance={"seed": 1, "frames": {"val": 2}}
    )
    write_bundle(written, Components(None, (), None, None), {"scorer": {"use": "x"}}, {"numpy": "2.0"})
    assert read_bundle(tmp_path / "model") == written


def test_a_recipe_overrides_the_least_confidence_of_the_bundle(bundle):
    assert bundle.least_confidence(PipelineSettings()) == 0.25
    assert bundle.least_confidence(PipelineSettings(min_confidence=0.0)) == 0
    assert evolve(bundle, boxes=None).least_confidence(PipelineSettings()) == 0, "as bundles of 0.1.0"


class Learnt:
    """Writes what it learnt as safetensors does, for its owner's eyes alone."""

    def save(self, folder):
        save_file({"x": np.zeros(3)}, folder / "weights.safetensors")
        (folder / "weights.safetensors").chmod(0o600)


def test_whoever_may_read_new_files_may_use_the_weights(tmp_path):
    written = Bundle(tmp_path / "model", GATE)
    write_bundle(written, Components(Learnt(), (), None, None), {}, {})
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes["weights.safetensors"] == modes["bundle.json"] != 0o600


def test_the_evaluation_is_written_beside_and_read_strictly(bundle):
    figures = SplitEvaluation(4, 2, 2, Share(0.5, 0.1, 0.9, 2, "embryo"), None)
    evaluation = CarriedEvaluation("drawn embryos", 0.25, None, {"test": figures})
    write_carried(bundle.folder, evaluation)
    assert read_bundle(bundle.folder) == evolve(bundle, evaluation=evaluation)
    (bundle.folder / "evaluation.json").write_text('{"data": 1, "least": 0.5}')
    with pytest.raises(RecipeError, match=r"evaluation\.json: data: must be text"):
        read_bundle(bundle.folder)
    (bundle.folder / "evaluation.json").write_text("[")
    with pytest.raises(RecipeError, match=r"evaluation\.json: not (JSON|a readable)"):
        read_bundle(bundle.folder)


def test_a_pickle_is_refused_and_never_loaded(bundle):
    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(bundle.folder / "code-ran"),)

    planted = bundle.folder / "scorer" / "weights.pt"
    planted.parent.mkdir()
    planted.write_bytes(pickle.dumps(Planted()))
    with pytest.raises(RecipeError, match=r"weights\.pt: a bundle holds .* only; remove it"):
        read_bundle(bundle.folder)
    assert not (bundle.folder / "code-ran").exists()


@pytest.mark.parametrize("name", ["run.py", "libcode.so", "notes.json.gz", "weights", ".hidden"])
def test_files_of_other_kinds_are_refused_by_name(name, bundle):
    (bundle.folder / name).write_text("x")
    with pytest.raises(RecipeError, match=name):
        read_bundle(bundle.folder)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_links_are_refused(kind, bundle, tmp_path):
    target = tmp_path / "outside.json"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("{}")
    (bundle.folder / "planted.json").symlink_to(target)
    with pytest.raises(RecipeError, match=r"planted\.json: a link"):
        read_bundle(bundle.folder)


def test_what_is_no_file_is_refused(bundle):
    os.mkfifo(bundle.folder / "weights.safetensors")  # reading it would wait for ever
    with pytest.raises(RecipeError, match=r"weights\.safetensors"):
        read_bundle(bundle.folder)


def test_a_bundle_may_itself_be_reached_by_a_link(bundle, tmp_path):
    (tmp_path / "link").symlink_to(bundle.folder)
    assert read_bundle(tmp_path / "link") == evolve(bundle, folder=tmp_path / "link")


def test_absurdly_large_json_is_refused_unread(bundle):
    with (bundle.folder / "bundle.json").open("r+b") as file:
        file.truncate(document.MAX_JSON + 1)  # sparse
    with pytest.raises(RecipeError, match="larger than 64 MB"):
        read_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"format": "1"}, "format the text '1' is not 1"),
        ({"gate": []}, "gate: must be a table"),
        (
            {"gate": {"point": {"threshold": "high", "rule": "given"}}},
            "gate.point.threshold: must be a number",
        ),
        ({"gate": {"point": {"threshold": 0.5, "rule": "luck"}}}, "gate.point.rule: must be one of"),
        ({"gate": {"point": {"rule": "youden"}}}, "gate.point.threshold: missing"),
        ({"gate": {"point": POINT | {"x": 1}}}, "gate.point.x: unknown key"),
        ({"gate": {"point": POINT | {"threshold": 1e999}}}, "gate.point.threshold: must be a finite number"),
        ({"gate": {"point": POINT, "scores": [1], "labels": []}}, "1 scores, but 0 labels"),
        ({"gate": {"point": POINT, "scores": ["a"]}}, "gate.scores.0: must be a number"),
        ({"gate": {"point": POINT, "scores": {"0": 1}}}, "gate.scores: must be a list"),
        ({"boxes": POINT | {"threshold": "sure"}}, "boxes.threshold: must be a number"),
        ({"notes": "text"}, "notes: must be a list"),
        ({"notes": [1]}, "notes.0: must be text"),
        ({"provenance": [1]}, "provenance: must be a table"),
        ({"versions": {"torch": 2}}, "versions.torch: must be text"),
        ({"components": []}, "components: must be a table"),
        ({"import": "os"}, "import: unknown key"),
    ],
)
def test_values_of_wrong_types_are_told_with_their_key(change, told, bundle):
    file = bundle.folder / "bundle.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(RecipeError) as caught:
        read_bundle(bundle.folder)
    assert f"{file}: " in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '"format"', "{", "[" * 100_000, '{"format": 1}', "\xff"]
)
def test_what_is_no_bundle_is_said_to_be_none(text, bundle):
    (bundle.folder / "bundle.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError, match=r"bundle\.json"):
        read_bundle(bundle.folder)


def test_a_component_that_is_not_installed_is_named(bundle, tmp_path):
    file = bundle.folder / "bundle.json"
    scorer = {"use": "cs-elsewhere/their-scorer", "version": "1.2"}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"components": {"scorer": scorer}}))
    (tmp_path / "r.toml").write_text(f"steps = ['detect']\n[model]\nbundle = '{bundle.folder}'\n")
    with pytest.raises(RecipeError, match=r"bundle\.json: scorer\.use: .*their-scorer"):
        load_recipe(tmp_path / "r.toml")


def test_a_recipe_refuses_a_bundle_before_it_looks_for_plugins(bundle, tmp_path):
    (bundle.folder / "setup.py").write_text("raise SystemExit")
    (tmp_path / "r.toml").write_text(f"steps = ['detect']\n[model]\nbundle = '{bundle.folder}'\n")
    with pytest.raises(RecipeError, match=r"setup\.py: a bundle holds"):
        load_recipe(tmp_path / "r.toml")


def deep(levels):
    tree: dict[str, object] = {}
    for _ in range(levels):
        tree = {"a": tree}
    return tree


@pytest.mark.parametrize("where", ["bundle.json", "scorer/learnt.json"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps(deep(800)), "nested more than 32 deep"),
        ("[" * 100_000, "nested more than 32 deep"),
        ('{"notes": ["\\ud800"]}', "text that is no Unicode"),
        ('{"\\udfff": 1}', "text that is no Unicode"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"\x80\x04N.", "not UTF-8"),
        ("N.", "not JSON"),
        ("1" * 5000, "not JSON: Exceeds the limit"),
    ],
    ids=["deep", "deeper", "surrogate", "key", "utf-16", "pickle", "pickle 0", "digits"],
)
def test_json_that_a_run_would_stumble_over_is_refused_before_any_work(where, content, told, bundle):
    path = bundle.folder / where
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecipeError, match=told) as error:
        read_bundle(bundle.folder)
    assert len(str(error.value)) < 500
    assert str(path) in str(error.value)


def test_a_bundle_of_a_million_wrong_keys_and_values_is_told_in_short(bundle):
    file = bundle.folder / "bundle.json"
    content = json.loads(file.read_bytes())
    content["gate"]["labels"] = ["x" * 50] * 1_000_000
    content |= {f"key{number}": number for number in range(100_000)}
    content["y" * 1_000_000] = 1
    file.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=r"and \d+ more$") as error:
        read_bundle(bundle.folder)
    assert len(str(error.value)) < 30_000


def test_the_message_about_a_format_is_short(bundle):
    file = bundle.folder / "bundle.json"
    file.write_text(json.dumps({"format": "x" * 1_000_000}))
    with pytest.raises(RecipeError, match="is not 1: train again") as error:
        read_bundle(bundle.folder)
    assert len(str(error.value)) < 500

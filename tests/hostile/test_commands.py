"""What a user sees of bad files: a line each, and never a traceback."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest
from click.testing import CliRunner

from cs_framework.cli import data, export, run
from cs_framework.errors import DataError
from tests.hostile.corpus import IMAGES, STACKS, VIDEOS
from tests.hostile.seeds import TASKS, picture
from tests.support.frames import TOY_PLUGIN

COMPONENTS = {
    "anomaly_filter": {"use": "brightness"},
    "proposer": [{"use": "grid"}],
    "embedder": {"use": "box-statistics"},
    "scorer": {"use": "mean"},
}


@pytest.fixture
def toy_bundle(tmp_path):
    """A bundle of toy components."""
    for kind in ("anomaly_filter", "scorer"):
        (tmp_path / "model" / kind).mkdir(parents=True)
        (tmp_path / "model" / kind / "learnt.json").write_text("100.0")
    content = {"format": 1, "versions": {}, "components": COMPONENTS}
    (tmp_path / "model" / "bundle.json").write_text(json.dumps(content))
    return tmp_path / "model"


def invoke(command, *arguments):
    """Exit code and standard error of a command within this process."""
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception  # the user would see a traceback
    return done.exit_code, done.stderr


def test_a_run_over_every_bad_frame_ends_well_and_names_them(toy_bundle, good, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "good.png").write_bytes(picture("PNG"))
    refused = set()
    for number, case in enumerate((*IMAGES, *STACKS, *VIDEOS)):
        content = case.content(good[case.target][0]) if callable(case.content) else case.content
        name = f"{number:03d}.{ {'jpeg': 'jpg', 'tiff': 'tif'}.get(case.target, case.target) }"
        (frames / name).write_bytes(content)
        refused |= {name} if case.told is not None else set()
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'steps = ["detect"]\nplugins = ["{TOY_PLUGIN}"]\n[model]\nbundle = "model"\n')
    out = tmp_path / "out"
    code, _ = invoke(run.main, recipe, "--set", f"detect.input={frames}", "--out", out)
    assert code == 0
    skipped = (out / "skipped.csv").read_text()
    assert "good.png" not in skipped
    assert {name for name in refused if name not in skipped} == set()
    assert str(tmp_path) not in skipped


@pytest.mark.skipif(sys.platform == "win32", reason="has no such names")
def test_a_name_does_nothing_to_the_terminal(toy_bundle, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "good.png").write_bytes(picture("PNG"))
    (frames / "a\x1b[2J\rb.png").write_bytes(b"bad")
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'steps = ["detect"]\nplugins = ["{TOY_PLUGIN}"]\n[model]\nbundle = "model"\n')
    code, said = invoke(run.main, recipe, "--set", f"detect.input={frames}", "--out", tmp_path / "out")
    assert code == 0
    assert r"a\x1b[2J\x0db.png" in said
    for text in (said, (tmp_path / "out" / "run.log").read_bytes().decode()):
        assert not {"\x1b", "\r"} & set(text)
    code, said = invoke(run.main, recipe, "--set", "detect.input=a\x1b[2J", "--out", tmp_path / "other")
    assert (code, r"a\x1b[2J" in said, "\x1b" in said) == (2, True, False)


@pytest.mark.parametrize("name", ["model/evil.pkl", "model/anomaly_filter/evil.py"])
def test_every_command_refuses_a_planted_file(name, toy_bundle, tmp_path):
    (tmp_path / name).write_bytes(b"")
    told = []
    told.append(invoke(export.main, toy_bundle, tmp_path / "out"))
    with contextlib.chdir(tmp_path):
        told.append(invoke(run.main, "detect.toml", "--set", "model.bundle=model", "--set", "detect.input=."))
        told.append(invoke(run.main, "detect.toml", "--check", "--set", "model.bundle=model"))
    for code, said in told:
        assert code == 2
        assert f"{name}: a bundle holds" in said


def test_labels_that_lead_out_of_their_folder_write_nothing(tmp_path):
    spoilt = json.loads(json.dumps(TASKS))
    spoilt[0]["data"]["image"] = "../../etc/passwd"
    (tmp_path / "a.json").write_text(json.dumps(spoilt))
    with pytest.raises(DataError, match="leads out of the folder"):  # which `data.main` prints
        invoke(data.commands, "convert", tmp_path / "a.json", tmp_path / "b.coco.json")
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]

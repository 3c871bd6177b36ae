"""``cs-export``: the bundle that it writes, and when it writes none."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from click.testing import CliRunner

from cs_autoencoder.filter import Autoencoder
from cs_autoencoder.network import seeded_autoencoder
from cs_autoencoder.settings import Settings as AutoencoderSettings
from cs_dual_head.scorer import RefiningScorer
from cs_dual_head.settings import RefiningSettings
from cs_framework.api.components import Env
from cs_framework.cli.export import main
from cs_framework.testing import sample_table
from tests.support.frames import TOY_PLUGIN
from tests.support.long_runs import write_frames

FILTER = {"image_size": 16}
SCORER = {"hidden": [8], "epochs": 1}
COMPONENTS = {
    "anomaly_filter": {"use": "autoencoder", "settings": FILTER},
    "proposer": [{"use": "anchor-grid", "settings": {}}],
    "embedder": {"use": "ridge-texture", "settings": {}},
    "scorer": {"use": "refining-mlp", "settings": SCORER},
}
OF_RIDGE_TEXTURE = 571


def write_bundle(folder, components, **learnt):
    """A bundle of components, with what some of them learnt, and a gate that all frames pass."""
    for kind, component in learnt.items():
        (folder / kind).mkdir(parents=True)
        component.save(folder / kind)
    gate = {"point": {"threshold": -1e9, "rule": "given"}}
    content = {"format": 1, "versions": {}, "components": components, "gate": gate}
    (folder / "bundle.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle of small networks that have learnt next to nothing."""
    anomaly_filter = Autoencoder(AutoencoderSettings(**FILTER), Env())
    anomaly_filter.network = seeded_autoencoder(0)
    table = sample_table()
    rng = np.random.default_rng(0)
    table = evolve(table, embeddings=rng.normal(size=(len(table), OF_RIDGE_TEXTURE)).astype(np.float32))
    scorer = RefiningScorer(RefiningSettings(hidden=(8,), epochs=1), Env())
    scorer.fit(table, None, Env())
    folder = tmp_path_factory.mktemp("trained") / "model"
    return write_bundle(folder, COMPONENTS, anomaly_filter=anomaly_filter, scorer=scorer)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames to score."""
    return write_frames(tmp_path_factory.mktemp("frames") / "frames", 3, side=64)


def cs_export(*arguments):
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def exported(bundle, frames, tmp_path_factory):
    """The exported bundle, and what the command said."""
    out = tmp_path_factory.mktemp("exported") / "model"
    done = cs_export(bundle, out, "--frames", frames, "--set", "pipeline.threads=1")
    assert done.exit_code == 0, done.output
    return out, done.stdout


def test_the_figures_are_printed_and_kept(exported):
    out, said = exported
    kept = json.loads((out / "bundle.json").read_text())["export"]
    assert (kept["tolerance"], kept["frames"]) == (1e-4, 3)
    assert kept["versions"]["onnxruntime"] == onnxruntime.__version__
    assert kept["drift"].keys() == {"anomaly_filter", "scorer"}
    assert kept["drift"]["scorer"].keys() == {"probability", "quality", "confidence", "boxes"}
    for kind, figures in kept["drift"].items():
        for figure, drift in figures.items():
            assert 0 <= drift <= 1e-4
            assert f"{figure} {drift:.1e}" in said
        assert f"{kind}: " in said


def test_detecting_with_it_goes_through_onnx_runtime_and_gives_the_same(
    bundle, exported, frames, cs_run, tmp_path, monkeypatch
):
    sessions = []
    session = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *a, **k: sessions.append(1) or session(*a, **k)
    )
    tables = []
    for name, model in (("torch", bundle), ("onnx", exported[0])):
        chosen = ["--set", f"model.bundle={model}", "--set", f"detect.input={frames}"]
        few = ["--set", "pipeline.workers=1", "--set", "pipeline.threads=1", "--set", "outputs.overlays=0"]
        done = cs_run("detect.toml", *chosen, *few, "--out", tmp_path / name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        tables.append(pq.read_table(tmp_path / name / "detections.parquet").to_pylist())
        assert len(sessions) == (0 if name == "torch" else 2)
    torch_rows, onnx_rows = tables
    assert len(torch_rows) == len(onnx_rows) > 0
    for one, other in zip(torch_rows, onnx_rows, strict=True):
        assert one["frame"] == other["frame"]
        for figure in ("x1", "y1", "x2", "y2", "confidence"):
            assert other[figure] == pytest.approx(one[figure], rel=1e-4, abs=1e-3)


@pytest.fixture(scope="module")
def mixed(bundle, tmp_path_factory):
    """The same bundle, but for a filter that has no network."""
    folder = tmp_path_factory.mktemp("mixed") / "model"
    shutil.copytree(bundle, folder, ignore=shutil.ignore_patterns("autoencoder*"))
    content = json.loads((folder / "bundle.json").read_text())
    content["components"]["anomaly_filter"] = {"use": "brightness"}
    (folder / "bundle.json").write_text(json.dumps(content))
    (folder / "anomaly_filter" / "learnt.json").write_text("100.0")
    return folder


WITH_TOYS = ["--set", f'plugins=["{TOY_PLUGIN}"]']


def test_what_has_no_network_stays_and_is_named(mixed, frames, tmp_path):
    done = cs_export(mixed, tmp_path / "out", "--frames", frames, *WITH_TOYS)
    assert done.exit_code == 0, done.output
    assert "anomaly_filter: stays as it is" in done.stdout
    assert (tmp_path / "out" / "anomaly_filter" / "learnt.json").exists()
    assert (tmp_path / "out" / "scorer" / "network.onnx").exists()


def test_scores_that_drift_write_nothing(mixed, frames, tmp_path):
    done = cs_export(mixed, tmp_path / "out", "--frames", frames, "--tolerance", "1e-30", *WITH_TOYS)
    assert done.exit_code == 1
    assert "nothing is written" in done.stderr
    assert "scorer: confidence differs by" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files")
@pytest.mark.parametrize("size", [100, 30_000], ids=["of the weights", "of the networks"])
def test_what_cannot_be_written_is_told_and_leaves_nothing(size, mixed, frames, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        done = cs_export(mixed, tmp_path / "out", "--frames", frames, *WITH_TOYS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert done.exit_code == 1, done.output
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'out'}: ")
    assert "File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{missing}", "{out}"], "no such file"),
        (["{bundle}", "{bundle}"], "exists; give a new name"),
        (["{bundle}", "{bundle}/sub"], "lies in the bundle itself"),
        (["{exported}", "{out}"], "this bundle is exported"),
        (["{bundle}", "{out}", "--frames", "{missing}"], "no such file or folder"),
        (["{bundle}", "{out}", "--frames", "{bad}"], "bad.png"),
    ],
)
def test_what_cannot_be_exported_says_why(arguments, told, bundle, exported, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    names = {"bundle": bundle, "exported": exported[0], "out": tmp_path / "out"}
    names |= {"missing": tmp_path / "missing", "bad": tmp_path / "bad.png"}
    done = cs_export(*(argument.format_map(names) for argument in arguments))
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert not (tmp_path / "out").exists()

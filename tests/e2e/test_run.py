"""``cs-run`` as a user meets it, with toy components: folders, exit codes, messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from tests.support.frames import STREAK, TOY_PLUGIN, streak_frame, write_recipe, write_root


def test_a_run_leaves_what_it_promises(toy_run):
    wanted = [
        "resolved.toml",
        "model/bundle.json",
        "model/anomaly_filter/learnt.json",
        "metrics.json",
        "plots/test_roc.png",
        "training/scorer.csv",
        "training/scorer.png",
        "training/regions_train.parquet",
        "training/embeddings_train.parquet",
        "proposals/test/proposals.parquet",
        "proposals/test/proposals.coco.json",
        "proposals/test/labels/test0_3.txt",
        "proposals/test/pictures/test0_3.png",
        "frames.csv",
        "frames.parquet",
        "detections.csv",
        "detections.parquet",
        "detections.coco.json",
        "labels/test0_3.txt",
        "overlays/test0_3.png",
        "crops/test0_3_1.png",
        "skipped.csv",
        "sequences.csv",
        "tracks.parquet",
        "evaluation/frames.parquet",
        "report.html",
        "run.log",
    ]
    assert [name for name in wanted if not (toy_run / name).is_file()] == []
    assert not list(toy_run.rglob("*.part*"))


def test_the_streak_is_found_and_judged(toy_run):
    detections = pq.read_table(toy_run / "detections.parquet").to_pylist()
    assert {d["frame"] for d in detections} == {
        f"test/abnormal/test{e}_{f}.png" for e in (0, 1) for f in (3, 4, 5)
    }
    x1, y1, x2, y2 = STREAK
    for d in detections:
        assert d["x1"] < (x1 + x2) / 2 < d["x2"]
        assert d["y1"] < (y1 + y2) / 2 < d["y2"]
    test = json.loads((toy_run / "metrics.json").read_text())["splits"]["test"]
    assert test["stage1"]["auroc"]["value"] == 1
    assert test["stage2"]["top1_hit_rate"]["0.25"]["value"] == 1
    assert test["cascade"]["strings_found"]["value"] == 1


def test_region_and_embedding_rows_belong_together(toy_run):
    regions = pq.read_table(toy_run / "training" / "regions_train.parquet")
    embeddings = pq.read_table(toy_run / "training" / "embeddings_train.parquet")
    assert regions.num_rows == embeddings.num_rows > 0
    assert set(regions["label"].to_pylist()) == {-1, 0, 1}
    assert len(embeddings["embedding"][0]) == 3


def test_result_files_hold_no_absolute_path(toy_run):
    for name in ("metrics.json", "detections.csv", "frames.csv", "detections.coco.json", "model/bundle.json"):
        assert str(toy_run.parents[1]) not in (toy_run / name).read_text(), name


@pytest.mark.parametrize(
    "change",
    [
        ["--set", "pipeline.workers=2", "--no-cache"],
        ["--cache", "cache"],
    ],
    ids=["two workers", "cache"],
)
def test_results_do_not_depend_on(change, tmp_path, toy_run, cs_run):
    for _ in range(2):  # the second time, the cache is warm
        done = cs_run(toy_run / "resolved.toml", "--replace", *change, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        again = tmp_path / "runs" / "toy"
        for name in (
            "detections.parquet",
            "frames.parquet",
            "sequences.parquet",
            "tracks.parquet",
            "metrics.json",
            "proposals/test/proposals.parquet",
        ):
            assert (again / name).read_bytes() == (toy_run / name).read_bytes(), name


def test_workers_share_units_of_more_than_64_frames(tmp_path, toy_run, cs_run):
    frames = tmp_path / "frames"
    frames.mkdir()
    rng = np.random.default_rng(1)
    for i in range(130):
        cv2.imwrite(str(frames / f"f{i}.png"), streak_frame(rng, string=i % 3 == 0))
    (frames / "f100.png").write_bytes(b"no image")
    tables = []
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        done = _detect(cs_run, toy_run, frames, out, tmp_path, "--set", f"pipeline.workers={workers}")
        assert done.returncode == 0, done.stderr
        tables.append((out / "detections.parquet").read_bytes())
    assert tables[0] == tables[1]
    assert pq.read_table(out / "frames.parquet").num_rows == 129
    assert [r["frame"] for r in pq.read_table(out / "frames.parquet").to_pylist()][:3] == [
        "f0.png",
        "f1.png",
        "f2.png",
    ]


def _detect(cs_run, toy_run, frames, out, cwd, *more):
    recipe = cwd / "detect.toml"
    recipe.write_text(
        f'name = "d"\nsteps = ["detect"]\nplugins = ["{TOY_PLUGIN}"]\n[pipeline]\nthreads = 1\n'
    )
    given = ("--set", f"model.bundle={toy_run / 'model'}", "--set", f"detect.input={frames}", "--out", out)
    return cs_run(recipe, *given, *more, cwd=cwd)


def test_hostile_input_is_skipped_and_named(tmp_path, toy_run, cs_run):
    frames = tmp_path / "frames"
    frames.mkdir()
    rng = np.random.default_rng(0)
    good = streak_frame(rng, string=True)
    whole = cv2.imencode(".jpg", good)[1].tobytes()
    (frames / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (frames / "empty.png").touch()
    (frames / "text.png").write_text("no image at all")
    cv2.imwrite(str(frames / "pixel.png"), np.full((1, 1), 90, np.uint8))
    tifffile.imwrite(frames / "deep.tif", good.astype(np.uint16) * 257)
    done = _detect(cs_run, toy_run, frames, tmp_path / "out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 frames skipped" in done.stderr.splitlines()[-1]
    skipped = (tmp_path / "out" / "skipped.csv").read_text()
    for name in ("truncated.jpg", "empty.png", "text.png"):
        assert f'"{name}","read"' in skipped
    rows = {r["frame"]: r for r in pq.read_table(tmp_path / "out" / "frames.parquet").to_pylist()}
    assert set(rows) == {"pixel.png", "deep.tif"}
    assert np.isfinite(rows["pixel.png"]["anomaly_score"])
    assert (rows["pixel.png"]["detections"], rows["deep.tif"]["detections"]) == (0, 1)


def test_a_run_in_which_no_frame_succeeds_fails(tmp_path, toy_run, cs_run):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "a.png").touch()
    done = _detect(cs_run, toy_run, tmp_path / "frames", tmp_path / "out", tmp_path)
    assert done.returncode == 1
    assert "1 frames skipped" in done.stderr


def test_a_component_that_fails_on_one_frame_skips_that_frame(tmp_path, toy_root, cs_run):
    recipe = write_recipe(tmp_path / "toy.toml", toy_root, anomaly_filter='settings = { fails_on = "0_4" }')
    done = cs_run(recipe, "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "skipped test/abnormal/test0_4.png (anomaly_filter): anomaly filter 'brightness'" in done.stderr
    run = tmp_path / "runs/toy"
    assert pq.read_table(run / "frames.parquet").num_rows == 11
    skipped = (run / "skipped.csv").read_text()
    assert '"val/abnormal/val0_4.png","anomaly_filter","anomaly filter' in skipped
    assert "ValueError: planted failure" in skipped
    (run / "detections.parquet").unlink()
    done = cs_run(recipe, "--no-cache", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (run / "skipped.csv").read_text() == skipped


def test_one_image_is_an_input_too(tmp_path, toy_run, toy_root, cs_run):
    image = toy_root / "test" / "abnormal" / "test0_3.png"
    done = _detect(cs_run, toy_run, image, tmp_path / "out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "out" / "detections.parquet")["frame"].to_pylist() == ["test0_3.png"]


def test_the_gate_can_be_overridden_without_training(tmp_path, toy_run, toy_root, cs_run):
    flagged = {}
    for name, gate in {"all": "threshold=-1000", "none": "threshold=1000", "kept": "sensitivity=1.0"}.items():
        out = tmp_path / name
        done = _detect(cs_run, toy_run, toy_root / "test", out, tmp_path, "--set", f"pipeline.gate.{gate}")
        assert done.returncode == 0, done.stderr
        flagged[name] = sum(pq.read_table(out / "frames.parquet")["flagged"].to_pylist())
    assert flagged == {"all": 12, "none": 0, "kept": 6}


def test_results_are_not_overwritten_unasked(tmp_path, toy_run, cs_run):
    copy = tmp_path / "run"
    shutil.copytree(toy_run, copy)
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    done = cs_run(copy / "resolved.toml", "--out", copy, cwd=tmp_path)
    assert done.returncode == 2
    assert "--resume" in done.stderr
    assert "--replace" in done.stderr
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before


def test_resume_takes_only_the_steps_that_are_missing(tmp_path, toy_run, cs_run):
    copy = tmp_path / "run"
    shutil.copytree(toy_run, copy)
    (copy / "detections.parquet").unlink()
    trained = (copy / "model" / "bundle.json").stat().st_mtime_ns
    done = cs_run(copy / "resolved.toml", "--out", copy, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (copy / "model" / "bundle.json").stat().st_mtime_ns == trained
    assert (copy / "detections.parquet").read_bytes() == (toy_run / "detections.parquet").read_bytes()
    for name in ("report.html", "skipped.csv"):
        (copy / name).unlink()
    done = cs_run(copy / "resolved.toml", "--out", copy, "--resume", cwd=tmp_path)
    assert (done.returncode, "1 of 1 shards are finished already" in done.stderr) == (0, True), done.stderr
    assert (copy / "report.html").exists()
    assert (copy / "skipped.csv").exists()
    assert (copy / "detections.parquet").read_bytes() == (toy_run / "detections.parquet").read_bytes()
    shutil.rmtree(copy / "parts")
    done = cs_run(copy / "resolved.toml", "--out", copy, "--resume", cwd=tmp_path)
    assert (done.returncode, "nothing is left to do" in done.stderr) == (0, True)


def test_steps_may_be_taken_one_by_one(tmp_path, toy_run, cs_run):
    recipe, out = toy_run / "resolved.toml", tmp_path / "run"
    for step in ("train", "evaluate", "detect"):
        done = cs_run(recipe, step, "--out", out, "--resume", "--no-cache", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for name in ("detections.parquet", "metrics.json"):
        assert (out / name).read_bytes() == (toy_run / name).read_bytes()


def test_a_training_frame_that_goes_meanwhile_does_not_end_the_run(tmp_path, cs_run):
    root = write_root(tmp_path / "data")
    lost = root / "train" / "normal" / "train0_1.png"
    recipe = write_recipe(tmp_path / "toy.toml", root, anomaly_filter=f'settings = {{ loses = "{lost}" }}')
    done = cs_run(recipe, "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    skipped = (tmp_path / "runs/toy/skipped.csv").read_text()
    assert "train/normal/train0_1.png: No such file" in skipped


def test_resume_with_another_recipe_shows_the_difference(tmp_path, toy_run, cs_run):
    copy = tmp_path / "run"
    shutil.copytree(toy_run, copy)
    done = cs_run(copy / "resolved.toml", "--out", copy, "--resume", "--set", "seed=7", cwd=tmp_path)
    assert done.returncode == 2
    assert "-seed = 42" in done.stderr
    assert "+seed = 7" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["detect"], "model"),
        (["--set", "data.root=run/data"], "data"),
        (["--set", "detect.input=run/overlays"], "overlays"),
    ],
)
def test_replace_deletes_nothing_that_the_run_reads(arguments, wanted, tmp_path, toy_run, toy_root, cs_run):
    copy = Path(shutil.copytree(toy_run, tmp_path / "run"))
    shutil.copytree(toy_root, copy / "data")
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    done = cs_run(toy_run / "resolved.toml", *arguments, "--out", "run", "--replace", cwd=tmp_path)
    assert done.returncode == 2
    assert f"--replace would delete {copy / wanted}, which this run needs" in done.stderr
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before


def test_replace_leaves_folders_alone_that_no_run_made(tmp_path, toy_run, cs_run):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")
    done = cs_run(toy_run / "resolved.toml", "--out", "precious", "--replace", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict"], "unknown step 'predict'; the steps are train, evaluate, detect"),
        (["--resume", "--replace"], "choose one"),
        (["detect", "--shard", "0/2", "--replace"], "other shares"),
        (["evaluate", "train"], "train comes first"),
        (["--set", "pipeline.gate.threshold=inf"], "a finite number"),
        (["detect", "--out", "new"], "--set model.bundle=DIR"),
        (["--set", "data.root=nowhere", "--out", "new"], "nowhere"),
        (["--set", "pipeline.device=cuda", "--out", "new"], "pipeline.device"),
    ],
)
def test_wrong_arguments_end_with_2_and_the_cure(arguments, said, tmp_path, toy_run, cs_run):
    import torch

    if "pipeline.device=cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    done = cs_run(toy_run / "resolved.toml", *arguments, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in done.stderr
    assert not (tmp_path / "new" / "model").exists()


def test_without_a_recipe_those_that_come_along_are_listed(tmp_path, cs_run):
    done = cs_run(cwd=tmp_path)
    assert done.returncode == 0
    for recipe in Path(__file__).parents[2].glob("recipes/*.toml"):
        assert recipe.name in done.stdout
    assert "Find strings in a folder of frames" in done.stdout
    assert "cs-detect FRAMES" in done.stdout


def test_a_folder_is_no_recipe(tmp_path, toy_run, toy_root, cs_run):
    done = cs_run(toy_root, cwd=tmp_path)
    assert done.returncode == 2
    assert f"in its frames: cs-detect {toy_root}" in done.stderr
    done = cs_run(toy_run, cwd=tmp_path)
    assert (done.returncode, f"its recipe is {toy_run / 'resolved.toml'}" in done.stderr) == (2, True)


def test_an_embryo_in_two_splits_is_an_error_unless_allowed(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train", "val"))
    (root / "index.csv").write_text(
        "path,group\n" + "".join(f"{p.relative_to(root)},same\n" for p in sorted(root.rglob("*.png")))
    )
    recipe = write_recipe(tmp_path / "toy.toml", root)
    done = cs_run(recipe, cwd=tmp_path)
    assert done.returncode == 2
    assert "same" in done.stderr
    assert "shared_embryos" in done.stderr
    done = cs_run(recipe, "--no-cache", "--replace", "--set", "data.shared_embryos=allow", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_without_boxes_in_val_training_embryos_are_held_out(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train", "val"))
    shutil.rmtree(root / "labels" / "val")
    done = cs_run(write_recipe(tmp_path / "toy.toml", root), "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "runs/toy/metrics.json").read_text())
    assert metrics["splits"]["val"]["stage2"] == "no boxes"
    assert any("held out" in note for note in metrics["notes"])


def test_only_normal_frames_to_validate_on(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train", "val"), embryos=1)
    shutil.rmtree(root / "val" / "abnormal")
    shutil.rmtree(root / "labels" / "val")
    done = cs_run(write_recipe(tmp_path / "toy.toml", root), "--no-cache", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "runs/toy/metrics.json").read_text())
    notes = " ".join(metrics["notes"])
    assert "95" in notes
    assert "one annotated embryo" in notes


def test_drawn_strings_set_the_gate_where_validation_has_none(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train", "val"))
    shutil.rmtree(root / "val" / "abnormal")
    shutil.rmtree(root / "labels" / "val")
    share = ("--set", "training.implants.share=0.5", "--set", "pipeline.gate.sensitivity=0.75")
    done = cs_run(write_recipe(tmp_path / "toy.toml", root), "train", "--no-cache", *share, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    bundle = json.loads((tmp_path / "runs/toy/model/bundle.json").read_text())
    normal = len(list((root / "val" / "normal").iterdir()))
    scores, labels = (np.array(bundle["gate"][key]) for key in ("scores", "labels"))
    assert labels.tolist() == [0] * normal + [1] * normal
    assert (scores[labels == 1] >= bundle["gate"]["point"]["threshold"]).mean() >= 0.75
    assert (scores[labels == 1] != scores[labels == 0]).any(), "strings are drawn indeed"
    assert any(f"the gate goes by {normal} with drawn strings" in note for note in bundle["notes"])


@pytest.mark.parametrize("missing", ["train/normal", "labels/train"])
def test_what_training_lacks_is_named(missing, tmp_path, cs_run):
    root = write_root(tmp_path / "data")
    shutil.rmtree(root / missing)
    done = cs_run(write_recipe(tmp_path / "toy.toml", root), cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert missing in done.stderr


def test_training_on_drawn_strings_alone(tmp_path, cs_run):
    root = write_root(tmp_path / "data")
    shutil.rmtree(root / "train" / "abnormal")
    shutil.rmtree(root / "labels" / "train")
    recipe = write_recipe(tmp_path / "toy.toml", root, outputs="regions = true")
    refused = cs_run(recipe, "--no-cache", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--set training.implants.share=1" in refused.stderr
    shutil.rmtree(tmp_path / "runs")
    done = cs_run(
        *(recipe, "--no-cache", "--set", "training.implants.share=1", "--set", "training.implants.frames=8"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "runs/toy/training/regions_train.parquet")
    drawn = {name for name in table["frame"].to_pylist() if "+string" in name}
    assert len(drawn) == 8
    notes = json.loads((tmp_path / "runs/toy/metrics.json").read_text())["notes"]
    assert any("8 of the 8 string frames" in note for note in notes)


def test_frames_without_strings_alone_end_in_a_model_and_a_report(tmp_path, cs_run):
    root = write_root(tmp_path / "data", splits=("train",))
    shutil.rmtree(root / "train" / "abnormal")
    shutil.rmtree(root / "labels")
    implants = ("--set", "training.implants.share=0.5", "--set", "training.implants.frames=8")
    done = cs_run(write_recipe(tmp_path / "toy.toml", root), "--no-cache", *implants, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "evaluate is left out" in done.stderr
    out = tmp_path / "runs" / "toy"
    assert (out / "report.html").exists()
    assert not (out / "metrics.json").exists()
    notes = json.loads((out / "model" / "bundle.json").read_text())["notes"]
    assert any("no annotated frames: all strings" in note for note in notes)
    assert any("nothing is judged" in note for note in notes)


def test_training_chooses_the_least_confidence_which_a_recipe_overrides(tmp_path, toy_run, toy_root, cs_run):
    point = json.loads((toy_run / "model" / "bundle.json").read_text())["boxes"]
    assert point["rule"] == "false-alarms"
    assert point["specificity"] >= 0.9
    evaluation = json.loads((toy_run / "model" / "evaluation.json").read_text())
    cascade = json.loads((toy_run / "metrics.json").read_text())["splits"]["test"]["cascade"]
    assert evaluation["least"] == point["threshold"]
    assert evaluation["splits"]["test"]["false_alarms"] == cascade["normal_frames_reported"]
    reported = {}
    for least in ("its own", 0, 1):
        option = () if least == "its own" else ("--set", f"pipeline.min_confidence={least}")
        options = (*option, "--set", "pipeline.gate.threshold=-1000", "--set", "pipeline.top=9")
        done = _detect(cs_run, toy_run, toy_root / "test", tmp_path / str(least), tmp_path, *options)
        assert done.returncode == 0, done.stderr
        reported[least] = pq.read_table(tmp_path / str(least) / "detections.parquet")["confidence"].to_numpy()
    assert reported["its own"].min() >= np.float32(point["threshold"])
    assert len(reported[1]) < len(reported["its own"]) < len(reported[0])
    assert "of those without" in (tmp_path / "its own" / "report.html").read_text(), "the model's figures"

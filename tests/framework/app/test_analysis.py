"""The app says of a frame what ``cs-run`` says of it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from cs_framework.app.analysis import Analyser, LruCache, Model, frame_key, reported, units_of
from cs_framework.app.folders import Entry, Root, recipes, trained_and_runs
from cs_framework.app.run_folders import TrainingRegions, frames_of, recipe_of, training_frames
from cs_framework.data.images import read_frame
from cs_framework.errors import Cancelled, DataError, FrameError, RecipeError, SetupError
from cs_framework.pipeline.worker import Worker, WorkerSpec
from cs_framework.recipe.schema import GateSettings
from tests.support.frames import SIZE


def trained(root: Root) -> list[Entry]:
    return trained_and_runs(root)[0]


@pytest.fixture(scope="module")
def model(root) -> Model:
    (entry,) = trained(Root(root))
    return Model.open(entry, programs=True)


@pytest.fixture(scope="module")
def analyser(model) -> Analyser:
    return Analyser.build(model)


@pytest.fixture(scope="module")
def frames(root, model):
    return frames_of(model.entry.run, model.loaded.recipe, Root(root))


def quiet(doing: str) -> None:
    """Nobody listens."""


def test_results_are_those_of_a_run(root, model, analyser, frames):
    units = units_of(frames.refs, analyser.context)
    bundle = model.bundle
    spec = WorkerSpec(
        root / "runs/toy/resolved.toml",
        bundle.folder,
        threshold=bundle.gate.point.threshold,
        least=bundle.boxes.threshold,
        known=bundle.known,
    )
    whole = Worker.build(spec).stages.analyse(units[0], gated=False, keep_regions=True).results[0]
    found = reported(analyser.analyse(units[0], model, quiet), model)
    np.testing.assert_array_equal(found.proposals, whole.proposals)
    np.testing.assert_array_equal(found.scores.confidence, whole.scores.confidence)
    assert (found.score, found.flagged, found.state) == (whole.score, whole.flagged, whole.state)
    assert found.detections == whole.detections


def test_each_stage_is_announced_and_can_be_the_last(model, analyser, frames):
    unit = units_of(frames.refs, 0)[0]
    said: list[str] = []
    analyser.analyse(unit, model, said.append)
    assert len(said) == 5
    for last in said:

        def stop(doing, last=last):
            if doing == last:
                raise Cancelled

        with pytest.raises(Cancelled):
            analyser.analyse(unit, model, stop)
    analyser.analyse(unit, model, quiet)  # what was given up holds nobody else up


def test_how_boxes_are_reported_needs_no_new_analysis(model, analyser, frames):
    found = analyser.analyse(units_of(frames.refs, 0)[-1], model, quiet)
    recipe = model.loaded.recipe
    shown = evolve(recipe.pipeline, top=4, suppression=0.5)
    several = model.with_settings({}, evolve(shown, min_confidence=0.0), recipe.data)
    assert several.results_key == model.results_key
    boxes = reported(found, several).detections
    assert [d.rank for d in boxes] == [0, 1, 2, 3]
    as_trained = reported(found, model.with_settings({}, shown, recipe.data)).detections
    assert as_trained == tuple(d for d in boxes if d.confidence >= model.bundle.boxes.threshold)
    assert 0 < len(as_trained) < len(boxes)
    never = evolve(recipe.pipeline, gate=GateSettings(threshold=1e9))
    assert not reported(found, model.with_settings({}, never, recipe.data)).flagged
    narrow = model.with_settings({}, evolve(recipe.pipeline, max_proposals=3), recipe.data)
    assert narrow.results_key != model.results_key
    assert narrow.key == model.key


def test_other_settings_of_a_component_are_another_model(model, frames):
    choice = model.choices()["proposer.0"]
    larger = model.with_settings(
        {"proposer.0": evolve(choice.settings, size=32)},
        model.loaded.recipe.pipeline,
        model.loaded.recipe.data,
    )
    assert larger.key != model.key
    found = Analyser.build(larger).analyse(units_of(frames.refs, 0)[0], larger, quiet)
    assert {tuple(box[2:] - box[:2]) for box in found.proposals.tolist() and found.proposals} == {(32, 32)}


def test_a_recipe_without_training_gives_proposals(root, frames):
    (entry,) = [entry for entry in recipes(Root(root)) if entry.label == "toy"]
    model = Model.open(entry, programs=True)
    assert list(model.choices()) == ["proposer.0"]
    analyser = Analyser.build(model)
    found = reported(analyser.analyse(units_of(frames.refs, 0)[0], model, quiet), model)
    assert len(found.proposals)
    assert found.size == SIZE
    assert np.isnan(found.score)
    assert (found.scores, found.detections) == (None, ())
    assert analyser.explain(units_of(frames.refs, 0)[0], None) is None


def test_a_bundle_by_itself_uses_installed_plugins_only(root, tmp_path):
    shutil.copytree(root / "runs/toy/model", tmp_path / "alone")
    (entry,) = trained(Root(tmp_path))
    assert (entry.label, entry.run) == ("alone", None)
    for programs in (True, False):
        with pytest.raises(RecipeError, match=r"toy_plugin"):  # which only the run's recipe names
            Model.open(entry, programs=programs)


def test_one_file_plugins_are_run_only_where_that_is_allowed(root):
    entries = [*trained(Root(root)), *recipes(Root(root))]
    assert [entry.shown for entry in entries if entry.programs] == [
        "runs/toy (trained, with one-file plugins)",
        "toy (recipe, with one-file plugins)",
    ]
    for entry in entries:
        if entry.programs:
            with pytest.raises(RecipeError, match=r"one-file plugins \(toy_plugin.py\).*--allow-plugins"):
                Model.open(entry)


def test_a_run_beside_a_bundle_gives_data_and_pipeline_alone(download):
    """Its components are those of the bundle, whatever the recipe beside it names."""
    (entry,) = trained(Root(download))
    assert entry.programs
    resolved = entry.run / "resolved.toml"
    resolved.write_text(resolved.read_text() + "[data]\nbits = 12\n[pipeline]\ntop = 3\n")
    recipe = Model.open(entry).loaded.recipe
    assert (recipe.data.bits, recipe.pipeline.top, recipe.plugins) == (12, 3, ())
    assert not list(download.rglob("RAN"))
    with pytest.raises(RecipeError, match="none of the hooks"):
        Model.open(entry, programs=True)
    assert list(download.rglob("RAN")), "which is what the test goes by"


@pytest.mark.parametrize(
    "lines", ['plugins = ["./evil.py"]\n', 'plugins = "./evil.py"\n', "plugins = [\n", "\xff"]
)
def test_a_recipe_that_may_name_programs_counts_as_one_that_does(lines, download):
    resolved = next(download.rglob("resolved.toml"))
    resolved.write_bytes(lines.encode("latin-1"))
    bundles, runs = trained_and_runs(Root(download))
    assert [entry.programs for entry in (*bundles, *runs)] == [True, True]


def test_no_two_entries_are_shown_alike(download):
    shutil.copytree(download / "Downloads/b/model", download / "x")
    shutil.copytree(download / "Downloads/b/model", download / "x/model")
    for folder in (download, download / "recipes"):
        folder.mkdir(exist_ok=True)
        (folder / "quickstart.toml").write_text("[[proposer]]\nuse = 'selective-search'\n")
    bundles, runs = trained_and_runs(Root(download))
    for entries in (bundles, runs, recipes(Root(download))):
        assert len({entry.shown for entry in entries}) == len(entries)
    assert {"x (trained)", "x 2 (trained)"} < {entry.shown for entry in bundles}


def test_a_frame_that_cannot_be_read_or_processed_says_why(tmp_path, model, analyser):
    from cs_framework.data.refs import FrameRef

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    unit = units_of([FrameRef("bad.png", bad)], 0)[0]
    with pytest.raises(FrameError, match=r"bad\.png: not an image"):
        analyser.analyse(unit, model, quiet)


def test_what_does_not_fit_the_bundle_is_said(root, tmp_path):
    shutil.copytree(root / "runs", tmp_path / "runs")
    (tmp_path / "runs/toy/model/scorer/learnt.json").unlink()
    (entry,) = trained(Root(tmp_path))
    with pytest.raises(SetupError, match="train again"):
        Analyser.build(Model.open(entry, programs=True))


def test_frames_of_a_run_come_with_their_truth(frames):
    assert len(frames.refs) == 6
    assert {label.label for label in frames.known.values()} == {0, 1}


def test_a_run_that_took_a_bundle_shows_the_frames_it_searched(root, tmp_path):
    shutil.copytree(root / "runs", tmp_path / "runs")
    frames, searched = tmp_path / "frames", tmp_path / "runs" / "searched"
    shutil.copytree(root / "data" / "test", frames)
    searched.mkdir()
    plugins = tomllib.loads((root / "runs/toy/resolved.toml").read_text())["plugins"]
    (searched / "resolved.toml").write_text(
        f"plugins = {plugins}\n[model]\nbundle = '{tmp_path}/runs/toy/model'\n[detect]\ninput = '{frames}'\n"
    )
    bundles, runs = trained_and_runs(Root(tmp_path))
    assert [entry.label for entry in bundles] == ["runs/toy"]
    assert [(entry.label, entry.run) for entry in runs] == [
        ("runs/searched", searched),
        ("runs/toy", tmp_path / "runs/toy"),
    ]
    shown = frames_of(searched, recipe_of(searched, Root(tmp_path)), Root(tmp_path))
    assert len(shown.refs) == 6
    assert not shown.known
    for elsewhere in (tmp_path / "runs" / "searched", frames):
        with pytest.raises(DataError, match="--root"):
            recipe_of(searched, Root(elsewhere))


def test_nothing_outside_the_root_is_read(root, tmp_path, model):
    inside = Root(root / "runs")
    with pytest.raises(DataError, match="--root"):
        frames_of(model.entry.run, model.loaded.recipe, inside)
    assert training_frames(model.entry.run, model.loaded.recipe, inside) == {}
    link = tmp_path / "in" / "link"
    link.parent.mkdir()
    link.symlink_to(root)
    assert trained(Root(link.parent)) == []
    with pytest.raises(DataError):
        Root(link.parent).inside(link / "toy.toml")
    with pytest.raises(DataError):
        Root(link.parent).inside(link.parent / ".." / "other")


@pytest.mark.parametrize("name", ["resolved.toml", "bundle.json", "a.toml", "index.csv", "labels", "regions"])
def test_a_link_is_no_way_out_of_the_root(name, root, tmp_path):
    inside, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    shutil.copytree(root, elsewhere)
    run = inside / "runs/toy"
    shutil.copytree(root, inside)
    recipe = recipe_of(run, Root(inside))
    recipe = evolve(recipe, data=evolve(recipe.data, root=inside / "data"))

    def link(path, target):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    if name in ("resolved.toml", "bundle.json"):
        file = {"resolved.toml": "resolved.toml", "bundle.json": "model/bundle.json"}[name]
        link(run / file, elsewhere / "runs/toy" / file)
        bundles, runs = trained_and_runs(Root(inside))
        assert [bool(bundles), bool(runs)] == [name != "bundle.json", name != "resolved.toml"]
        assert all(entry.run is None for entry in bundles)
    elif name == "a.toml":
        link(inside / name, elsewhere / "toy.toml")
        assert "a" not in [entry.label for entry in recipes(Root(inside))]
    elif name == "regions":
        link(run / "training/regions_train.parquet", elsewhere / "runs/toy/training/regions_train.parquet")
        with pytest.raises(DataError, match="--root"):
            TrainingRegions.read(run, Root(inside))
    else:
        (elsewhere / "data/index.csv").write_text("path,group\n")
        link(inside / "data" / name, elsewhere / "data" / name)
        with pytest.raises(DataError, match="--root"):
            frames_of(run, recipe, Root(inside))


def test_links_that_stay_inside_are_followed_and_may_go_in_circles(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "data/on").symlink_to(tmp_path / "other")
    (tmp_path / "other/back").symlink_to(tmp_path / "data")
    assert Root(tmp_path).whole(tmp_path / "data") == tmp_path / "data"
    (tmp_path / "other/out").symlink_to(tmp_path.parent)
    with pytest.raises(DataError, match="out is not below"):
        Root(tmp_path).whole(tmp_path / "data")


def test_recipes_of_the_package_and_of_the_root_are_offered(root):
    labels = [entry.label for entry in recipes(Root(root))]
    assert labels[0] == "toy"
    assert "quickstart" in labels
    assert "detect" not in labels, "it names no component"


def test_nearest_regions_hold_the_region_itself(root, analyser, model):
    run = root / "runs" / "toy"
    regions = TrainingRegions.read(run, Root(root))
    refs = training_frames(run, model.loaded.recipe, Root(root))
    place = int(np.argmax(regions.labels))
    frame, box = regions.frames[place], regions.boxes[place]
    vector = analyser.embed(read_frame(refs[frame]), box)
    near = regions.nearest(vector, 3)
    assert len({one.frame for one in near}) == 3
    assert [one.distance for one in near] == sorted(one.distance for one in near)
    assert near[0].distance < 0.01
    assert regions.nearest(np.zeros(7, np.float32), 3) == []


def test_runs_without_regions_or_with_damaged_ones(tmp_path):
    assert TrainingRegions.read(tmp_path, Root(tmp_path)) is None
    (tmp_path / "training").mkdir()
    for name in ("regions", "embeddings"):
        (tmp_path / "training" / f"{name}_train.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        TrainingRegions.read(tmp_path, Root(tmp_path))


def test_what_was_not_asked_for_longest_goes():
    kept: LruCache[int] = LruCache(limit=2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    assert kept.through("c", lambda: 4) == 3
    assert kept.through("d", lambda: 5) == 5


def test_frames_are_known_by_what_they_show(frames):
    units = units_of(frames.refs, 1)
    assert len({frame_key(unit) for unit in units}) == len(units)
    assert frame_key(units[0]) == frame_key(units_of(frames.refs, 1)[0])
    assert frame_key(units[0]) != frame_key(units_of(frames.refs, 0)[0])


def test_entries_are_told_apart():
    bundle = Entry("a", Path("a"), "trained")
    assert bundle.run is None

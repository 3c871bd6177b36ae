"""Differences between runs: against scikit-learn on explicit resamples, and what cannot be compared."""

from __future__ import annotations

import json

import numpy as np
import pytest
from attrs import evolve
from sklearn.metrics import roc_auc_score

from cs_framework import DataError
from cs_framework.compare.markdown import markdown
from cs_framework.compare.table import ComparedRun, compare
from cs_framework.evaluation.bootstrap import LEVELS
from cs_framework.evaluation.metrics import evaluate
from cs_framework.files import write_json
from cs_framework.outputs.tables import judged_table, read_evaluation, write_evaluation
from cs_framework.recipe.schema import ComponentUse, PipelineSettings, Recipe, TrainingSettings
from tests.framework.evaluation.frames import judged, random_split

RECIPE = Recipe(
    embedder=ComponentUse("cs-x/colours", {"bins": 8}, "1.0"),
    proposer=(ComponentUse("cs-x/grid", {"size": 9}), ComponentUse("cs-x/blobs")),
)


@pytest.fixture
def run(tmp_path):
    """Makes a run as the step ``evaluate`` leaves it."""

    def make(
        name, frames, *, threshold=0.5, resamples=100, content="same", iou=(0.2, 0.1), notes=(), recipe=RECIPE
    ):
        folder = tmp_path / name
        metrics = evaluate(
            {"test": frames}, threshold=threshold, resamples=resamples, seed=0, notes=notes, training_iou=iou
        )
        table = judged_table({"test": frames}, lambda frame: content)
        write_evaluation(folder / "evaluation", table, metrics)
        write_json(folder / "metrics.json", metrics)
        training = TrainingSettings(positive_iou=iou[0], negative_iou=iou[1])
        return ComparedRun(name, read_evaluation(folder), evolve(recipe, name=name, training=training))

    return make


def rescored(frames, seed):
    """The same frames as another filter sees them."""
    rng = np.random.default_rng(seed)
    scores = [f.result.score + 0.3 * rng.random() for f in frames]
    return [
        evolve(f, result=evolve(f.result, score=s, flagged=s > 0.5))
        for f, s in zip(frames, scores, strict=True)
    ]


def test_a_run_and_itself_differ_in_nothing(run):
    frames = random_split(3)
    runs = [run("a", frames), run("b", frames)]
    (figures,) = compare(runs)["splits"].values()
    resampled = {name.removeprefix("test/") for name in runs[0].evaluation.resampled}
    assert figures.keys() == {name for name in resampled if not name.startswith("stage1/baselines/")}
    assert len(figures) > 30
    assert {tuple(cells["b"]["difference"].values()) for cells in figures.values()} == {(0, 0, 0)}
    assert [cells["a"].keys() for cells in figures.values() if "difference" in cells["a"]] == []


def test_an_interval_is_that_of_differences_on_the_same_resampled_embryos(run):
    frames = random_split(5, frames=40, embryos=8)
    others = rescored(frames, seed=1)
    found = compare([run("a", frames), run("b", others)])["splits"]["test"]["stage1/auroc"]["b"]["difference"]

    embryos = [f"embryo{i}" for i in range(8)]
    drawn = np.random.default_rng([0, 8]).integers(8, size=(64, 8))  # as Bootstrap draws its first resamples
    differences = []
    for draw in drawn:
        rows = [i for e in draw for i, f in enumerate(frames) if f.result.sequence == embryos[e]]
        labels = [frames[i].label for i in rows]
        areas = [roc_auc_score(labels, [split[i].result.score for i in rows]) for split in (frames, others)]
        differences.append(areas[1] - areas[0])
    values = run("b", others).evaluation.resampled["test/stage1/auroc"]
    values = values - run("a", frames).evaluation.resampled["test/stage1/auroc"]
    assert values[:64] == pytest.approx(differences)
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(values, LEVELS).tolist())
    labels = [f.label for f in frames]
    areas = [roc_auc_score(labels, [f.result.score for f in split]) for split in (frames, others)]
    assert found["value"] == pytest.approx(areas[1] - areas[0])


def test_pairing_makes_the_interval_of_a_small_change_narrow(run):
    frames = random_split(7, frames=60, embryos=12)
    nudged = [
        evolve(f, result=evolve(f.result, score=f.result.score + (i == 1))) for i, f in enumerate(frames)
    ]
    cell = compare([run("a", frames), run("b", nudged)])["splits"]["test"]["stage1/auroc"]["b"]
    width = cell["difference"]["high"] - cell["difference"]["low"]
    assert width < (cell["high"] - cell["low"]) / 4


def test_what_is_kept_is_what_the_intervals_were_read_from(run):
    evaluation = run("a", random_split(2)).evaluation
    figure = evaluation.metrics["splits"]["test"]["stage2"]["ap"]["0.5"]
    values = evaluation.resampled["test/stage2/ap/0.5"]
    assert np.nanpercentile(values, LEVELS).tolist() == [figure["low"], figure["high"]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f[:-1], "1 judged in a alone, such as frame11"),
        (
            lambda f: [*f, judged(frame="extra", statistics=f[0].result.statistics)],
            "1 judged in b alone, such as extra",
        ),
        (
            lambda f: [evolve(f[0], label=1), *f[1:]],
            "1 of other pixels, embryo, class or boxes, such as frame0",
        ),
        (lambda f: [evolve(f[0], boxes=None), *f[1:]], "1 of other pixels, embryo, class or boxes"),
        (lambda f: [f[1], f[0], *f[2:]], "their order in time differs"),
    ],
)
def test_runs_on_other_frames_are_refused(change, said, run):
    frames = random_split(0)
    with pytest.raises(DataError, match="a and b were not judged on the same frames") as error:
        compare([run("a", frames), run("b", change(frames))])
    assert said in str(error.value)


def test_frames_of_the_same_name_with_other_pixels_are_other_frames(run):
    with pytest.raises(DataError, match="12 of other pixels"):
        compare([run("a", random_split(0)), run("b", random_split(0), content="other")])


def test_runs_resampled_less_often_are_refused_with_the_cure(run):
    with pytest.raises(DataError, match=r"100 .* 200: .*--set evaluate\.resamples=1000"):
        compare([run("a", random_split(0)), run("b", random_split(0), resamples=200)])


def test_what_cannot_be_computed_is_said(run):
    frames = random_split(0)
    without = run("without", frames, threshold=None)
    for first, second in [(without, run("with", frames)), (run("with", frames), without)]:
        comparison = compare([first, second])
        cells = comparison["splits"]["test"]["stage1/auroc"]
        assert cells["without"] == "no filter"
        assert cells["with"].get("difference", "no filter") == "no filter"
        (row,) = [line for line in markdown(comparison).splitlines() if "stage 1: auroc" in line]
        assert "no filter" in row
        json.dumps(comparison, allow_nan=False)


def test_regions_labelled_by_other_rules_are_not_compared(run):
    frames = random_split(0)
    figures = compare([run("a", frames), run("b", frames, iou=(0.5, 0.3))])["splits"]["test"]
    texts = {p: c["b"]["difference"] for p, c in figures.items() if isinstance(c["b"]["difference"], str)}
    assert texts == dict.fromkeys(
        ["stage2/region_ap", "stage2/region_base_rate"], "regions are labelled differently"
    )


def test_one_embryo_with_one_frame_gives_no_interval(run):
    frames = [judged(strings=[[0, 0, 9, 9]], regions=[[0, 0, 9, 9]], confidence=[0.5], frame="one")]
    cell = compare([run("a", frames), run("b", frames)])["splits"]["test"]["stage2/top1_mean_iou"]["b"]
    assert cell["difference"] == {"value": 0, "low": None, "high": None}


def test_the_table_has_a_row_for_each_figure_and_bold_for_what_is_sure(run):
    frames = random_split(4, frames=40, embryos=10)
    worse = [evolve(f, result=evolve(f.result, score=1 - f.label + f.result.score / 9)) for f in frames]
    comparison = compare([run("a", frames, notes=["held out"]), run("b", worse), run("c", frames)])
    lines = markdown(comparison).splitlines()
    header = [cell.strip() for cell in lines[0].split("|")]
    assert header == ["", "test", "a", "b", "minus a", "c", "minus a", ""]
    (row,) = [line for line in lines if "stage 1: auroc" in line]
    difference = comparison["splits"]["test"]["stage1/auroc"]["b"]["difference"]
    shown = f"**{difference['value']:+.3f}** [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    assert row.split("|")[4].strip() == shown
    assert row.split("|")[6].strip() == "the same"
    assert sum(line.startswith("|") for line in lines) == 2 + len(comparison["splits"]["test"])
    assert any("10 embryos" in line and "were drawn" in line for line in lines)
    assert lines[-1] == "- a: held out"
    assert len({len(line) for line in lines if line.startswith("|")}) == 1


def test_what_differs_between_the_recipes_is_said(run):
    frames = random_split(0)
    swapped = evolve(
        RECIPE,
        embedder=ComponentUse("cs-y/deep", {"layers": 3}, "2.0"),
        proposer=(ComponentUse("cs-x/grid", {"size": 12}),),
        pipeline=PipelineSettings(top=2),
    )
    comparison = compare([run("a", frames), run("b", frames, recipe=swapped), run("c", frames)])
    assert comparison["changed"] == {
        "b": {
            "embedder.use": "cs-y/deep",
            "pipeline.top": 2,
            "proposer.0.settings.size": 12,
            "proposer.1.use": None,
        },
        "c": {},
    }
    lines = markdown(comparison).splitlines()
    assert '- b: embedder.use = "cs-y/deep", pipeline.top = 2, proposer.0.settings.size = 12' in lines[-2]
    assert lines[-1] == "- c: the same recipe"

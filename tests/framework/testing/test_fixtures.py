from __future__ import annotations

import numpy as np
import pytest

from cs_framework.recipe import load_recipe
from cs_framework.registry import Registry
from cs_framework.testing import sample_frames, sample_table, sample_windows
from cs_framework.testing.fixtures import boxed_frames, closed_registry, frames, run_recipe  # noqa: F401
from tests.support import toy_plugin
from tests.support.frames import write_recipe, write_root


def test_a_closed_registry_holds_what_it_is_given_and_refuses_discovery(closed_registry, tmp_path):  # noqa: F811
    registry = closed_registry({"toy": toy_plugin})
    assert [component.name for component in registry.components("proposer")] == ["grid"]
    with pytest.raises(pytest.fail.Exception, match="looked for installed plugins"):
        Registry.discover()
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("steps = []\n[[proposer]]\nuse = 'toy/grid'\n")
    assert load_recipe(recipe, registry=registry).proposers[0].component.name == "grid"


@pytest.mark.slow
def test_a_recipe_runs_and_tells_what_came_of_it(run_recipe, tmp_path):  # noqa: F811
    import torch

    threads = torch.get_num_threads()
    recipe = write_recipe(tmp_path / "toy.toml", write_root(tmp_path / "data"))
    outcome = run_recipe(recipe, overrides=["outputs.overlays=0", "pipeline.threads=3"])
    assert outcome.exit_code == 0, outcome.log
    assert "toy: detect" in outcome.log
    assert outcome.metrics["splits"]["test"]["stage1"]["auroc"]["value"] == 1
    assert set(outcome.detections["frame"].to_pylist()) >= {"test/abnormal/test0_3.png"}
    assert torch.get_num_threads() == threads
    again = run_recipe(recipe, "detect", overrides=[f"model.bundle={outcome.out / 'model'}"])
    assert again.out != outcome.out
    assert again.exit_code == 2  # the bundle names the components, and so does this recipe
    assert "name none here" in again.log


def test_a_recipe_may_be_given_as_text(run_recipe):  # noqa: F811
    outcome = run_recipe("steps = ['walk']\n")
    assert outcome.exit_code == 2
    assert "recipe0.toml:1:" in outcome.log
    assert not outcome.out.exists()


def test_frames_are_of_every_sort_the_same_each_time_and_read_only(frames):  # noqa: F811
    sizes = {name: frame.size for name, frame in frames.items()}
    assert sizes["pixel"] == (1, 1)
    assert sizes["wide"] == (40, 72)
    assert np.ptp(frames["grey"].image, axis=2).max() == 0
    assert np.ptp(frames["colour"].image, axis=2).max() > 20
    assert np.ptp(frames["constant"].image) == 0
    assert len({frame.id for frame in frames.values()}) == len(frames)
    for name, again in sample_frames().items():
        np.testing.assert_array_equal(again.image, frames[name].image)
        assert not again.image.flags.writeable


def test_boxes_lie_inside_their_frames_and_one_frame_has_none(boxed_frames):  # noqa: F811
    assert any(len(boxes) == 0 for _, boxes in boxed_frames)
    for frame, boxes in boxed_frames:
        height, width = frame.size
        assert boxes.dtype == np.float32
        assert ((boxes >= 0) & (boxes <= (width, height, width, height))).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 1).all()


def test_windows_hold_as_many_neighbours_as_wanted_and_repeat_the_ends():
    windows = sample_windows(context=2, abnormal=2, normal=3)
    assert windows.labels.tolist() == [0, 0, 0, 1, 1]
    assert [frame.id for frame in windows[0].frames] == ["0.png", "0.png", "0.png", "1.png", "2.png"]
    assert [window.frame.id for window in windows] == [f"{i}.png" for i in range(5)]
    assert list(sample_windows(normal=0)) == []


def test_the_table_is_labelled_as_weak_labels_are():
    table = sample_table()
    assert np.bincount(table.labels + 1).tolist() == [30, 30, 30]
    assert (table.iou[table.labels == 1] > 0.2).all()
    assert (table.iou[table.labels == 0] < 0.1).all()
    assert np.isfinite(table.targets[table.iou > 0]).all()
    assert len(set(table.sequences)) == 3

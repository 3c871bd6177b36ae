from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.numpy import load_file

from cs_autoencoder.filter import Autoencoder
from cs_autoencoder.network import seeded_autoencoder
from cs_autoencoder.residual import combined_residual, frame_scores
from cs_autoencoder.settings import Settings
from cs_framework import DataError, Env, Frame, SetupError, Window
from cs_framework.testing import SampleWindows
from tests.plugins.cs_autoencoder import reference
from tests.plugins.cs_autoencoder.conftest import LabelledWindows

QUICK = Settings(image_size=32, epochs=2, batch_size=3)


@pytest.fixture
def fitted(make_windows):
    """A factory of filters fitted for two short epochs."""

    def make(settings=QUICK, seed=42):
        component = Autoencoder(settings, Env(seed=seed))
        component.fit(make_windows([0] * 4), make_windows([0, 0, 1], first=10), Env(seed=seed))
        return component

    return make


def weights_of(component, folder):
    component.save(folder)
    return load_file(folder / "autoencoder.safetensors")


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


# The published score, computed independently


@pytest.mark.parametrize(
    ("variant", "size"),
    [("weighted", 64), ("unweighted", 64), ("weighted", 256)],
    ids=str,
)
def test_residual_mask_and_score_equal_the_reference(make_frame, fitted, tmp_path, variant, size):
    fitted(evolve(QUICK, variant=variant)).save(tmp_path)
    meta = json.loads((tmp_path / "autoencoder.json").read_text())
    (tmp_path / "autoencoder.json").write_text(json.dumps({**meta, "image_size": size}))
    component = Autoencoder(Settings(variant=variant, image_size=size), Env())
    component.load(tmp_path)
    window = Window((make_frame((size, size), seed=3),))

    image = reference.preprocessed(window.frame.grey, size)
    weights = load_file(tmp_path / "autoencoder.safetensors")
    layers = sorted(weights, key=lambda name: (int(name.split(".")[0]), name.endswith("bias")))
    reconstruction = reference.reconstruction(image, [weights[name] for name in layers])
    residual = reference.residual(image / 255, reconstruction)

    explanation = component.explain(window)
    np.testing.assert_allclose(explanation.residual, residual, rtol=0, atol=1e-5)
    if variant == "weighted":
        mask = reference.mask(reference.heat(image))
        assert 0.1 < mask.mean() < 0.9
        np.testing.assert_array_equal(explanation.mask, mask)
        expected = np.quantile(residual[mask], 0.95)
    else:
        assert explanation.mask is None
        expected = residual.mean()
    np.testing.assert_allclose(component.score([window]), [expected], rtol=0, atol=1e-5)


# Fitting


def test_fit_learns_and_reports_each_epoch():
    def half_bright(width):
        image = np.full((32, 32, 3), 60, np.uint8)
        image[:, :width] = 190
        return Frame(image, id=f"{width}.png")

    train = LabelledWindows([half_bright(width) for width in (8, 12, 16, 20)], [0] * 4)
    val = LabelledWindows([half_bright(width) for width in (10, 14, 18, 22)], [0, 1, 0, 1])
    component = Autoencoder(evolve(QUICK, epochs=16, batch_size=1), Env())
    history = component.fit(train, val, Env())
    assert [row["epoch"] for row in history.rows] == list(range(1, 17))
    assert history.rows[-1]["train_loss"] < 0.9 * history.rows[0]["train_loss"]
    assert history.rows[-1]["val_loss"] < 0.9 * history.rows[0]["val_loss"]
    aurocs = [row["val_auroc"] for row in history.rows]
    assert history.best_epoch == 1 + aurocs.index(max(aurocs))
    assert history.notes == []


def test_an_epoch_is_adam_on_the_mean_loss_of_each_batch(make_windows, tmp_path):
    settings = Settings(variant="unweighted", image_size=136, epochs=1, batch_size=4)
    train = make_windows([0] * 4)
    component = Autoencoder(settings, Env())
    component.fit(train, make_windows([]), Env())
    learnt = weights_of(component, tmp_path)

    images = np.stack([reference.preprocessed(frame.grey, 136)[None] for frame in train.frames])
    images = torch.from_numpy(images).float() / 255
    network = seeded_autoencoder(42)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    combined_residual(images, network(images)).mean().backward()
    optimizer.step()
    # Adam's first step follows the sign of the gradient, and where that is nearly 0 rounding decides.
    alike = [np.isclose(learnt[name], value, atol=1e-5) for name, value in network.state_dict().items()]
    assert np.concatenate([each.ravel() for each in alike]).mean() > 0.99


def test_validation_auroc_and_loss_are_those_of_the_kept_weights(make_windows):
    val = make_windows([0, 1, 0, 1, 1], first=10)
    component = Autoencoder(evolve(QUICK, variant="unweighted"), Env())
    history = component.fit(make_windows([0] * 4), val, Env())
    row = history.rows[history.best_epoch - 1]
    scores = component.score(list(val))
    normal, abnormal = scores[val.labels == 0], scores[val.labels == 1]
    assert row["val_auroc"] == pytest.approx(np.mean(abnormal[:, None] > normal))
    assert row["val_loss"] == pytest.approx(normal.mean(), abs=1e-6)  # in this variant the score is the loss


def test_the_best_epoch_is_kept_not_the_last(make_windows, tmp_path, monkeypatch):
    component = Autoencoder(QUICK, Env())
    component.fit(make_windows([0] * 4), make_windows([]), Env())
    two_epochs = weights_of(component, tmp_path / "two")
    aurocs = iter([0.4, 0.9, 0.9, 0.1])
    monkeypatch.setattr("sklearn.metrics.roc_auc_score", lambda labels, scores: next(aurocs))
    component = Autoencoder(evolve(QUICK, epochs=4), Env())
    history = component.fit(make_windows([0] * 4), make_windows([0, 0, 1], first=10), Env())
    assert history.best_epoch == 2
    assert_same_weights(weights_of(component, tmp_path / "four"), two_epochs)


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        ([], {"epoch", "train_loss"}),
        ([0, 0], {"epoch", "train_loss", "val_loss"}),
        ([1], {"epoch", "train_loss"}),
    ],
    ids=["empty", "normal only", "abnormal only"],
)
def test_without_an_auroc_the_last_epoch_is_kept(make_windows, labels, columns):
    component = Autoencoder(QUICK, Env())
    history = component.fit(make_windows([0] * 4), make_windows(labels, first=10), Env())
    assert history.best_epoch == 2
    assert set(history.rows[0]) == columns
    assert any("last epoch" in note for note in history.notes)


def test_abnormal_training_frames_are_neither_read_nor_learnt(make_windows, fitted, tmp_path):
    train = make_windows([0, 0, 0, 0, 1])
    component = Autoencoder(QUICK, Env())
    history = component.fit(train, make_windows([0, 0, 1], first=10), Env())
    assert history.notes == ["left out 1 abnormal training frames"]
    assert train.decoded == [1, 1, 1, 1, 0]
    assert_same_weights(weights_of(component, tmp_path / "a"), weights_of(fitted(), tmp_path / "b"))


def test_fit_needs_a_normal_frame(make_windows):
    with pytest.raises(DataError, match="no normal training frame"):
        Autoencoder(QUICK, Env()).fit(make_windows([1]), make_windows([]), Env())


def test_the_seed_decides_and_global_random_state_stays(fitted, tmp_path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    first, again, other = (
        weights_of(fitted(seed=seed), tmp_path / str(n)) for n, seed in enumerate((1, 1, 2))
    )
    own = weights_of(fitted(evolve(QUICK, seed=1), seed=2), tmp_path / "own")
    assert_same_weights(first, again)
    assert_same_weights(first, own)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


# Scoring


def test_scores_do_not_depend_on_the_batch(make_windows, fitted):
    component = fitted()
    windows = list(make_windows([0] * 7, first=20))
    together = component.score(windows)
    assert together.dtype == np.float32
    alone = [component.score([window])[0] for window in windows]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)
    assert component.score([]).shape == (0,)


@pytest.mark.parametrize("variant", ["weighted", "unweighted"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (90, 50)])
def test_frames_of_any_size(make_frame, fitted, variant, size):
    component = fitted(evolve(QUICK, variant=variant))
    window = Window((make_frame(size),))
    before = window.frame.image.copy()
    assert np.isfinite(component.score([window])).all()
    explanation = component.explain(window)
    assert explanation.residual.shape == size
    assert explanation.residual.dtype == np.float32
    if variant == "weighted":
        assert explanation.mask.shape == size
        assert explanation.mask.dtype == np.bool_
    np.testing.assert_array_equal(window.frame.image, before)


def test_where_nothing_is_smooth_the_whole_frame_counts(fitted, monkeypatch):
    monkeypatch.setattr(
        "cs_autoencoder.preprocessing.smooth_mask", lambda heat, inside: np.zeros(heat.shape, bool)
    )
    window = Window((Frame(np.full((32, 32, 3), 90, np.uint8), id="x.png"),))
    component = fitted()
    explanation = component.explain(window)
    assert explanation.mask is None
    np.testing.assert_allclose(
        component.score([window]), [np.quantile(explanation.residual, 0.95)], rtol=1e-6
    )


# Saving


def test_a_saved_filter_scores_alike(make_windows, fitted, tmp_path):
    component = fitted()
    component.save(tmp_path / "new" / "folder")
    loaded = Autoencoder(evolve(QUICK, epochs=9, batch_size=5, seed=3), Env())
    loaded.load(tmp_path / "new" / "folder")
    windows = list(make_windows([0] * 3, first=30))
    np.testing.assert_allclose(loaded.score(windows), component.score(windows), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "changed", [{"variant": "unweighted"}, {"image_size": 64}, {"heat_alignment": "centred"}], ids=str
)
def test_weights_of_other_settings_are_refused(fitted, tmp_path, changed):
    fitted().save(tmp_path)
    with pytest.raises(SetupError, match="train again"):
        Autoencoder(evolve(QUICK, **changed), Env()).load(tmp_path)


@pytest.mark.parametrize("name", ["autoencoder.json", "autoencoder.safetensors"])
@pytest.mark.parametrize(
    "content", [None, b"", b"{}", b"\x80\x04N."], ids=["missing", "empty", "{}", "pickle"]
)
def test_missing_and_damaged_files_are_refused(fitted, tmp_path, name, content):
    fitted().save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match="train"):
        Autoencoder(QUICK, Env()).load(tmp_path)


def test_weights_of_another_network_are_refused(fitted, tmp_path):
    from safetensors.numpy import save_file

    fitted().save(tmp_path)
    save_file({"0.weight": np.zeros((32, 1, 3, 3), np.float32)}, tmp_path / "autoencoder.safetensors")
    with pytest.raises(SetupError, match="train it again"):
        Autoencoder(QUICK, Env()).load(tmp_path)


def test_without_weights_there_is_no_score(make_windows):
    with pytest.raises(SetupError, match="call fit or load first"):
        Autoencoder(QUICK, Env()).score(list(make_windows([0])))


# Options beyond the published filter


@pytest.fixture
def as_with(fitted, tmp_path):
    """A filter with the published weights and other settings of scoring."""

    def make(**changed):
        base = evolve(QUICK, image_size=64, **{k: changed.pop(k) for k in ("variant",) if k in changed})
        fitted(base).save(tmp_path)
        component = Autoencoder(evolve(base, **changed), Env())
        component.load(tmp_path)
        return component

    return make


@pytest.fixture
def round_frame(make_frame):
    """A frame whose embryo is given: a circle of radius 20 px in its upper left."""
    return evolve(make_frame((64, 64), seed=3), circle=(0.4, 0.4, 20 / 64))


def test_on_the_embryo_smooth_areas_and_score_stay_inside_it(as_with, round_frame):
    component = as_with(region="embryo")
    explanation = component.explain(Window((round_frame,)))
    inside = round_frame.embryo.mask
    assert explanation.mask.any()
    assert not explanation.mask[~inside].any()
    assert explanation.mask[inside].mean() < 0.95
    expected = np.quantile(explanation.residual[explanation.mask], 0.95)
    np.testing.assert_allclose(component.score([Window((round_frame,))]), [expected], rtol=1e-6)


def test_unweighted_on_the_embryo_is_the_mean_there(as_with, round_frame):
    component = as_with(variant="unweighted", region="embryo")
    explanation = component.explain(Window((round_frame,)))
    np.testing.assert_array_equal(explanation.mask, round_frame.embryo.mask)
    expected = explanation.residual[round_frame.embryo.mask].mean()
    np.testing.assert_allclose(component.score([Window((round_frame,))]), [expected], rtol=1e-5)


def test_the_region_does_not_change_what_the_unweighted_filter_learns(fitted, tmp_path):
    whole = weights_of(fitted(evolve(QUICK, variant="unweighted")), tmp_path / "frame")
    round_ = weights_of(fitted(evolve(QUICK, variant="unweighted", region="embryo")), tmp_path / "embryo")
    assert_same_weights(whole, round_)


@pytest.mark.parametrize(
    ("summary", "figure"),
    [
        ("mean", np.mean),
        ("p95", lambda pixels: np.quantile(pixels, 0.95)),
        ("p99", lambda pixels: np.quantile(pixels, 0.99)),
    ],
)
def test_summaries_are_figures_of_the_residual_in_the_mask(as_with, round_frame, summary, figure):
    component = as_with(summary=summary)
    explanation = component.explain(Window((round_frame,)))
    expected = figure(explanation.residual[explanation.mask])
    np.testing.assert_allclose(component.score([Window((round_frame,))]), [expected], rtol=1e-5)


def test_the_largest_blob_counts_more_than_scattered_pixels():
    scattered, blob = np.zeros((2, 1, 1, 64, 64))
    scattered[0, 0, ::8, ::8] = 1
    blob[0, 0, 20:28, 30:38] = 1
    maps = torch.from_numpy(np.concatenate([scattered, blob]))
    assert maps[0].sum() == maps[1].sum()
    first, second = frame_scores(maps, None, "max-blob")
    assert second > 5 * first


def test_with_flips_a_mirrored_frame_has_the_mirrored_residual(as_with, round_frame, monkeypatch):
    mirrored = evolve(round_frame, image=np.ascontiguousarray(round_frame.image[:, ::-1]))
    frames = [Window((round_frame,)), Window((mirrored,))]
    for flips, alike in ((True, True), (False, False)):
        component = as_with(variant="unweighted", flips=flips)
        with monkeypatch.context() as patch:  # CLAHE rounds differently at the left and at the right
            patch.setattr("cs_autoencoder.preprocessing.preprocess", lambda grey, size: grey.copy())
            one, other = (component.explain(window).residual for window in frames)
        assert (np.abs(one - other[:, ::-1]).max() < 1e-3 * one.max()) == alike


def test_neighbours_in_time_take_away_what_is_always_there(as_with, make_frame):
    frames = [make_frame((64, 64), seed=seed) for seed in range(6)]
    plain, timed = as_with(variant="unweighted"), as_with(variant="unweighted", context=2)
    assert (plain.context, timed.context) == (0, 2)
    windows = [Window(tuple(frames[max(0, min(5, n + d))] for d in range(-2, 3))) for n in range(6)]
    residuals = [plain.explain(Window((frame,))).residual for frame in frames]
    around = [[max(0, min(5, n + d)) for d in (-2, -1, 0, 1, 2)] for n in range(6)]
    expected = [
        (residuals[n] - np.median([residuals[at] for at in places if at != n], axis=0)).mean()
        for n, places in enumerate(around)
    ]
    np.testing.assert_allclose(timed.score(windows), expected, atol=1e-6)
    alone = timed.score([Window((frames[0],) * 5)])
    np.testing.assert_allclose(
        alone, [residuals[0].mean()], atol=1e-6, err_msg="it is no neighbour of itself"
    )


def test_a_filter_with_neighbours_is_fitted_on_the_frames_themselves(make_windows, tmp_path):
    def windows(labels, first, context):
        frames = make_windows(labels, first=first).frames
        return SampleWindows(frames, context, np.array(labels, np.int8))

    def learnt(context):
        component = Autoencoder(evolve(QUICK, context=context), Env())
        component.fit(windows([0] * 4, 0, context), windows([], 9, context), Env())
        return weights_of(component, tmp_path / str(context))

    assert_same_weights(learnt(0), learnt(1))


def test_bfloat16_scores_nearly_alike(as_with, round_frame):
    exact, rough = (as_with(precision=precision) for precision in ("float32", "bfloat16"))
    first, second = (component.score([Window((round_frame,))])[0] for component in (exact, rough))
    assert first != second
    assert first == pytest.approx(second, rel=0.03)

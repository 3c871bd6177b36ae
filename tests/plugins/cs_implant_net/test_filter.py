from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.numpy import load_file, save_file

from cs_framework import DataError, Env, Frame, SetupError, Window
from cs_implant_net import learning, material, network
from cs_implant_net.filter import ImplantNet
from tests.plugins.cs_implant_net.conftest import QUICK


def weights_of(component, folder):
    component.save(folder)
    return load_file(folder / "implant_net.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


# Fitting


@pytest.mark.slow
def test_it_learns_to_mark_drawn_strings_and_not_look_alikes(make_windows):
    quick = evolve(QUICK, image_size=48, width=8, batch_size=6, learning_rate=1e-2)
    settings = evolve(quick, epochs=6, views=120, clear=1.0)  # few frames, all alike
    novice, history = (
        ImplantNet(each, Env(seed=1)).fit(
            make_windows([0] * 8), make_windows([0] * 10, first=20), Env(seed=1)
        )
        for each in (evolve(settings, epochs=1, views=1), settings)
    )
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5, 6]
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    aurocs = [row["val_drawn_auroc"] for row in history.rows]
    assert aurocs[history.best_epoch - 1] == max(aurocs)
    assert history.rows[-1]["val_pixel_ap"] > 3 * novice.rows[0]["val_pixel_ap"]


def test_the_epoch_with_the_best_auroc_is_kept(make_windows, tmp_path, monkeypatch):
    kept = []
    aurocs = iter([0.3, 0.9, 0.4])

    def validate(network, *_):
        kept.append({name: value.clone().numpy() for name, value in network.state_dict().items()})
        return {"val_drawn_auroc": next(aurocs)}

    monkeypatch.setattr(learning, "_validate", validate)
    component = ImplantNet(evolve(QUICK, epochs=3), Env())
    history = component.fit(make_windows([0] * 3), make_windows([0] * 2, first=9), Env())
    assert history.best_epoch == 2
    learnt = weights_of(component, tmp_path)
    assert same(learnt, kept[1])
    assert not same(learnt, kept[2])


def test_a_running_average_of_the_weights_is_kept(make_windows, tmp_path, monkeypatch):
    steps = []

    class Recording(learning.AveragedModel):  # type: ignore[name-defined]
        def update_parameters(self, model):
            super().update_parameters(model)
            steps.append({name: value.clone().numpy() for name, value in model.state_dict().items()})

    monkeypatch.setattr(learning, "AveragedModel", Recording)
    component = ImplantNet(evolve(QUICK, epochs=1, views=30), Env())  # 10 steps
    component.fit(make_windows([0] * 3), make_windows([], first=9), Env())
    kept, mean = weights_of(component, tmp_path), steps[0]
    for seen, weights in enumerate(steps[1:], 1):
        share = 9 / (10 + seen)
        mean = {name: mean[name] + share * (weights[name] - mean[name]) for name in mean}
    assert all(np.allclose(kept[name], mean[name], rtol=1e-4, atol=1e-6) for name in kept)
    assert not same(kept, steps[-1])


@pytest.mark.parametrize("steps", [1, 2, 18, 19, 20])
def test_any_number_of_steps_can_be_made(make_windows, steps):
    component = ImplantNet(evolve(QUICK, epochs=1, views=steps, batch_size=1), Env())
    assert component.fit(make_windows([0] * 2), make_windows([], first=9), Env()).best_epoch == 1


def test_gradients_are_exact_on_a_gpu_as_well(make_windows, monkeypatch):
    seen = set()

    class Watched(network.MarkNet):
        def forward(self, planes):
            logits = super().forward(planes)
            cudnn = torch.backends.cudnn
            logits.register_hook(lambda _: seen.add((cudnn.deterministic, cudnn.allow_tf32)))
            return logits

    monkeypatch.setattr(network, "MarkNet", Watched)
    ImplantNet(evolve(QUICK, epochs=1), Env()).fit(make_windows([0] * 2), make_windows([], first=9), Env())
    assert seen == {(True, False)}


@pytest.mark.parametrize(("strings", "kept"), [(19, 2), (20, 1)])
def test_enough_real_strings_choose_the_epoch(make_windows, monkeypatch, strings, kept):
    figures = iter([{"val_auroc": 0.9, "val_drawn_auroc": 0.6}, {"val_auroc": 0.8, "val_drawn_auroc": 0.7}])
    monkeypatch.setattr(learning, "_validate", lambda *_: next(figures))
    val = make_windows([0] * 2 + [1] * strings, first=9, sequences="e" * 30)
    history = ImplantNet(QUICK, Env()).fit(make_windows([0] * 3), val, Env())
    assert history.best_epoch == kept
    assert history.notes == [
        "kept the epoch with the best AUROC of "
        + ("validation frames" if kept == 1 else "strings drawn into held-out frames")
    ]


def test_frames_with_strings_are_told_from_others(make_windows):
    history = ImplantNet(QUICK, Env()).fit(make_windows([0] * 3), make_windows([0, 0, 1], first=9), Env())
    assert all(0 <= row["val_auroc"] <= 1 for row in history.rows)
    history = ImplantNet(QUICK, Env()).fit(make_windows([0] * 3), make_windows([0, 0], first=9), Env())
    assert "val_auroc" not in history.rows[-1]


def test_few_abnormal_frames_change_nothing(make_windows, tmp_path):
    first, second = ImplantNet(QUICK, Env()), ImplantNet(QUICK, Env())
    first.fit(make_windows([0, 0, 0]), make_windows([0, 0], first=9), Env())
    second.fit(make_windows([0, 0, 0, 1]), make_windows([0, 0, 1], first=9), Env())
    assert same(weights_of(first, tmp_path / "a"), weights_of(second, tmp_path / "b"))


@pytest.mark.parametrize(
    ("sequences", "held_out"), [("aabbccddee", 2), ("aaaaaaaaaa", 2), ("abbbbbbbbb", None)], ids=str
)
def test_training_frames_are_held_out_where_validation_has_none(
    make_windows, monkeypatch, sequences, held_out
):
    seen = {}

    def learn(network, forward, material, validation, *_, **__):
        seen["train"], seen["val"] = len(material.canvas), len(validation.plain)
        return learning.History(rows=[{"epoch": 1, "val_auroc": 0.5}], best_epoch=1)

    monkeypatch.setattr("cs_implant_net.filter.learn", learn)
    history = ImplantNet(QUICK, Env()).fit(
        make_windows([0] * 10, sequences=sequences), make_windows([]), Env()
    )
    assert seen["train"] + seen["val"] == 10
    assert seen["val"] in ((held_out,) if held_out else (1, 9))
    assert any("held out" in note for note in history.notes)


def test_one_frame_is_enough(make_windows):
    history = ImplantNet(QUICK, Env()).fit(make_windows([0]), make_windows([]), Env())
    assert history.best_epoch == QUICK.epochs
    assert any("last epoch" in note for note in history.notes)


def test_no_more_frames_are_read_than_wanted(make_windows):
    class Counting:
        def __init__(self, windows):
            self.windows, self.labels, self.sequences = windows, windows.labels, windows.sequences
            self.read = []

        def __len__(self):
            return len(self.windows)

        def __getitem__(self, index):
            self.read.append(index)
            return self.windows[index]

    train, val = Counting(make_windows([0] * 9)), Counting(make_windows([0] * 5, first=20))
    ImplantNet(evolve(QUICK, max_frames=3, validation_frames=2), Env()).fit(train, val, Env())
    assert train.read == [0, 4, 8]
    assert val.read == [0, 4]


@pytest.mark.parametrize(("clear", "wanted"), [(0.5, [1, 3]), (0.1, [3]), (1.0, [0, 1, 2, 3])])
def test_strings_are_drawn_into_the_clearest_frames(make_windows, monkeypatch, clear, wanted):
    seen = []
    monkeypatch.setattr(material, "cavity", lambda frame: [0.3, 0.6, 0.3, 0.9][int(frame.id)])

    def learn(network, forward, material, *_, **__):
        seen.append(material.canvas)
        return learning.History(rows=[{"epoch": 1, "val_auroc": 0.5}], best_epoch=1)

    monkeypatch.setattr("cs_implant_net.filter.learn", learn)
    settings = evolve(QUICK, clear=clear)
    ImplantNet(settings, Env()).fit(make_windows([0] * 4), make_windows([0] * 2, first=9), Env())
    assert list(seen[0].clear) == wanted
    rng = np.random.default_rng(0)
    drawn = [seen[0].draw_any(rng) for _ in range(60)]
    frames = [frame.grey for frame in seen[0].frames]
    blank = [n for one in drawn for n, grey in enumerate(frames) if np.array_equal(one.plane, grey)]
    assert set(blank) == {0, 1, 2, 3}, "all are learnt from"


def test_fit_needs_a_normal_frame(make_windows):
    with pytest.raises(DataError, match="no normal training frame"):
        ImplantNet(QUICK, Env()).fit(make_windows([1]), make_windows([]), Env())


def test_the_seed_decides(fitted, tmp_path):
    first, again, other = (weights_of(fitted(seed=s), tmp_path / str(n)) for n, s in enumerate((1, 1, 2)))
    assert same(first, again)
    assert not same(first, other)


def test_fitting_again_starts_anew(make_windows):
    component, prints = ImplantNet(evolve(QUICK, epochs=1), Env()), []
    for _ in range(2):
        component.fit(make_windows([0] * 3), make_windows([0, 0], first=9), Env())
        prints.append(component.fingerprint)
    assert prints[0] == prints[1]


# Scoring


def test_the_score_is_that_of_the_map_on_the_embryo(fitted, make_frame):
    component = fitted()
    frame = make_frame(5)
    marks = component.marks(frame)
    strongest = np.sort(marks.logits[marks.inside])[-1:]  # 0.5 % of 16 x 16 pixels
    np.testing.assert_allclose(component.score([Window((frame,))]), [strongest.mean()], rtol=1e-5)
    explanation = component.explain(Window((frame,)))
    assert explanation.residual.max() == pytest.approx(1 / (1 + np.exp(-strongest[-1])), rel=0.2)
    np.testing.assert_array_equal(explanation.mask, frame.embryo.mask)


def test_with_flips_a_frame_and_its_mirror_image_score_alike(fitted, make_frame, tmp_path):
    fitted().save(tmp_path)
    component = ImplantNet(evolve(QUICK, flips=True), Env())
    component.load(tmp_path)
    frame = make_frame(5, size=(96, 96))  # an embryo whose view has the same margins on all sides
    mirrored = Frame(np.ascontiguousarray(frame.image[:, ::-1]), "m.png", circle=frame.circle)
    marks, others = component.marks(frame), component.marks(mirrored)
    assert np.abs(marks.logits - others.logits[:, ::-1]).max() < 0.1 * np.ptp(marks.logits)
    plain = fitted()
    assert np.abs(plain.marks(frame).logits - marks.logits).max() > 1e-3


def test_neighbours_in_time_count_the_less_the_farther(fitted, make_frame, tmp_path):
    fitted().save(tmp_path)
    plain, timed = (ImplantNet(evolve(QUICK, context=context), Env()) for context in (0, 2))
    for component in (plain, timed):
        component.load(tmp_path)
    assert (plain.context, timed.context) == (0, 2)
    frames = [make_frame(seed) for seed in range(5)]
    alone = plain.score([Window((frame,)) for frame in frames])
    around = [[max(0, min(4, n + d)) for d in (-2, -1, 0, 1, 2)] for n in range(5)]
    scores = timed.score([Window(tuple(frames[at] for at in places)) for places in around])
    expected = [np.dot(alone[places], [1, 2, 3, 2, 1]) / 9 for places in around]
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_the_cavity_and_what_else_is_seen_are_observed(fitted, make_frame):
    component = fitted()
    frames = [make_frame(5), make_frame(6)]
    observed = component.observe([Window((frame,)) for frame in frames])
    assert observed.keys() == {"cavity_area", "mass_area", "string_area"}
    marks = component.marks(frames[1])
    chances = 1 / (1 + np.exp(-marks.maps[1][marks.inside]))
    assert observed["cavity_area"][1] == pytest.approx(chances.mean(), rel=1e-4)


def test_a_frame_goes_through_the_network_once(fitted, make_frame, monkeypatch):
    component, seen = fitted(), []
    forward = component.network.forward
    monkeypatch.setattr(component.network, "forward", lambda planes: seen.append(1) or forward(planes))
    frame = make_frame(5)
    component.score([Window((frame,))])
    component.observe([Window((frame,))])
    component.marks(frame)
    assert len(seen) == 1


# Starting from weights


def test_weights_work_before_anything_is_learnt_and_are_learnt_from(fitted, make_windows, tmp_path):
    start = fitted()
    start.save(tmp_path / "anomaly_filter")
    component = ImplantNet(evolve(QUICK, weights=tmp_path), Env())
    windows = list(make_windows([0] * 2, first=30))
    np.testing.assert_array_equal(component.score(windows), start.score(windows))
    assert component.fingerprint == start.fingerprint
    history = component.fit(make_windows([0] * 4), make_windows([0, 0], first=10), Env())
    assert [row["epoch"] for row in history.rows] == [0, 1, 2]
    assert (component.fingerprint == start.fingerprint) == (history.best_epoch == 0)


def test_weights_that_no_epoch_betters_are_kept(fitted, make_windows, tmp_path, monkeypatch):
    start = fitted()
    start.save(tmp_path)
    figures = iter([{"val_drawn_auroc": 0.9}, {"val_drawn_auroc": 0.8}, {"val_drawn_auroc": 0.7}])
    monkeypatch.setattr(learning, "_validate", lambda *_: next(figures))
    component = ImplantNet(evolve(QUICK, weights=tmp_path), Env())
    history = component.fit(make_windows([0] * 3), make_windows([0, 0], first=9), Env())
    assert history.best_epoch == 0
    assert any("weights that were given" in note for note in history.notes)
    assert component.fingerprint == start.fingerprint


def test_a_bundle_has_its_own_weights_and_never_asks_for_those_it_started_from(fitted, tmp_path):
    fitted().save(tmp_path)
    component = ImplantNet(evolve(QUICK, weights=tmp_path / "gone"), Env())
    component.load(tmp_path)
    assert component.fingerprint == fitted().fingerprint
    with pytest.raises(SetupError, match="gone"):
        ImplantNet(evolve(QUICK, weights=tmp_path / "gone"), Env()).fingerprint  # noqa: B018


def test_a_network_sees_where_strings_fit(make_windows, fitted, tmp_path, monkeypatch):
    fitted().save(tmp_path)
    seen = []

    def learn(network, forward, material, *_, **__):
        seen.append(material.canvas)
        return learning.History(rows=[{"epoch": 1}], best_epoch=1)

    monkeypatch.setattr("cs_implant_net.filter.learn", learn)
    monkeypatch.setattr(ImplantNet, "_cavity", lambda self, view: view.inside & (view.plane[0, 0] % 2 == 0))
    windows = make_windows([0] * 4)
    ImplantNet(evolve(QUICK, weights=tmp_path), Env()).fit(windows, make_windows([0], first=9), Env())
    (canvas,) = seen
    assert list(canvas.clear) == [n for n, frame in enumerate(canvas.frames) if frame.grey[0, 0] % 2 == 0]


def test_what_an_epoch_has_reached_is_kept_where_wanted(make_windows, tmp_path):
    component = ImplantNet(evolve(QUICK, epochs=1), Env())
    env = Env(checkpoints=tmp_path / "so" / "far")
    component.fit(make_windows([0] * 3), make_windows([], first=9), env)
    again = ImplantNet(QUICK, Env())
    again.load(tmp_path / "so" / "far")
    assert again.fingerprint == component.fingerprint


@pytest.mark.slow
def test_embryos_that_are_drawn_need_no_frames(make_windows, tmp_path):
    settings = evolve(QUICK, image_size=64, drawn=1.0, views=8, batch_size=4, epochs=1)
    none = make_windows([])
    first, again, mixed = (
        ImplantNet(each, Env()) for each in (settings, settings, evolve(settings, drawn=0.5))
    )
    history = first.fit(none, none, Env())
    assert {"val_scene_auroc", "val_scene_pixel_ap"} <= history.rows[0].keys()
    again.fit(none, none, Env())
    assert same(weights_of(first, tmp_path / "1"), weights_of(again, tmp_path / "2"))
    mixed.fit(make_windows([0] * 3), make_windows([0, 0], first=9), Env())
    with pytest.raises(DataError, match="no normal training frame"):
        mixed.fit(none, none, Env())


# Saving


def test_a_saved_filter_scores_alike_and_has_the_same_fingerprint(fitted, make_windows, tmp_path):
    component = fitted()
    component.save(tmp_path / "new" / "folder")
    loaded = ImplantNet(evolve(QUICK, epochs=9, views=7), Env())
    assert loaded.fingerprint == ""
    loaded.load(tmp_path / "new" / "folder")
    windows = list(make_windows([0] * 3, first=30))
    np.testing.assert_allclose(loaded.score(windows), component.score(windows), rtol=0, atol=1e-5)
    assert loaded.fingerprint == component.fingerprint != fitted(seed=2).fingerprint
    flipping = ImplantNet(evolve(QUICK, flips=True), Env())
    flipping.load(tmp_path / "new" / "folder")
    assert flipping.fingerprint != component.fingerprint


@pytest.mark.parametrize("changed", [{"width": 8}, {"image_size": 64}], ids=str)
def test_weights_of_other_settings_are_refused(fitted, tmp_path, changed):
    fitted().save(tmp_path)
    with pytest.raises(SetupError, match="train again"):
        ImplantNet(evolve(QUICK, **changed), Env()).load(tmp_path)


@pytest.mark.parametrize("name", ["implant_net.json", "implant_net.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\x80\x04N."], ids=["missing", "empty", "pickle"])
def test_missing_and_damaged_files_are_refused(fitted, tmp_path, name, content):
    fitted().save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match="train it again"):
        ImplantNet(QUICK, Env()).load(tmp_path)


def test_weights_of_another_network_are_refused(fitted, tmp_path):
    fitted().save(tmp_path)
    save_file({"head.weight": np.zeros((1, 4, 1, 1), np.float32)}, tmp_path / "implant_net.safetensors")
    with pytest.raises(SetupError, match="train it again"):
        ImplantNet(QUICK, Env()).load(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in other units elsewhere")
def test_a_width_that_is_claimed_takes_no_memory(fitted, tmp_path):
    import resource

    fitted().save(tmp_path)
    meta = tmp_path / "implant_net.json"
    meta.write_text(meta.read_text().replace('"width": 4', '"width": 1024'))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(SetupError, match="train it again"):
        ImplantNet(evolve(QUICK, width=1024), Env()).load(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB, of 1.5 million


def test_without_weights_there_is_no_score(make_windows):
    with pytest.raises(SetupError, match="call fit or load first"):
        ImplantNet(QUICK, Env()).score(list(make_windows([0])))


@pytest.mark.parametrize(("name", "value"), [("image_size", 100), ("width", 6)])
def test_sizes_that_the_network_cannot_have(name, value):
    with pytest.raises(ValueError, match=f"{name}.*multiple of"):
        evolve(QUICK, **{name: value})


def test_weights_of_an_earlier_network_are_refused_with_the_way_out(fitted, tmp_path):
    fitted().save(tmp_path)
    meta = tmp_path / "implant_net.json"
    meta.write_text(meta.read_text().replace('"format": 3', '"format": 2'))
    with pytest.raises(SetupError, match=r"format 2, now 3.*pretrained"):
        ImplantNet(QUICK, Env()).load(tmp_path)

"""Frames with drawn strings as training frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cs_framework import Frame, boxes
from cs_framework.data import FrameRef, LabelledFrame, content_hash, read_frame
from cs_framework.pipeline.batch import make_units
from cs_framework.recipe.schema import ImplantSettings
from cs_framework.training.augment import Augmentation, amid_neighbours, is_drawn
from cs_framework.training.frames import scorer_frames
from cs_framework.training.regions import AugmentedFrames, Sampling


def _frames(kind: str, embryos: int, label: int, *, known: bool = True) -> list[LabelledFrame]:
    relative = np.array([[0.5, 0.5, 0.2, 0.1]]) if label and known else None
    return [
        LabelledFrame(
            FrameRef(f"{kind}/{e}_{n}.png", Path(f"{e}_{n}.png"), sequence=f"{kind}{e}"), label, relative
        )
        for e in range(embryos)
        for n in range(4)
    ]


NORMAL, ANNOTATED = _frames("train", 5, 0), _frames("one", 1, 1)


def _all_alike(frames: list[LabelledFrame]) -> list[float]:
    return [0.7] * len(frames)


def _mix(share: float, validation: list[LabelledFrame], frames: int = 1000, annotated=ANNOTATED):
    notes: list[str] = []
    settings = ImplantSettings(share, frames, clear=1.0)
    parts = scorer_frames(settings, Augmentation(3), NORMAL, annotated, validation, _all_alike, notes)
    return parts, notes


def test_without_drawn_strings_all_is_as_annotated():
    validation = [*_frames("val", 2, 0), *_frames("val", 2, 1)]
    parts, notes = _mix(0, validation)
    assert list(parts.train) == [*NORMAL, *ANNOTATED]
    assert list(parts.val) == validation
    assert not notes


def test_drawn_strings_are_seen_amid_the_neighbours_of_their_frame():
    units = make_units([f.ref for f in NORMAL], context=1)
    drawn = [f.ref for f in Augmentation(3).with_strings(NORMAL, 2 * len(NORMAL))]
    plain = dict(zip(units[0].refs, units[0].windows, strict=True))
    for ref, (before, middle, after) in zip(drawn, amid_neighbours(drawn, units).windows, strict=True):
        assert middle is ref
        frame = next(f.ref for f in NORMAL if f.ref.path == ref.path)
        assert (before, after) == plain[frame][::2]


@pytest.mark.parametrize(("share", "drawn"), [(0.5, 4), (0.8, 16), (0.2, 1)])
def test_the_share_of_drawn_frames_is_the_stated_one(share: float, drawn: int):
    parts, notes = _mix(share, _frames("val", 1, 0))
    assert sum(is_drawn(f.ref) for f in parts.train) == drawn
    assert sum(f.label for f in parts.train) == drawn + len(ANNOTATED)
    assert f"{drawn} of the {drawn + 4} string frames" in notes[-1]


def test_drawn_strings_alone_need_no_annotation_and_are_limited():
    parts, _ = _mix(1, _frames("val", 1, 0), frames=45, annotated=[])
    drawn = [f for f in parts.train if f.label]
    assert len(drawn) == 45
    assert len({f.ref.id for f in drawn}) == 45, "several in one frame have names of their own"
    assert {f.ref.sequence for f in drawn} == {f.ref.sequence for f in NORMAL}


def test_validation_on_drawn_strings_where_nobody_annotated():
    parts, notes = _mix(1, [*_frames("val", 3, 0), *_frames("val", 1, 1, known=False)])
    assert {f.ref.sequence for f in parts.val} == {"val0", "val1", "val2"}
    assert sum(is_drawn(f.ref) for f in parts.val) == 12
    assert "validated on strings drawn" in notes[0]


def test_only_training_frames_are_relit():
    parts = scorer_frames(
        ImplantSettings(1, 30), Augmentation(3, 0.3, 2.0), NORMAL, [], _frames("val", 3, 0), _all_alike, []
    )
    assert all("light" in f.ref.variant for f in parts.train)
    assert not any("light" in f.ref.variant for f in parts.val)


def test_strings_are_drawn_into_the_frames_with_the_clearest_cavities():
    clear = {f.ref.id: 0.1 * n for n, f in enumerate(NORMAL)}
    unread = NORMAL[-1]
    clear[unread.ref.id] = float("nan")
    settings = ImplantSettings(1, 30, clear=0.25)
    val = _frames("val", 1, 0)
    parts = scorer_frames(
        settings,
        Augmentation(3),
        NORMAL,
        [],
        val,
        lambda frames: [clear.get(f.ref.id, 0.5) for f in frames],
        [],
    )
    drawn = {f.ref.path for f in parts.train if f.label}
    wanted = NORMAL[-1 - round((len(NORMAL) - 1) * 0.25) : -1]
    assert drawn == {f.ref.path for f in wanted}
    assert any(is_drawn(f.ref) for f in parts.val), "one frame at least"


def test_annotated_validation_frames_come_first():
    validation = [*_frames("val", 1, 0), *_frames("val", 1, 1)]
    parts, _ = _mix(1, validation)
    assert list(parts.val) == validation


@pytest.fixture
def ref(tmp_path: Path) -> FrameRef:
    image = np.random.default_rng(0).integers(60, 140, (90, 100)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image)
    return FrameRef("a.png", tmp_path / "a.png", sequence="a")


def test_a_drawn_frame_is_another_one_for_caches_and_the_same_each_time(ref: FrameRef):
    (first, second) = (f.ref for f in Augmentation(1).with_strings([LabelledFrame(ref, 0)], 2))
    (other_seed,) = (f.ref for f in Augmentation(2).with_strings([LabelledFrame(ref, 0)], 1))
    assert len({content_hash(r) for r in (ref, first, second, other_seed)}) == 4
    read = AugmentedFrames(read_frame, Augmentation(1))
    images = [read(r).image for r in (first, first, second, ref)]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    assert np.array_equal(images[3], read_frame(ref).image)
    assert set(read.drawn) == {first.id, second.id}
    assert all(len(found) for found in read.drawn.values())


def test_light_and_focus_change_every_training_frame(ref: FrameRef):
    augmentation = Augmentation(1, brightness=0.3, blur=2.0)
    (plain,) = augmentation.plain([LabelledFrame(ref, 0)])
    changed = AugmentedFrames(read_frame, augmentation)(plain.ref)
    original = read_frame(ref)
    assert changed.id == original.id
    assert 0.69 <= changed.image.mean() / original.image.mean() <= 1.31
    assert changed.image.std() < original.image.std()
    assert content_hash(plain.ref) != content_hash(ref)


def test_background_of_drawn_frames_is_sampled_and_what_overlaps_is_kept(ref: FrameRef):
    (drawn,) = Augmentation(1).with_strings([LabelledFrame(ref, 0)], 1)
    found = boxes.as_boxes([(x, y, x + 10, y + 10) for x in range(0, 90, 5) for y in range(0, 80, 5)])
    annotated = boxes.as_boxes([(20, 20, 45, 30)])
    kept = Sampling(Augmentation(1), normal_regions=7).boxes(drawn, found, annotated)
    touching = boxes.iou(found, annotated)[:, 0] > 0
    assert len(kept) == touching.sum() + 7
    assert {tuple(b) for b in found[touching]} <= {tuple(b) for b in kept}
    assert len(Sampling(Augmentation(1), 7).boxes(ANNOTATED[0], found, annotated)) == len(found)
    assert len(Sampling(Augmentation(1), 7).boxes(NORMAL[0], found, boxes.as_boxes([]))) == 7


def test_frames_too_small_for_a_string_stay_without(ref: FrameRef):
    frame = Frame(np.zeros((8, 8, 3), np.uint8), "tiny.png")
    _, drawn = Augmentation(1).apply(Augmentation(1).with_strings([LabelledFrame(ref, 0)], 1)[0].ref, frame)
    assert drawn is not None
    assert drawn.shape == (0, 4)

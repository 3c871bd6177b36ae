from __future__ import annotations

import ctypes
import subprocess
import sys

import cv2
import numpy as np
import pytest

from cs_framework import Env, Frame, SetupError, boxes
from cs_selective_search import proposer as module
from cs_selective_search.proposer import SelectiveSearch
from cs_selective_search.settings import Settings

MODES = ("grey", "quality", "fast")


def blobs(size: tuple[int, int] = (90, 120), seed: int = 0, *, colour: bool = False) -> Frame:
    """Smooth random patches, grey or coloured."""
    rng = np.random.default_rng(seed)
    channels = 3 if colour else 1
    noise = cv2.GaussianBlur(rng.normal(size=(*size, channels)).astype(np.float32), (0, 0), 4)
    image = np.clip(128 + 500 * noise.reshape(*size, channels), 0, 255).astype(np.uint8)
    return Frame(np.broadcast_to(image, (*size, 3)).copy(), "blobs")


def propose(frame: Frame, **settings: object) -> np.ndarray:
    return SelectiveSearch(Settings(**settings), Env()).propose(frame)


def as_set(found: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(box) for box in found.tolist()}


@pytest.mark.parametrize("mode", MODES)
def test_boxes_are_distinct_inside_and_large_enough(mode: str) -> None:
    found = propose(blobs(), mode=mode, min_area=150)
    assert found.dtype == np.float32
    assert len(found) > 5
    assert len(as_set(found)) == len(found)
    assert np.array_equal(boxes.clip(found, (90, 120)), found)
    assert (boxes.area(found) >= 150).all()


@pytest.mark.parametrize("mode", ["quality", "fast"])
@pytest.mark.parametrize("colour", [False, True])
def test_published_modes_give_the_boxes_that_opencv_gives(mode: str, colour: bool) -> None:
    frame = blobs(colour=colour)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(frame.image[..., ::-1]))
    getattr(search, f"switchToSelectiveSearch{mode.title()}")()
    expected = as_set(boxes.from_xywh(search.process()))
    assert as_set(propose(frame, mode=mode, min_area=0.5)) == expected


@pytest.mark.parametrize("mode", MODES)
def test_order_does_not_depend_on_the_random_numbers_of_c(mode: str) -> None:
    libc = ctypes.CDLL(None)
    frame = blobs()
    results = []
    for seed in (1, 2):
        libc.srand(seed)
        cv2.setRNGSeed(seed)
        results.append(propose(frame, mode=mode))
    assert np.array_equal(*results)


def test_opencv_alone_depends_on_them() -> None:
    # The reason for ordering the boxes; should it fail one day, the ordering may go.
    libc = ctypes.CDLL(None)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(blobs().image)
    search.switchToSelectiveSearchFast()
    results = []
    for seed in (1, 2):
        libc.srand(seed)
        results.append(search.process())
    assert not np.array_equal(*results)


HISTORY = """
import zlib, cv2, numpy as np
from cs_framework import Env, Frame
from cs_selective_search.proposer import SelectiveSearch
from cs_selective_search.settings import Settings
def frame(seed):
    grey = np.random.default_rng(seed).integers(0, 256, (60, 70)).astype(np.uint8)
    return Frame(np.dstack([cv2.GaussianBlur(grey, (0, 0), 2)] * 3), str(seed))
search = SelectiveSearch(Settings(max_regions=20), Env())
for seed in {before}:
    search.propose(frame(seed))
print(zlib.crc32(search.propose(frame(7)).tobytes()))
"""


def test_order_does_not_depend_on_earlier_frames_of_the_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", HISTORY.replace("{before}", before)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for before in ("()", "(1, 2, 3)")
    }
    assert len(outputs) == 1


def test_cut_keeps_the_first_of_the_whole_set_and_all_sizes() -> None:
    whole = propose(blobs(), max_regions=10_000)
    half = propose(blobs(), max_regions=len(whole) // 2)
    assert np.array_equal(half, whole[: len(half)])
    quartiles = np.quantile(boxes.area(whole), [0.25, 0.75])
    kept = boxes.area(half)
    for share in (np.mean(kept <= quartiles[0]), np.mean(kept >= quartiles[1])):
        assert 0.15 < share < 0.35


def test_larger_frames_are_searched_smaller_and_boxes_scaled_back() -> None:
    small = blobs((256, 512))
    large = Frame(cv2.resize(small.image, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST), "large")
    found = propose(large, min_area=400, max_regions=10_000)
    assert as_set(found / 2) == as_set(propose(small, min_area=100, max_regions=10_000))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 60), (1, 3000), (9, 9), (40, 30)])
def test_small_and_constant_frames(mode: str, size: tuple[int, int]) -> None:
    found = propose(Frame(np.full((*size, 3), 80, np.uint8), "flat"), mode=mode)
    expected = [(0, 0, size[1], size[0])] if size[0] * size[1] >= 100 else []
    assert np.array_equal(found, boxes.as_boxes(expected))


def test_frame_is_left_alone() -> None:
    frame = blobs()
    before = frame.image.copy()
    for mode in MODES:
        propose(frame, mode=mode)
    assert np.array_equal(frame.image, before)


def test_opencv_without_contrib_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Plain:
        __version__ = "5.0.0"

    monkeypatch.setattr(module, "cv2", Plain)
    with pytest.raises(SetupError, match="pip install opencv-contrib-python"):
        SelectiveSearch(Settings(), Env())


@pytest.mark.parametrize(
    ("key", "value"),
    [("mode", "best"), ("max_regions", 0), ("min_area", 0.0), ("k", (20.0, 0.0)), ("min_size", 0)],
)
def test_settings_are_bounded(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        Settings(**{key: value})

from __future__ import annotations

import numpy as np
import pytest

from cs_framework import Embedder, Env, Frame, SetupError, boxes
from cs_framework.testing import sample_frames
from cs_implant_net.embedder import ImplantNetRegions
from cs_implant_net.filter import ImplantNet, Marks
from cs_implant_net.settings import EmbedderSettings
from cs_implant_net.views import View
from tests.plugins.cs_implant_net.conftest import QUICK

CELLS = 4 * 4


@pytest.fixture
def bound(fitted):
    """An embedder bound to a fitted filter."""
    embedder = ImplantNetRegions(EmbedderSettings(), Env())
    embedder.bind(fitted())
    return embedder


def boxes_in(frame: Frame) -> np.ndarray:
    height, width = frame.size
    return boxes.clip(
        boxes.as_boxes([(0, 0, width, height), (0, 0, 1, 1), (width / 4, height / 4, width / 2, height)]),
        frame.size,
    )


def test_embeddings_keep_the_contract_on_every_sort_of_frame(bound):
    assert isinstance(bound, Embedder)
    batch = [(frame, boxes_in(frame)) for frame in sample_frames().values()]
    rows = bound.embed(batch)
    for (_, found), row in zip(batch, rows, strict=True):
        assert row.dtype == np.float32
        assert row.shape == (len(found), bound.dim)
        assert np.isfinite(row).all()
        assert np.abs(row).max() < 1000
    alone = bound.embed(batch[:1])[0]
    np.testing.assert_array_equal(alone, rows[0])
    assert bound.embed([(batch[0][0], boxes.as_boxes([]))])[0].shape == (0, bound.dim)


class Marking(ImplantNet):
    """A filter that marks a given rectangle of the frame and nothing else."""

    def __init__(self, box):
        super().__init__(QUICK, Env())
        self.box = box

    def marks(self, frame):
        view = View.of(frame, 288)
        marks = Marks(view, np.full((3, 144, 144), -8, np.float32))
        x1, y1, x2, y2 = marks.from_frame(np.array([self.box], np.float32))[0].round().astype(int)
        marks.logits[y1:y2, x1:x2] = 4
        return marks


def test_what_is_marked_shows_in_the_box_its_cells_and_its_strips(make_frame):
    frame = make_frame(size=(144, 144))
    string = (50.0, 70.0, 90.0, 76.0)
    embedder = ImplantNetRegions(EmbedderSettings(), Env())
    embedder.bind(Marking(string))
    around, left_half, away = embedder.embed(
        [(frame, boxes.as_boxes([string, (50, 70, 70, 76), (50, 90, 90, 96)]))]
    )[0]
    chance = slice(1, None, 5)
    assert around[chance][0] > 9 > 1 > away[chance][0]
    assert around[chance][1 : 1 + CELLS].min() > 5
    left, right = left_half[chance][1 + CELLS : 3 + CELLS]
    assert left < 1 < 9 < right, "the string goes on to the right"
    share = 5 * (1 + CELLS + 4)
    assert around[share] == pytest.approx(1, abs=0.2)
    assert left_half[share] == pytest.approx(around[share] / 2, rel=0.2)
    assert away[share] < 0.1


def test_boxes_go_to_the_map_and_back(make_frame):
    marks = Marking((10, 10, 20, 20)).marks(make_frame())
    there = boxes.as_boxes([(3, 5, 30, 8), (40.5, 20.25, 60, 50)])
    np.testing.assert_allclose(marks.to_frame(marks.from_frame(there)), there, atol=1e-4)


def test_without_its_filter_it_refuses_with_the_cure(make_frame):
    embedder = ImplantNetRegions(EmbedderSettings(), Env())
    with pytest.raises(SetupError, match="embedder implant-net: bind it"):
        embedder.embed([(make_frame(), boxes.as_boxes([(0, 0, 5, 5)]))])
    with pytest.raises(SetupError, match="take another embedder"):
        embedder.bind(None)

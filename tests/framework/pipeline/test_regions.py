"""The post-steps that all proposers have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Frame
from cs_framework.api.boxes import as_boxes, iou
from cs_framework.errors import RecipeError
from cs_framework.pipeline.regions import postprocess, unite
from cs_framework.recipe import load_recipe
from cs_framework.recipe.schema import PipelineSettings
from tests.support.frames import write_recipe

FLAT = np.full((100, 200, 3), 90, np.uint8)
ON_EMBRYO = Frame(FLAT, "given", circle=(0.25, 0.5, 0.4))  # centre (50, 50), radius 40
NOWHERE = Frame(FLAT, "none")


@st.composite
def some_boxes(draw: st.DrawFn) -> np.ndarray:
    numbers = draw(st.lists(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(1, 100)] * 2), max_size=25))
    return as_boxes([(x, y, x + w, y + h) for x, y, w, h in numbers])


@given(some_boxes())
def test_by_default_nothing_but_the_limit_takes_boxes_away(found: np.ndarray) -> None:
    assert np.array_equal(postprocess(found, ON_EMBRYO, PipelineSettings()), found)
    assert np.array_equal(postprocess(found, ON_EMBRYO, PipelineSettings(max_proposals=3)), found[:3])


def test_search_on_the_embryo_drops_boxes_whose_centre_lies_off_it() -> None:
    found = as_boxes([(100, 40, 110, 60), (80, 45, 98, 55), (0, 0, 100, 100), (82, 45, 100, 55)])
    searched = PipelineSettings(search="embryo")
    assert postprocess(found, ON_EMBRYO, searched).tolist() == found[[1, 2]].tolist()
    assert np.array_equal(postprocess(found, NOWHERE, searched), found)


def test_sizes_are_fractions_of_the_embryos_diameter_or_the_shorter_side() -> None:
    found = as_boxes([(0, 0, 10, 10), (0, 0, 5, 80), (0, 0, 50, 50)])  # sizes 10, 20, 50
    sized = PipelineSettings(min_proposal_size=0.2, max_proposal_size=0.6)
    assert (
        postprocess(found, ON_EMBRYO, sized).tolist() == found[1:2].tolist()
    )  # of 80 px: 0.125, 0.25, 0.625
    assert postprocess(found, NOWHERE, sized).tolist() == found[1:].tolist()  # of 100 px: 0.1, 0.2, 0.5


@given(some_boxes(), st.sampled_from([0.0, 0.3, 0.7]))
def test_a_box_stays_exactly_if_no_earlier_one_that_stays_overlaps_it(
    found: np.ndarray, overlap: float
) -> None:
    left = postprocess(found, NOWHERE, PipelineSettings(proposal_overlap=overlap))
    expected: list[np.ndarray] = []
    for box in found:
        if all(iou(box[None], other[None])[0, 0] <= overlap for other in expected):
            expected.append(box)
    assert np.array_equal(left, as_boxes(expected))


def test_the_limit_counts_boxes_that_pass_everything_else() -> None:
    found = as_boxes([(0, 0, 4, 4), (20, 20, 60, 60), (21, 20, 61, 60), (150, 0, 190, 40), (60, 60, 99, 99)])
    settings = PipelineSettings(search="embryo", min_proposal_size=0.2, proposal_overlap=0.5, max_proposals=2)
    frame = Frame(FLAT, "given", circle=(0.2, 0.5, 0.6))
    assert postprocess(found, frame, settings).tolist() == found[[1, 4]].tolist()


@given(st.lists(some_boxes(), min_size=1, max_size=3))
def test_uniting_keeps_every_box_once_and_the_order_of_each_proposer(found: list[np.ndarray]) -> None:
    united = [tuple(box) for box in unite(found).tolist()]
    assert set(united) == {tuple(box) for boxes in found for box in boxes.tolist()}
    assert len(set(united)) == len(united)
    if len(found) == 1:
        assert united == list(dict.fromkeys(tuple(box) for box in found[0].tolist()))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("search", "zona"),
        ("min_proposal_size", 0.0),
        ("max_proposal_size", 0.0),
        ("proposal_overlap", 1.1),
        ("max_proposals", 0),
    ],
)
def test_settings_are_bounded(key: str, value: object, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "toy.toml", tmp_path)
    with pytest.raises(RecipeError, match=f"pipeline.{key}"):
        load_recipe(recipe, overrides=[f"pipeline.{key}={value}"])

"""``report.html`` as readers meet it: in a browser, without a network, in light and dark, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import opened
from tests.support.frames import write_recipe, write_root

HOSTILE = "<img src=x onerror=document.title='hacked'>&amp;<script>"
"""An embryo of this name is in the file names, thus all over the report."""


@pytest.fixture(scope="module")
def report(tmp_path_factory, cs_run) -> Path:
    folder = tmp_path_factory.mktemp("report")
    root = write_root(folder / "data", frames=4)
    for path in sorted(root.rglob("test1_*")):
        path.rename(path.with_name(path.name.replace("test1", HOSTILE)))
    (root / "test" / "normal" / f"{HOSTILE}_9.png").write_bytes(b"no image")
    recipe = write_recipe(folder / "toy.toml", root, data="hours_per_frame = 0.25")
    done = cs_run(recipe, "--no-cache", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "toy" / "report.html"


@pytest.fixture
def page(browser, report, request) -> Iterator[Page]:
    """The report in a new window."""
    with opened(browser, report, **getattr(request, "param", {})) as page:
        yield page


def colour(page: Page, selector: str = "body") -> str:
    return page.eval_on_selector(selector, "element => getComputedStyle(element).backgroundColor")


def painted(page: Page, selector: str) -> np.ndarray:
    """The pixels of an element."""
    shot = page.locator(selector).first.screenshot()
    return cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)


def test_the_answer_comes_first_and_every_section_is_there(page):
    assert page.locator("h1").inner_text() == "Strings reported in 2 of 2 embryos"
    assert page.title() == "toy: Strings reported in 2 of 2 embryos"
    titles = page.locator("h2").all_inner_texts()
    assert titles == [
        "How far to trust this",
        "Embryos",
        "Best and worst cases",
        "Figures",
        "Training",
        "What was run",
        "Skipped frames",
    ]
    assert "This rests on 2 embryos only" in page.locator(".trust").inner_text()
    rows = page.locator("table.embryos tbody tr")
    assert rows.count() == 2
    assert "4 of 8" in rows.first.inner_text()
    assert "1.0 h" in rows.first.inner_text()


def test_figures_are_drawn(page):
    for title in ("ROC curve", "Precision and recall", "What the proposals reach", "anomaly filter: loss"):
        chart = page.locator("figure.curve", has_text=title).locator("svg.chart")
        assert chart.bounding_box()["height"] > 100, title
    assert page.locator("svg.timeline").count() == 2
    assert page.locator("figure.case").count() >= 4
    assert painted(page, "figure.case .picture").std() > 5, "the frame is a picture indeed"
    assert painted(page, "figure.case .panels > :nth-child(3) .picture").std() > 5, "so is the residual"


def test_what_was_run_names_every_component(page):
    facts = page.locator("table.facts tr").all_inner_texts()
    for kind in ("Anomaly filter", "Proposer", "Embedder", "Scorer"):
        assert any(row.split("\t")[0] == kind and "toy" in row for row in facts), kind


def test_a_click_on_a_point_shows_its_frame(page):
    point = page.locator("svg.timeline").first.locator(".point").nth(5)
    caption = point.locator("title").text_content()
    point.click()
    viewer = page.locator("#viewer")
    assert viewer.is_visible()
    assert page.locator("#viewer-caption").inner_text() == caption
    with_boxes = painted(page, "#viewer .picture")
    assert with_boxes.std() > 5
    viewer.get_by_role("checkbox", name="boxes").uncheck()
    assert (painted(page, "#viewer .picture") != with_boxes).any(), "boxes can be taken away"
    viewer.get_by_role("button", name="later").click()
    assert page.locator("#viewer-caption").inner_text() != caption
    page.keyboard.press("Escape")
    assert not viewer.is_visible()


def test_the_keyboard_reaches_frames(page):
    page.locator("svg.timeline").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    titles = page.locator("svg.timeline").first.locator(".point title").all_text_contents()
    assert page.locator("#viewer-caption").inner_text() == titles[1]
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer-caption").inner_text() == titles[2]


def test_names_are_text_and_nothing_else(page):
    assert page.locator("summary", has_text=HOSTILE).count() == 1
    assert page.locator("th", has_text=f"test/normal/{HOSTILE}_9.png").count() == 1, "also skipped ones"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    page.locator("svg.timeline").nth(1).locator(".point").first.click()
    page.locator("svg.timeline").nth(0).locator(".point").first.dispatch_event("click")
    assert "hacked" not in page.title()


@pytest.mark.parametrize("page", [{"color_scheme": "dark"}], indirect=True)
def test_dark_screens_get_a_dark_page_and_paper_a_white_one(page):
    assert colour(page) == "rgb(20, 23, 26)"
    page.emulate_media(media="print", color_scheme="dark")
    assert colour(page) == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert page.locator("figure.case").first.is_visible()


def test_everything_is_unfolded_on_paper(page):
    page.locator("details.embryo").first.evaluate("element => { element.open = false }")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("page", [{"viewport": {"width": 400, "height": 800}}], indirect=True)
def test_a_telephone_scrolls_down_only(page):
    assert page.evaluate("document.documentElement.scrollWidth") == 400

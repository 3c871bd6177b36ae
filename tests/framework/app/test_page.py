"""The page as Streamlit's own test runner sees it."""

from __future__ import annotations

import csv
import shutil
import sys
import time

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from cs_framework.app import results
from tests.support.frames import streak_frame, write_recipe

pytestmark = pytest.mark.slow

TRUTH = "0 0.4 0.546875 0.2 0.15625"


def script(root):
    from pathlib import Path

    from cs_framework.app.page import show

    show(Path(root))


def png(string: bool = True) -> bytes:
    return cv2.imencode(".png", streak_frame(np.random.default_rng(3), string=string))[1].tobytes()


@pytest.fixture(autouse=True)
def main_module():
    """Streamlit puts its script in the place of the main module, which processes spawned later would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def opened(root, *files) -> AppTest:
    app = AppTest.from_function(script, kwargs={"root": str(root)}, default_timeout=180).run()
    if files:
        app.file_uploader(key="files").set_value([(name, data, "image/png") for name, data in files]).run()
    return checked(app)


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.info)
    return "\n".join(element.value for kind in kinds for element in kind)


def keys(elements) -> set:
    return {element.key for element in elements}


def analyse(app: AppTest, button: str = "analyse") -> AppTest:
    if button in keys(app.button):  # else it is known from an earlier test
        app.button(key=button).click().run()
    while "cancel" in keys(app.button):
        time.sleep(0.2)
        app.run()
    return checked(app)


def offered(app: AppTest, button: str) -> Button:
    """A button, once the page has it; the page may still be drawn from before."""
    for _ in range(100):
        if button in keys(checked(app).button):
            return app.button(key=button)
        assert not app.error, texts(app)
        time.sleep(0.1)
        app.run()
    raise AssertionError(f"there is no {button!r}: {texts(app)}")


@pytest.fixture
def page(root) -> AppTest:
    return analyse(opened(root, ("embryo.png", png())))


def widget(widgets, ending):
    return next(each for each in widgets if (each.key or "").endswith(ending))


def test_first_comes_what_to_do(root):
    app = opened(root)
    assert "cytoplasmic string" in app.title[0].value
    assert app.selectbox(key="model").value.label == "runs/toy"
    assert not app.error


def test_the_answer_its_reason_and_its_table(page):
    assert "A string is reported" in page.subheader[0].value
    assert "reaches the threshold" in texts(page)
    table = page.dataframe[0].value
    assert len(table) == 5
    assert list(table["confidence"]) == sorted(table["confidence"], reverse=True)
    captions = [image.caption for shown in page.get("image") for image in shown.proto.imgs]
    assert f"The best box, close up: {table['pixels'][0]}" in captions, "the table may be too narrow for it"


def test_fewer_boxes_without_a_new_analysis(page):
    widget(page.number_input, "|top").set_value(2).run()
    checked(page)
    assert "analyse" not in keys(page.button)
    assert len(page.dataframe[0].value) == 2


def test_a_threshold_that_nothing_reaches(page):
    widget(page.number_input, "|threshold").set_value(1e6).run()
    assert "Nothing unusual" in checked(page).subheader[0].value
    assert "A run would stop here" in texts(page)


def test_settings_of_a_stranger_s_component_are_asked_for_and_used(page):
    size = widget(page.number_input, "proposer.0|size")
    assert (size.value, size.min) == (16, 1)
    assert "side of a box in px" in size.help
    size.set_value(40).run()
    assert "analyse" in keys(checked(page).button), "another setting, another result"
    assert "40 x 40" in analyse(page).dataframe[0].value["pixels"][0]


def test_truth_is_drawn_and_compared_with(page):
    widget(page.text_area, "embryo.png").set_value(TRUTH).run()
    assert "Against 1 true box" in texts(checked(page))
    assert page.dataframe[0].value["IoU"].max() > 0.2
    widget(page.text_area, "embryo.png").set_value("0 7").run()
    assert "line 1" in texts(checked(page))


@pytest.mark.parametrize("section", ["All proposals", "Embedding", "Download", "Anomaly score"])
def test_looking_closer(page, section):
    next(c for c in page.segmented_control if (c.key or "").startswith("closer")).set_value(section).run()
    assert not checked(page).error
    said = texts(page) + "".join(metric.label for metric in page.metric)
    expected = {
        "All proposals": "Proposals",
        "Embedding": "Nearest regions",
        "Download": "The boxes shown",
        "Anomaly score": "Threshold",
    }
    assert expected[section] in said
    if section == "Download":
        assert [button.label for button in page.get("download_button")] == ["CSV", "COCO", "PNG"]


def test_two_models_side_by_side(page):
    other = next(entry for entry in page.selectbox(key="compare").options if "toy (recipe)" in entry)
    page.selectbox(key="compare").select_index(page.selectbox(key="compare").options.index(other)).run()
    analyse(page)
    headlines = [element.value for element in page.subheader]
    assert len(headlines) == 2
    assert "boxes proposed" in headlines[1]


def test_several_frames_are_a_sequence(root):
    app = opened(root, ("a_2.png", png()), ("a_10.png", png(string=False)))
    assert "a\\_2\\.png" in texts(app)
    analyse(app, "analyse-all")
    assert "analyse" not in keys(app.button)
    app.slider(key="at").set_value(2).run()
    assert "a\\_10\\.png" in texts(checked(app))
    assert app.subheader, "it is analysed already"
    (chart,) = app.get("vega_lite_chart") + app.get("arrow_vega_lite_chart")
    assert '"tickMinStep": 1' in chart.proto.spec, "there is no frame one and a half"


def test_frames_are_downloaded_under_the_names_they_now_have(root, monkeypatch):
    given: list[bytes] = []
    monkeypatch.setattr(
        results, "as_csv", lambda every, as_csv=results.as_csv: given.append(as_csv(every)) or b""
    )
    analyse(opened(root, ("alone.png", png())))
    app = analyse(opened(root, ("胚胎 1.png", png()), ("胚胎_1.png", png())), "analyse-all")
    next(c for c in app.segmented_control if (c.key or "").startswith("closer")).set_value("Download").run()
    rows = list(csv.DictReader(checked(app) and given[-1].decode().splitlines()))
    named = dict.fromkeys((row["frame"], row["sequence"], row["index"]) for row in rows)
    assert list(named) == [("胚胎_1.png", "dropped", "0"), ("胚胎_1-2.png", "dropped", "1")]


def test_truth_stays_with_its_image_when_a_name_passes_to_another(root):
    one, other = ("day 5.png", png()), ("day_5.png", png(string=False))
    app = opened(root, one, other)
    widget(app.text_area, "day_5.png").set_value(TRUTH).run()
    assert widget(app.text_area, "day_5.png").value == TRUTH
    app.file_uploader(key="files").set_value([(*other, "image/png")]).run()
    assert not widget(checked(app).text_area, "day_5.png").value


def test_frames_of_a_run_bring_their_truth(root):
    app = opened(root)
    app.segmented_control(key="where").set_value("Of a run").run()
    app.slider(key="at").set_value(6).run()
    analyse(app)
    assert "Against 1 true box" in texts(app)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bad.png", b"no image"),
        ("empty.png", b""),
        ("bad.tif", b"II*\x00\xff\xff\xff\xff"),
        ("bad.mp4", b"\x00\x00\x00\x18ftypmp42"),
        ("<script>alert(1)</script>.png", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_a_damaged_file_is_a_message(root, name, data):
    app = opened(root, (name, data))
    assert len(app.error) == 1
    assert "Traceback" not in app.error[0].value
    assert "<script>" not in app.error[0].value


def test_a_component_that_fails_is_a_message(root):
    app = opened(root, ("embryo.png", png()))
    widget(app.text_input, "anomaly_filter|fails_on").set_value("embryo").run()
    analyse(app)
    assert "planted failure" in texts(app)
    assert not app.subheader


def test_wrong_settings_are_named(root):
    app = opened(root, ("embryo.png", png()))
    app.selectbox(key="model").select_index(0).run()
    names = app.selectbox(key="model").options
    app.selectbox(key="model").select_index(names.index("real-frames (recipe)")).run()
    widget(app.text_input, "proposer.0|k").set_value("20, many").run()
    assert "selective\\-search" in checked(app).error[0].value
    widget(app.text_input, "proposer.0|k").set_value("20, 60").run()
    assert not checked(app).error


def test_a_setting_is_asked_for_only_where_it_acts(root):
    app = opened(root)
    names = app.selectbox(key="model").options
    app.selectbox(key="model").select_index(names.index("real-frames (recipe)")).run()
    assert any((each.key or "").endswith("|min_size") for each in app.number_input)
    widget(app.selectbox, "proposer.0|mode").set_value("fast").run()
    assert not any((each.key or "").endswith("|min_size") for each in checked(app).number_input)


def test_without_a_model_the_app_offers_to_make_one(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    write_recipe(
        tmp_path / "small.toml",
        tmp_path / "data",
        data='source = "synthetic"\nsynthetic = { embryos = 3, frames = 4, size = 96 }',
        anomaly_filter=f"settings = {{ learns_when = {str(tmp_path / 'never')!r} }}",
    )
    text = (tmp_path / "small.toml").read_text().replace('name = "toy"', 'name = "small"')
    (tmp_path / "small.toml").write_text(text)
    app = opened(tmp_path)
    assert "No model is trained here yet" in texts(app)
    assert "train" in keys(app.button)
    app.selectbox(key="model").select_index(0).run()
    app.button(key="train").click().run()
    offered(app, "cancel-training").click().run()
    assert offered(app, "train")

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

from cs_framework.app import page as page_module
from cs_framework.app import results
from cs_framework.app.folders import Entry
from cs_framework.bundle import read_bundle
from cs_framework.files import shipped
from tests.framework.app.conftest import PROGRAM
from tests.support.frames import streak_frame, write_recipe

pytestmark = pytest.mark.slow

TRUTH = "0 0.4 0.546875 0.2 0.15625"


MODEL = "runs/toy (trained, with one-file plugins)"


def script(root, programs):
    from pathlib import Path

    from cs_framework.app.page import show

    show(Path(root), programs)


def png(string: bool = True) -> bytes:
    return cv2.imencode(".png", streak_frame(np.random.default_rng(3), string=string))[1].tobytes()


@pytest.fixture(autouse=True)
def main_module():
    """Streamlit puts its script in the place of the main module, which processes spawned later would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def started(root, *, programs: bool) -> AppTest:
    kwargs = {"root": str(root), "programs": programs}
    return checked(AppTest.from_function(script, kwargs=kwargs, default_timeout=180).run())


def choose(app: AppTest, shown: str, key: str = "model") -> AppTest:
    app.selectbox(key=key).select_index(app.selectbox(key=key).options.index(shown)).run()
    return checked(app)


def opened(root, *files) -> AppTest:
    """The page with the trained model of the root chosen, if there is one."""
    app = started(root, programs=True)
    if MODEL in app.selectbox(key="model").options:
        choose(app, MODEL)
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


def of_any_confidence(page) -> AppTest:
    widget(page.number_input, "|min_confidence").set_value(0.0).run()
    return checked(page)


def test_the_answer_its_reason_and_its_table(page):
    assert "A string is reported" in page.subheader[0].value
    assert "reaches the threshold" in texts(page)
    table = of_any_confidence(page).dataframe[0].value
    assert len(table) == 5
    assert list(table["confidence"]) == sorted(table["confidence"], reverse=True)
    captions = [image.caption for shown in page.get("image") for image in shown.proto.imgs]
    assert f"The best box, close up: {table['pixels'][0]}" in captions, "the table may be too narrow for it"


def test_boxes_are_those_that_training_chose_to_report(root, page):
    point = read_bundle(root / "runs/toy/model").boxes.threshold
    assert widget(page.number_input, "|min_confidence").value is None
    assert f"{point:.4g}" in texts(page).replace("\\", ""), "what is left empty acts all the same"
    few = page.dataframe[0].value["confidence"]
    every = of_any_confidence(page).dataframe[0].value["confidence"]
    assert len(every) > len(few)
    assert list(few) == [confidence for confidence in every if confidence >= point]


def test_fewer_boxes_without_a_new_analysis(page):
    widget(of_any_confidence(page).number_input, "|top").set_value(2).run()
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
    assert "40 x 40" in of_any_confidence(analyse(page)).dataframe[0].value["pixels"][0]


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
    choose(page, "toy (recipe, with one-file plugins)", "compare")
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
    choose(app, "real-frames (recipe)")
    widget(app.text_input, "proposer.0|k").set_value("20, many").run()
    assert "selective\\-search" in checked(app).error[0].value
    widget(app.text_input, "proposer.0|k").set_value("20, 60").run()
    assert not checked(app).error


def test_a_setting_is_asked_for_only_where_it_acts(root):
    app = opened(root)
    choose(app, "real-frames (recipe)")
    assert any((each.key or "").endswith("|min_size") for each in app.number_input)
    widget(app.selectbox, "proposer.0|mode").set_value("fast").run()
    assert not any((each.key or "").endswith("|min_size") for each in checked(app).number_input)


@pytest.mark.parametrize("comes_along", [True, False])
def test_before_anything_is_trained_there_is_the_model_that_comes_along(comes_along, tmp_path, monkeypatch):
    pretrained = Entry("pretrained", shipped("pretrained"), "trained")
    monkeypatch.setattr(page_module, "comes_along", lambda: [pretrained] if comes_along else [])
    app = opened(tmp_path)
    assert (app.selectbox(key="model").value == pretrained) == comes_along
    assert ("No model is trained here yet" in texts(app)) != comes_along


def test_without_a_model_of_its_own_the_app_offers_to_make_one(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    write_recipe(
        tmp_path / "small.toml",
        tmp_path / "data",
        data='source = "synthetic"\nsynthetic = { embryos = 3, frames = 4, size = 96 }',
        anomaly_filter=f"settings = {{ learns_when = {str(tmp_path / 'never')!r} }}",
    )
    text = (tmp_path / "small.toml").read_text().replace('name = "toy"', 'name = "small"')
    (tmp_path / "small.toml").write_text(text)
    app = choose(opened(tmp_path), "small (recipe, with one-file plugins)")
    app.button(key="train").click().run()
    offered(app, "cancel-training").click().run()
    assert offered(app, "train")


HOSTILE = "![x](evil) **b** :red[c] `d`"
PLAIN = {"selectbox", "file_uploader", "arrow_data_frame", "code", "text_input", "slider"}
"""Elements of which the browser shows names as they are."""


def test_names_are_never_markdown(root, tmp_path):
    """A model's, a recipe's, a frame's: a picture elsewhere would be asked for when the page is seen."""
    shutil.copytree(root / "runs/toy", tmp_path / HOSTILE)
    shutil.copy(root / "toy.toml", tmp_path / f"{HOSTILE}.toml")
    app = started(tmp_path, programs=True)
    choose(app, f"{HOSTILE} (recipe, with one-file plugins)")
    app.file_uploader(key="files").set_value([(f"{HOSTILE}.png", png(), "image/png")]).run()
    choose(app, f"{HOSTILE} (trained, with one-file plugins)")
    choose(app, f"{HOSTILE} (recipe, with one-file plugins)", "compare")
    analyse(app)
    assert "evil" in texts(app), "its names are on the page"
    seen = [str(getattr(element, "proto", "")) for element in app._tree if element.type not in PLAIN]
    lines = [line for text in seen for line in text.splitlines() if not line.lstrip().startswith("id:")]
    assert [line for line in lines if HOSTILE[:4] in line] == []


def write_recipe_with_program(root):
    (root / "0-recipe.toml").write_text(
        'plugins = ["./evil.py"]\n[[proposer]]\nuse = "selective-search"\n'
        '[embedder]\nuse = "ridge-texture"\n[scorer]\nuse = "refining-mlp"\n'
    )
    (root / "evil.py").write_text(PROGRAM)


@pytest.mark.parametrize("programs", [True, False])
def test_opening_the_page_runs_nothing_that_lies_below_the_root(programs, download):
    """Neither a run's recipe nor one among the frames, though one is all there is to choose."""
    write_recipe_with_program(download)
    app = started(download, programs=programs)
    assert not app.error
    assert not app.selectbox(key="model").value.programs
    app.segmented_control(key="where").set_value("Of a run").run()
    checked(app)
    assert not list(download.rglob("RAN"))


@pytest.mark.parametrize(
    "name", ["0-recipe (recipe, with one-file plugins)", "b (trained, with one-file plugins)"]
)
def test_one_file_plugins_take_the_word_of_both_who_starts_and_who_chooses(name, download):
    write_recipe_with_program(download)
    app = choose(started(download, programs=False), name.replace("b (", "Downloads/b ("))
    assert not list(download.rglob("RAN"))
    assert ("allow\\-plugins" in texts(app)) == name.startswith("0")
    assert "train" not in keys(app.button)
    choose(started(download, programs=True), name.replace("b (", "Downloads/b ("))
    assert list(download.rglob("RAN"))

"""The page from hand-made run folders: it needs little, and leaves out what it lacks."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from cs_framework import Detection, Explanation, Frame
from cs_framework.api.components import Skipped
from cs_framework.errors import FrameError
from cs_framework.outputs import overlays, tables, write
from cs_framework.outputs.tracks import write_sequences
from cs_framework.pipeline.results import FrameResult
from cs_framework.report import contents, page, pictures
from cs_framework.report.page import write_report

BOX = (10.0, 10.0, 30.0, 20.0)


def read(name: str) -> Frame:
    noise = np.random.default_rng(len(name)).integers(0, 255, (40, 60, 1)).astype(np.uint8)
    return Frame(np.repeat(noise, 3, axis=2), name)


def explain(name: str) -> Explanation:
    return Explanation(read(name).grey.astype(np.float32), np.eye(40, 60, dtype=bool))


@pytest.fixture
def run(tmp_path):
    """The folder of a run that only detected: 3 embryos of 4 frames."""
    results = [
        FrameResult(
            f"e{e}_{i}",
            f"e{e}",
            i,
            (40, 60),
            0.1 * i,
            i > 0,
            detections=(Detection(f"e{e}_{i}", BOX, 0.2 * i + 0.1 * e, 0.5, 0.5, 0),),
        )
        for e in range(3)
        for i in range(4)
    ]
    (tmp_path / "resolved.toml").write_text(
        'name = "x"\nsteps = ["detect"]\nseed = 1\n[data]\nsource = "folder"\n[detect]\n'
    )
    write_sequences(tmp_path, results)
    write.detections(tmp_path, results)
    return tmp_path


def text(path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_same_files_give_the_same_bytes(run):
    first = write_report(run, read, explain).read_bytes()
    assert write_report(run, read, explain).read_bytes() == first
    assert b"Strings reported in 3 of 3 embryos" in first
    assert b"nothing here says how often it errs" in first


def test_every_picture_is_held_once(run):
    html = text(write_report(run, read, explain))
    names = re.findall(r'<symbol id="([^"]+)"', html)
    assert len(names) == len(set(names))
    assert set(re.findall(r'<use href="#([^"]+)"', html)) <= set(names)
    assert set(re.findall(r'data-picture="([^"]+)"', html)) <= set(names)
    plain = [name for name in names if name.endswith("-plain")]
    assert len(plain) == 12, "each frame, although some are cases, too"


def test_nothing_is_fetched_from_elsewhere(run):
    html = text(write_report(run, read, explain))
    assert set(re.findall(r'(?:src|href)="([^"]{5})', html)) <= {
        "data:",
        *re.findall(r'href="(#[^"]{4})', html),
    }
    assert "default-src 'none'" in html


def test_a_run_with_a_bundle_names_it_and_what_it_holds(run, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("bundle")
    components = {"anomaly_filter": {"use": "d/filter", "version": "1.2"}, "proposer": [{"use": "d/boxes"}]}
    (bundle / "bundle.json").write_text(json.dumps({"components": components}))
    resolved = run / "resolved.toml"
    resolved.write_text(text(resolved) + f"[model]\nbundle = '{bundle}'\n")
    html = text(write_report(run, read))
    assert re.findall(
        r'<th scope="row">(Anomaly filter|Proposer|Trained bundle)</th><td>(.*?)</td>', html
    ) == [
        ("Anomaly filter", "d/filter 1.2"),
        ("Proposer", "d/boxes"),
        ("Trained bundle", str(bundle)),
    ]


def test_frames_that_cannot_be_read_are_left_out(run, caplog):
    def some(name: str) -> Frame:
        if name.startswith("e2"):
            raise FrameError(f"{name}: gone")
        return read(name)

    html = text(write_report(run, some, explain))
    assert "e2_3" in html, "what was found is still told"
    assert html.count('data-picture=""') == 4
    assert "lacks the pictures of 4 frames" in caplog.text


def test_a_filter_that_cannot_explain_costs_the_maps_only(run, caplog):
    def fails(name: str) -> Explanation:
        raise ValueError("planted")

    html = text(write_report(run, read, fails))
    assert "<p>with boxes</p>" in html
    assert "<p>residual</p>" not in html
    assert "planted" in caplog.text
    assert "<p>residual</p>" not in text(write_report(run, read)), "nor is there a map without a filter"


def test_a_page_stays_small(run, monkeypatch):
    monkeypatch.setattr(pictures, "BUDGET", 1)
    html = text(write_report(run, read))
    assert 0 < len(re.findall(r'data-picture="f', html)) < 12
    assert 'data-picture=""' in html


def test_long_sequences_are_thinned_to_their_surest_frames(run, monkeypatch):
    monkeypatch.setattr(page, "POINTS", 2)
    html = text(write_report(run, read))
    assert html.count('class="point') == 6
    assert len(re.findall(r"<title>e0_[13] ", html)) >= 2


def test_of_many_embryos_the_surest_are_shown_and_the_others_counted(run, monkeypatch):
    monkeypatch.setattr(contents, "EMBRYOS", 1)
    html = text(write_report(run, read))
    assert "Strings reported in 3 of 3 embryos" in html
    assert html.count('<details class="embryo"') == 1
    assert "2 more embryos" in html
    assert "<summary>e2 " in html, "the one with the highest confidence"


def test_the_least_sure_cases_are_those_of_all_embryos(run, monkeypatch):
    monkeypatch.setattr(contents, "EMBRYOS", 1)
    html = text(write_report(run, read))
    group = html[html.index("Least sure") : html.index("Nearly")]
    assert re.findall(r"<figcaption>(\w+) ", group) == ["e0_1", "e1_1", "e2_1"]
    assert re.findall(r"<figcaption>(\w+) ", html[html.index("Nearly") :])[:3] == ["e0_0", "e1_0", "e2_0"]


def test_whatever_a_name_holds_is_one_text(run):
    name = 'a\n"b",<i>\u2028&'
    skipped = tables.skipped_table([Skipped(name, "read", "</th><script>")])
    tables.write_csv(run / "skipped.csv", skipped)
    html = text(write_report(run, read))
    assert "1 frame could not be used" in html
    assert "a\n&#34;b&#34;,&lt;i&gt;\u2028&amp;</th>" in html
    assert "<td>&lt;/th&gt;&lt;script&gt;</td>" in html


def test_boxes_have_the_colours_of_overlays(run):
    style = re.search(
        r"symbol \.found \{ stroke: (#\w+); \} symbol \.annotated \{ stroke: (#\w+)",
        text(write_report(run, read)),
    )
    assert style is not None
    wanted = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in (overlays.DETECTED, overlays.ANNOTATED)]
    assert list(style.groups()) == wanted


def test_a_box_stays_outside_of_what_it_marks_in_the_smallest_picture():
    shown, rims = 208, {"thin": 2.6, "strong": 5}  # pixels; of the picture beside a timeline, of style.css
    box = (100.0, 120.0, 200.0, 180.0)
    drawn = str(pictures._boxes([box], "found", (300, 400)))
    for strength, width in rims.items():
        (path,) = re.findall(rf'"found {strength}" d="([^"]+)"', drawn)
        xs = [float(x) for x in re.findall(r"[MLH]([\d.]+)", path)]
        outside = min(box[0] - min(xs), max(xs) - box[2]) * shown / 400
        assert outside >= width / 2, strength


def test_a_run_without_a_single_frame_has_a_report(run):
    write_sequences(run, [])
    write.detections(run, [])
    assert "No frame could be looked at" in text(write_report(run, read))

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from faster_coco_eval import COCO
from hypothesis import given
from hypothesis import strategies as st

from cs_framework import Detection, boxes
from cs_framework.data.formats import yolo
from cs_framework.outputs import interchange, tables
from cs_framework.pipeline.results import FrameResult


def result(frame: str, *found: tuple[float, float, float, float], flagged: bool = True) -> FrameResult:
    detections = tuple(Detection(frame, box, 0.9 - 0.1 * i, 0.8, 0.7, i) for i, box in enumerate(found))
    return FrameResult(
        frame=frame,
        sequence="e1",
        index=3,
        size=(100, 200),
        score=1.5,
        flagged=flagged,
        ranked=detections,
        detections=detections,
    )


RESULTS = [
    result("a.png", (10, 20, 30, 60), (50, 50, 60, 70)),
    result("b.png"),
    result("c.png", (0, 0, 5, 5), flagged=False),
]


def test_only_boxes_of_flagged_frames_are_reported(tmp_path):
    assert tables.detections_table(RESULTS)["frame"].to_pylist() == ["a.png", "a.png"]
    assert tables.frames_table(RESULTS)["detections"].to_pylist() == [2, 0, 0]
    assert interchange.reported(RESULTS[2]) is None


def test_coco_opens_in_a_coco_library(tmp_path, capsys):
    path = tmp_path / "d.json"
    interchange.write_coco(path, RESULTS, interchange.reported)
    data = COCO(path)
    assert len(data.getImgIds()) == 3
    first = data.loadAnns(data.getAnnIds(imgIds=[1]))[0]
    assert first["bbox"] == [10, 20, 20, 40]
    assert first["area"] == 800
    assert first["score"] == pytest.approx(0.9)
    document = json.loads(path.read_text())
    assert document.keys() == {"info", "licenses", "images", "annotations", "categories"}
    assert first.keys() >= {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "score"}
    assert (first["segmentation"], first["iscrowd"]) == ([], 0)


@given(
    st.tuples(st.floats(0, 150), st.floats(0, 80), st.floats(0.5, 50), st.floats(0.5, 20)),
    st.floats(0, 1),
)
def test_yolo_lines_keep_a_box_to_a_ten_thousandth_of_a_pixel(xywh, score):
    box = boxes.from_xywh([xywh])
    _, cx, cy, w, h, confidence = (float(v) for v in yolo.lines(box, (100, 200), [score]).split())
    back = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) * (200, 100, 200, 100)
    assert back == pytest.approx(box[0].astype(float), abs=1e-4)
    assert confidence == pytest.approx(score, abs=1e-6)


def test_label_files_are_named_as_their_images_and_none_is_empty(tmp_path):
    names = interchange.file_names(r.frame for r in RESULTS)
    interchange.write_yolo(tmp_path, RESULTS, interchange.reported, names)
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert len((tmp_path / "a.txt").read_text().splitlines()) == 2


def test_file_names_are_short_where_that_is_clear_and_unique_always():
    frames = ["x/a.png", "y/a.png", "y/b.v2.png", "z/c.png", "z/c.jpg", "s.tif#0", "s.tif#1"]
    names = interchange.file_names(frames)
    assert names["y/b.v2.png"] == "b.v2"
    assert names["x/a.png"] == "x__a"
    assert names["s.tif#1"] == "s_1"
    assert len(set(names.values())) == len(frames)


@given(
    frames=st.lists(
        st.text("aA1_/", min_size=1, max_size=5).filter(lambda name: not name.endswith("/")), unique=True
    ),
    endings=st.lists(st.sampled_from([".png", ".jpg", ".tif#1", "#1.png", ".png.png"]), min_size=1),
)
def test_no_two_frames_share_a_file_name(frames, endings):
    frames = list(dict.fromkeys(frame + ending for frame in frames for ending in endings))
    names = interchange.file_names(frames)
    assert len({name.casefold() for name in names.values()}) == len(frames)
    assert not any("/" in name for name in names.values())


def test_parquet_is_the_same_bytes_for_the_same_table(tmp_path):
    for name in ("a", "b"):
        tables.write_parquet(tmp_path / name, tables.detections_table(RESULTS))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_table(tmp_path / "a").num_rows == 2

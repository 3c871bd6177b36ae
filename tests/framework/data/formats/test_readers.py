"""What annotation tools write, and what goes wrong in it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_framework.data.convert import guess
from cs_framework.data.formats import coco, label_studio, voc, yolo
from cs_framework.errors import DataError


def as_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def coco_document(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 50}],
        "categories": [{"id": 3, "name": "string"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 5, 20, 10]}],
        **changes,
    }


def annotation(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 5, 20, 10], **changes}


class TestCoco:
    def test_reads(self, tmp_path: Path) -> None:
        crowd = annotation(iscrowd=1, bbox=[0, 0, 1, 1])
        path = as_json(tmp_path / "a.json", coco_document(annotations=[annotation(), crowd]))
        (frame,) = coco.read(path)
        assert (frame.name, frame.size, frame.scores) == ("a.png", (50, 100), None)
        assert frame.boxes.tolist() == [[10, 5, 30, 15]]

    @pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "C:\\a.png", "x/../../a.png", "a\0.png"])
    def test_names_never_lead_out(self, tmp_path: Path, name: str) -> None:
        document = coco_document(images=[{"id": 7, "file_name": name, "width": 9, "height": 9}])
        with pytest.raises(DataError, match=r"a\.json: image 0: .* leads out of the folder"):
            coco.read(as_json(tmp_path / "a.json", document))

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"annotations": [annotation(image_id=8)]}, "annotation 0: 8 is missing or names nothing"),
            ({"annotations": [annotation(category_id=1)]}, "annotation 0: 1 is missing"),
            ({"annotations": [annotation(bbox=[1, 2, 3])]}, "annotation 0: not enough values"),
            (
                {"annotations": [annotation(bbox=[1, 2, 0, 3])]},
                r"a\.png: a box of 0 x 3 pixels holds nothing",
            ),
            ({"annotations": [annotation(bbox=[200, 2, 9, 3])]}, r"a\.png: a box outside the frame: 200, 2"),
            ({"annotations": [annotation(bbox=[float("nan"), 2, 9, 3])]}, "not finite"),
            ({"annotations": ["x"]}, "annotation 0: "),
            ({"images": [{"id": 7}]}, "image 0: 'file_name' is missing"),
            ({"images": [{"id": [], "file_name": "a.png"}]}, "image 0: "),
            ({"images": {}}, "it has no list of images"),
        ],
    )
    def test_wrong(self, tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
        with pytest.raises(DataError, match=complaint):
            coco.read(as_json(tmp_path / "a.json", coco_document(**changes)))

    def test_two_images_with_one_id(self, tmp_path: Path) -> None:
        images = [{"id": 7, "file_name": name, "width": 100, "height": 50} for name in ("a.png", "b.png")]
        path = as_json(tmp_path / "a.json", coco_document(images=images))
        with pytest.raises(DataError, match=r"image 1: b\.png has the id of a\.png, 7"):
            coco.read(path)
        path = as_json(tmp_path / "a.json", coco_document(images=images[:1] * 2))
        assert [len(frame.boxes) for frame in coco.read(path)] == [1]

    def test_all_problems_at_once(self, tmp_path: Path) -> None:
        wrong = [annotation(bbox=[0, 0, -1, 1])] * 25
        with pytest.raises(DataError, match="and 5 more") as caught:
            coco.read(as_json(tmp_path / "a.json", coco_document(annotations=wrong)))
        assert str(caught.value).count("holds nothing") == 20

    def test_several_classes(self, tmp_path: Path) -> None:
        document = coco_document(
            categories=[{"id": 3, "name": "string"}, {"id": 4, "name": "debris"}],
            annotations=[annotation(), annotation(category_id=4, bbox=[1, 1, 2, 2])],
        )
        path = as_json(tmp_path / "a.json", document)
        with pytest.raises(DataError, match=r"several classes \(debris, string\): choose with --class"):
            coco.read(path)
        with pytest.raises(DataError, match="no box of the class 'cell'"):
            coco.read(path, "cell")
        assert coco.read(path, "debris")[0].boxes.tolist() == [[1, 1, 3, 3]]


def task(url: str = "/data/local-files/?d=sub/a%20b.png", **changes: Any) -> dict[str, Any]:
    return {"id": 4, "data": {"image": url}, "annotations": [{"result": [rectangle()]}], **changes}


def rectangle(**value: Any) -> dict[str, Any]:
    return {
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["string"], **value},
    }


class TestLabelStudio:
    def test_reads(self, tmp_path: Path) -> None:
        (frame,) = label_studio.read(as_json(tmp_path / "a.json", [task()]))
        assert (frame.name, frame.size) == ("sub/a b.png", (100, 200))
        assert frame.boxes.tolist() == [[20, 20, 80, 60]]

    @pytest.mark.parametrize(
        ("url", "name"),
        [
            ("/data/upload/3/0a1b2c3d-a-b.png", "a-b.png"),
            ("https://host/x/a%20b.png?token=1", "a b.png"),
            ("s3://bucket/x/a.png", "a.png"),
            ("x/a.png", "x/a.png"),
        ],
    )
    def test_names_of_frames(self, tmp_path: Path, url: str, name: str) -> None:
        assert label_studio.read(as_json(tmp_path / "a.json", [task(url)]))[0].name == name

    @pytest.mark.parametrize(
        "url", ["/data/local-files/?d=../a.png", "/data/local-files/?d=/etc/a", "/etc/a.png"]
    )
    def test_names_never_lead_out(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(DataError, match=r"task 4: .* leads out of the folder"):
            label_studio.read(as_json(tmp_path / "a.json", [task(url)]))

    def test_which_annotation_counts(self, tmp_path: Path) -> None:
        drawn = [
            {"result": [rectangle(x=1)]},
            {"result": [rectangle(x=2), {"type": "choices"}]},
            {"result": [], "was_cancelled": True},
        ]
        predicted = [{"result": [rectangle(x=3) | {"score": 0.5}]}]
        tasks = [
            task(annotations=drawn, predictions=predicted),
            task("b.png", annotations=[], predictions=predicted),
        ]
        a, b = label_studio.read(as_json(tmp_path / "a.json", tasks))
        assert a.boxes[:, 0].tolist() == [4]
        assert b.boxes[:, 0].tolist() == [6]
        assert b.scores is not None

    def test_skipped_tasks_are_left_out(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        skipped = task(annotations=[{"result": [], "was_cancelled": True}])
        predicted = [{"result": [rectangle() | {"score": 0.5}]}]
        tasks = [skipped | {"predictions": predicted}, task("b.png")]
        (frame,) = label_studio.read(as_json(tmp_path / "a.json", tasks))
        assert frame.name == "b.png"
        assert "1 tasks that were skipped are left out" in caplog.text

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("https://host/x/a.png", "https://host/y/a.png"),
            ("https://host/x/a.png", "s3://bucket/x/a.png"),
            ("/data/upload/3/0a1b2c3d-a.png", "/data/upload/3/0a1b2c3e-a.png"),
        ],
    )
    def test_different_images_of_one_name(self, tmp_path: Path, one: str, other: str) -> None:
        with pytest.raises(DataError) as caught:
            label_studio.read(as_json(tmp_path / "a.json", [task(one), task(other)]))
        assert f"task 4: {one} and {other} would both be the frame a.png" in str(caught.value)

    @pytest.mark.parametrize("url", ["/data/local-files/?d=a.png", "https://host/a.png?token={}"])
    def test_two_tasks_of_one_image_are_united(self, tmp_path: Path, url: str) -> None:
        tasks = [task(url.format(token)) for token in (1, 2)]
        assert [len(frame.boxes) for frame in label_studio.read(as_json(tmp_path / "a.json", tasks))] == [2]

    def test_a_turned_rectangle_becomes_the_box_around_it(self, tmp_path: Path) -> None:
        turned = task(annotations=[{"result": [rectangle(rotation=90)]}])
        (frame,) = label_studio.read(as_json(tmp_path / "a.json", [turned]))
        assert frame.boxes[0] == pytest.approx([20 - 40, 20, 20, 20 + 60])

    @pytest.mark.parametrize(
        ("value", "complaint"),
        [
            ({}, "not an export of Label Studio"),
            ([1], "not an export"),
            ([{"image": "a.png"}], "task 0: KeyError"),
            ([task(annotations=[{"result": [rectangle(width=0)]}])], "holds nothing"),
            ([task(annotations=[{"result": [rectangle(rectanglelabels=[])]}])], "task 4: "),
        ],
    )
    def test_wrong(self, tmp_path: Path, value: Any, complaint: str) -> None:
        with pytest.raises(DataError, match=complaint):
            label_studio.read(as_json(tmp_path / "a.json", value))


VOC = """<annotation><filename>{name}</filename>
<size><width>100</width><height>50</height><depth>1</depth></size>
<object><name>string</name><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>{right}</xmax><ymax>15</ymax></bndbox>
</object></annotation>"""


class TestVoc:
    def test_reads_a_folder_and_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        path = tmp_path / "sub/a.xml"
        path.write_text(VOC.format(name="a.png", right=30))
        (frame,) = voc.read(tmp_path)
        assert (frame.name, frame.size, frame.boxes.tolist()) == ("sub/a.png", (50, 100), [[10, 5, 30, 15]])
        assert voc.read(path)[0].name == "a.png"

    def test_linked_folders(self, tmp_path: Path) -> None:
        for folder in ("away", "in"):
            (tmp_path / folder).mkdir()
        (tmp_path / "away/a.xml").write_text(VOC.format(name="a.png", right=30))
        (tmp_path / "in/sub").symlink_to(tmp_path / "away")
        (tmp_path / "in/loop").symlink_to(tmp_path / "in")
        assert guess(tmp_path / "in") == "voc"
        assert [frame.name for frame in voc.read(tmp_path / "in")] == ["sub/a.png"]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (VOC.format(name="../a.png", right=30), "leads out of the folder"),
            (VOC.format(name="a.png", right=10), "holds nothing"),
            (VOC.format(name="a.png", right="x"), "not a Pascal VOC file: could not convert"),
            (VOC.format(name="", right=3), "filename is missing"),
            ("<annotation>", "not a Pascal VOC file"),
        ],
    )
    def test_wrong(self, tmp_path: Path, text: str, complaint: str) -> None:
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(DataError, match=complaint):
            voc.read(tmp_path)

    def test_entities_that_multiply_are_refused(self, tmp_path: Path) -> None:
        entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
        head = f'<!DOCTYPE a [<!ENTITY e0 "aaaaaaaaaa">{entities}]>'
        bomb = f"{head}<annotation><filename>&e11;</filename></annotation>"
        (tmp_path / "a.xml").write_text(bomb)
        with pytest.raises(DataError, match="not a Pascal VOC file: limit on input amplification"):
            voc.read(tmp_path)

    def test_no_files(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"no \.xml files"):
            voc.read(tmp_path)


class TestYolo:
    @pytest.mark.parametrize(
        ("frame", "file"),
        [
            ("a.png", "a.txt"),
            ("x/a.b.png", "x/a.b.txt"),
            ("s.tif#3", "s#3.txt"),
            ("#1/a#b.tif#3", "#1/a#b#3.txt"),
            ("a#2.png", "a#2.txt"),
            ("train/abnormal/e/a.png", "train/e/a.txt"),
            ("train/a.png", "train/a.txt"),
        ],
    )
    def test_names_of_label_files(self, frame: str, file: str) -> None:
        assert yolo.file_name(frame) == file

    def test_frames_without_a_file_have_no_boxes(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        a, b = yolo.read(tmp_path, {"a.png": (100, 100), "b.png": (10, 10)})
        assert a.boxes[0] == pytest.approx([40, 40, 60, 60])
        assert len(b.boxes) == 0

    def test_wrong_lines_and_a_wrong_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2\n")
        with pytest.raises(DataError, match=r"a\.txt:1: 4 values"):
            yolo.read(tmp_path, {"a.png": (9, 9)})
        with pytest.raises(DataError, match=r"no file belongs to a frame, such as a\.txt"):
            yolo.read(tmp_path, {"b.png": (9, 9)})
        (tmp_path / "in").mkdir()
        (tmp_path / "in/sub").symlink_to(tmp_path)
        with pytest.raises(DataError, match=r"no file belongs to a frame, such as sub/a\.txt"):
            yolo.read(tmp_path / "in", {"b.png": (9, 9)})

    def test_frames_that_share_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        with pytest.raises(DataError, match=r"a\.txt: a\.png and a\.bmp share these boxes"):
            yolo.read(tmp_path, {"a.png": (9, 9), "a.bmp": (9, 9)})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["images", "id", "file_name", "annotations", "bbox", "data", "image", "result", "value"]
            ),
            inner,
        )
    ),
    max_leaves=8,
)


@given(json_values, json_values)
@settings(deadline=None)
def test_rubbish_is_only_ever_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, images: Any, annotations: Any
) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "a.json"
    for read, value in (
        (coco.read, {"images": [images], "categories": [images], "annotations": [annotations]}),
        (coco.read, images),
        (label_studio.read, [{"data": {"image": "a"}, "annotations": annotations, "predictions": images}]),
        (label_studio.read, [{"data": images, "annotations": [{"result": [annotations]}]}]),
    ):
        with contextlib.suppress(DataError):
            read(as_json(path, value))

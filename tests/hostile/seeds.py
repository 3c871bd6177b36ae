"""Good files of every kind, to spoil."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from cs_dual_head.scorer import DualHeadScorer
from cs_framework.api.components import Env
from cs_framework.pipeline.cache import CacheNamespace
from cs_framework.testing import sample_table
from tests.framework.data.videos import moving, write_video
from tests.framework.pipeline import nets
from tests.hostile.targets import KEPT, SCORER

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16), np.uint8)

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 16, "height": 12}],
    "categories": [{"id": 1, "name": "string"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}],
}
RESULT = {
    "type": "rectanglelabels",
    "original_width": 16,
    "original_height": 12,
    "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 30, "rectanglelabels": ["string"]},
}
TASKS = [{"data": {"image": "/data/local-files/?d=a.png"}, "annotations": [{"result": [RESULT]}]}]
VOC = """<annotation><filename>a.png</filename><size><width>16</width><height>12</height></size>
<object><name>string</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
</annotation>"""
OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels
DimensionOrder="XYZCT" SizeX="16" SizeY="12" SizeZ="2" SizeC="1" SizeT="2" Type="uint8" TimeIncrement="60">
<TiffData IFD="0" FirstT="0" PlaneCount="2"/><TiffData IFD="2" FirstT="1" FirstZ="0" PlaneCount="2"/>
</Pixels></Image></OME>"""
RECIPE = """name = "a"
steps = ["train", "detect"]
[data]
source = "synthetic"
group_pattern = '(?P<group>.+)_'
[anomaly_filter]
use = "autoencoder"
settings = { epochs = 1 }
[[proposer]]
use = "anchor-grid"
[embedder]
use = "ridge-texture"
[scorer]
use = "dual-head-mlp"
[pipeline]
top = 3
"""
BUNDLE = {
    "format": 1,
    "versions": {"torch": "2.5"},
    "components": {
        "proposer": [{"use": "anchor-grid", "settings": {}}],
        "embedder": {"use": "ridge-texture", "settings": {}},
        "scorer": {"use": "dual-head-mlp", "settings": {"hidden": [2]}},
    },
    "gate": {
        "point": {
            "threshold": 0.5,
            "rule": "youden",
            "sensitivity": 1.0,
            "specificity": None,
            "notes": ["a note"],
        },
        "scores": [0.1, 0.9],
        "labels": [0, 1],
    },
    "notes": ["a note"],
    "provenance": {"seed": 1},
}


def picture(kind: str, mode: str = "L", **options: object) -> bytes:
    """An image that Pillow writes."""
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, kind, **options)
    return file.getvalue()


def tiff(values: np.ndarray = PIXELS, **options: object) -> bytes:
    """A TIFF that tifffile writes."""
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


def video(folder: Path, suffix: str) -> bytes:
    """Three frames."""
    path = folder / f"seed.{suffix}"
    if suffix == "avi":
        write_video(path, moving(3), codec="mpeg4", pixels="yuv420p", bf="0")
    else:
        write_video(path, moving(3))
    content = path.read_bytes()
    path.unlink()
    return content


def kept(folder: Path) -> bytes:
    """The file of a cache."""
    CacheNamespace(folder / "seed-cache").put(KEPT)
    (path,) = (folder / "seed-cache").iterdir()
    return path.read_bytes()


def write_bundle(folder: Path) -> Path:
    """A small bundle with a trained scorer; gives its ``bundle.json``."""
    (folder / "scorer").mkdir(parents=True)
    scorer = DualHeadScorer(SCORER, Env())
    scorer.fit(sample_table(), None, Env())
    scorer.save(folder / "scorer")
    (folder / "bundle.json").write_text(json.dumps(BUNDLE))
    return folder / "bundle.json"


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Good files by target; `folder` is for files that have to be made on a disk."""
    model = write_bundle(folder / "seed-model").parent
    scorer = model / "scorer"
    return {
        "png": [picture("PNG"), picture("PNG", "P"), picture("PNG", "RGBA"), picture("PNG", "I;16")],
        "jpeg": [picture("JPEG"), picture("JPEG", "RGB", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")],
        "bmp": [picture("BMP"), picture("BMP", "1")],
        "tiff": [
            tiff(),
            tiff(np.stack([PIXELS] * 3), photometric="minisblack", compression="zlib", predictor=True),
            tiff(np.stack([PIXELS] * 4).reshape(2, 2, 12, 16), ome=True, metadata={"axes": "TZYX"}),
            tiff(np.stack([PIXELS] * 4), description=OME, metadata=None, photometric="minisblack"),
            tiff(np.stack([PIXELS] * 3), imagej=True, metadata={"axes": "TYX", "finterval": 60.0}),
            tiff(np.stack([PIXELS] * 3, axis=-1), photometric="rgb", compression="lzw", tile=(16, 16)),
            tiff(compression="lzw", rowsperstrip=4),
            tiff(np.tile(PIXELS, (40, 40)), compression="lzw"),  # codes of all widths
            tiff(PIXELS.astype(np.uint16), bigtiff=True),
            tiff(np.stack([PIXELS] * 3, axis=-1), photometric="rgb", compression="jpeg"),
        ],
        "mp4": [video(folder, "mp4")],
        "avi": [video(folder, "avi")],
        "mkv": [video(folder, "mkv")],
        "list": [b"a.png\nsub/b.tif\n"],
        "csv-list": [b"path,group,frame_no,hours\na.png,e1,0,0.5\n"],
        "index": [b"path,group,frame_no,hours\na.png,e1,0,0.5\n"],
        "yolo": [b"0 0.5 0.5 0.25 0.25\n0 .1 .1 .1 .1 .9\n"],
        "coco": [json.dumps(COCO).encode()],
        "label-studio": [json.dumps(TASKS).encode()],
        "voc": [VOC.encode()],
        "pattern": [rb"(?P<group>.+?)_(?P<frame>\d{1,4})(?:_z(?P<z>-?\d+))?$"],
        "recipe": [RECIPE.encode()],
        "bundle": [json.dumps(BUNDLE).encode()],
        "weights": [(scorer / "dual-head-mlp.safetensors").read_bytes()],
        "shape": [(scorer / "dual-head-mlp.json").read_bytes()],
        "cache": [kept(folder)],
        "network": [nets.scaled()],
    }

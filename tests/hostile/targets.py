"""What the framework does with files of strangers, each as a function of one file.

Whatever the file holds, it returns or raises a `CSError`. Shared by the corpus and by `soak.fuzz`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from cs_dual_head.scorer import DualHeadScorer
from cs_dual_head.settings import DualHeadSettings
from cs_framework.api.components import Env
from cs_framework.bundle import read_bundle
from cs_framework.data.convert import Format, read_labels
from cs_framework.data.groups import read_index
from cs_framework.data.labels import read_yolo
from cs_framework.data.source import open_source
from cs_framework.errors import DataError
from cs_framework.pipeline.cache import CacheNamespace
from cs_framework.pipeline.components import load_trained
from cs_framework.recipe import load_recipe
from cs_framework.recipe.patterns import NamePattern
from cs_framework.recipe.schema import DataSettings
from cs_framework.registry import Registry

SCORER = DualHeadSettings(hidden=(2,))
"""Of the bundles of the corpus; small, so that a fuzzer changes what matters."""


def frames(path: Path) -> None:
    """List and decode, as every run does; what cannot be read has to be an error of its frame."""
    source = open_source(path, DataSettings())
    for ref in source.refs[:4]:
        source.read(ref)


def yolo(path: Path) -> None:
    """Read a label file, whose problems are told as the check of a data root tells them."""
    labels = read_yolo(path)
    if labels.problems:
        raise DataError(labels.problems[0])


def index(path: Path) -> None:
    """Read ``index.csv``."""
    read_index(path, {"path", "group"})


def _labels(read_as: Format) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        read_labels(path, Env(), read_as=read_as)

    return read


def recipe(path: Path) -> None:
    """Check a recipe against the installed plugins."""
    load_recipe(path, registry=_registry())


def bundle(path: Path) -> None:
    """Read a bundle by its ``bundle.json``, and what its scorer learnt."""
    asking = path.parent.with_name(f"{path.parent.name}.toml")
    asking.write_text(f"steps = ['detect']\n[model]\nbundle = {str(path.parent)!r}\n")
    load_recipe(asking, registry=_registry())
    read_bundle(path.parent)
    load_trained(DualHeadScorer(SCORER, Env()), path.parent / "scorer", Env())


KEPT = {"one": {"boxes": np.arange(12, dtype=np.float32).reshape(3, 4), "size": np.array([12, 16])}}
"""What the file of a cache held before it was damaged."""


def cached(path: Path) -> None:
    """Look into a cache: what it gives is what it was given."""
    found = CacheNamespace(path.parent).get("one")
    if found is not None:
        for name, value in KEPT["one"].items():
            np.testing.assert_array_equal(found.pop(name), value, strict=True)
        assert not found


def pattern(path: Path) -> None:
    """Tell embryos by a pattern over names."""
    try:
        found = NamePattern(path.read_text(encoding="latin-1"))
    except ValueError as error:
        raise DataError(str(error)) from error
    for name in ("embryo-12_0034_z-2", "a" * 40, ""):
        found.find(name)


@cache
def _registry() -> Registry:
    return Registry.discover()


TARGETS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png": ("a.png", frames),
    "jpeg": ("a.jpg", frames),
    "bmp": ("a.bmp", frames),
    "tiff": ("a.tif", frames),
    "mp4": ("a.mp4", frames),
    "avi": ("a.avi", frames),
    "mkv": ("a.mkv", frames),
    "list": ("frames.txt", frames),
    "csv-list": ("frames.csv", frames),
    "index": ("index.csv", index),
    "yolo": ("a.txt", yolo),
    "coco": ("a.json", _labels("coco")),
    "label-studio": ("a.json", _labels("label-studio")),
    "voc": ("a.xml", _labels("voc")),
    "pattern": ("pattern.txt", pattern),
    "recipe": ("recipe.toml", recipe),
    "bundle": ("model/bundle.json", bundle),
    "weights": (
        "model/scorer/dual-head-mlp.safetensors",
        lambda path: bundle(path.parents[1] / "bundle.json"),
    ),
    "shape": ("model/scorer/dual-head-mlp.json", lambda path: bundle(path.parents[1] / "bundle.json")),
    "cache": ("cache/a.safetensors", cached),
    "network": ("model/scorer/network.onnx", lambda path: bundle(path.parents[1] / "bundle.json")),
}
"""By kind of file: its name in a folder, and what is done with it."""

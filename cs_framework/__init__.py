"""Find cytoplasmic strings in embryo time-lapse frames, with components that plugins supply.

Everything a plugin needs is importable from here. The names are loaded when first used, so that
``import cs_framework`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cs_framework import boxes as boxes
    from cs_framework._markers import hookimpl as hookimpl
    from cs_framework.embryo import EmbryoRegion as EmbryoRegion
    from cs_framework.embryo import embryo_region as embryo_region
    from cs_framework.errors import CSError as CSError
    from cs_framework.errors import DataError as DataError
    from cs_framework.errors import FrameError as FrameError
    from cs_framework.errors import RecipeError as RecipeError
    from cs_framework.errors import SetupError as SetupError
    from cs_framework.implants import Implant as Implant
    from cs_framework.implants import cavity as cavity
    from cs_framework.implants import implant as implant
    from cs_framework.interfaces import AnomalyFilter as AnomalyFilter
    from cs_framework.interfaces import Detection as Detection
    from cs_framework.interfaces import Embedder as Embedder
    from cs_framework.interfaces import Env as Env
    from cs_framework.interfaces import Explanation as Explanation
    from cs_framework.interfaces import Frame as Frame
    from cs_framework.interfaces import History as History
    from cs_framework.interfaces import Proposer as Proposer
    from cs_framework.interfaces import Regions as Regions
    from cs_framework.interfaces import RegionScores as RegionScores
    from cs_framework.interfaces import RegionTable as RegionTable
    from cs_framework.interfaces import Scorer as Scorer
    from cs_framework.interfaces import Window as Window
    from cs_framework.interfaces import Windows as Windows
    from cs_framework.pooling import pool_boxes as pool_boxes
    from cs_framework.records import AnomalyFilterSpec as AnomalyFilterSpec
    from cs_framework.records import EmbedderSpec as EmbedderSpec
    from cs_framework.records import ProposerSpec as ProposerSpec
    from cs_framework.records import ScorerSpec as ScorerSpec
    from cs_framework.ridges import LineMaps as LineMaps
    from cs_framework.ridges import RidgeMaps as RidgeMaps
    from cs_framework.ridges import line_maps as line_maps
    from cs_framework.ridges import ridge_maps as ridge_maps
    from cs_framework.settings import PathOrName as PathOrName
    from cs_framework.settings import setting as setting
    from cs_framework.vision import Backbone as Backbone
    from cs_framework.vision import CropEmbedder as CropEmbedder
    from cs_framework.vision import PooledEmbedder as PooledEmbedder
    from cs_framework.weights import locate_weights as locate_weights
    from cs_framework.weights import reading_weights as reading_weights

_HOME = {
    "hookimpl": "_markers",
    "boxes": "boxes",
    "EmbryoRegion": "embryo",
    "embryo_region": "embryo",
    "CSError": "errors",
    "DataError": "errors",
    "FrameError": "errors",
    "RecipeError": "errors",
    "SetupError": "errors",
    "Implant": "implants",
    "cavity": "implants",
    "implant": "implants",
    "AnomalyFilter": "interfaces",
    "Detection": "interfaces",
    "Embedder": "interfaces",
    "Env": "interfaces",
    "Explanation": "interfaces",
    "Frame": "interfaces",
    "History": "interfaces",
    "Proposer": "interfaces",
    "RegionScores": "interfaces",
    "RegionTable": "interfaces",
    "Regions": "interfaces",
    "Scorer": "interfaces",
    "Window": "interfaces",
    "Windows": "interfaces",
    "pool_boxes": "pooling",
    "AnomalyFilterSpec": "records",
    "EmbedderSpec": "records",
    "ProposerSpec": "records",
    "ScorerSpec": "records",
    "LineMaps": "ridges",
    "RidgeMaps": "ridges",
    "line_maps": "ridges",
    "ridge_maps": "ridges",
    "PathOrName": "settings",
    "setting": "settings",
    "Backbone": "vision",
    "CropEmbedder": "vision",
    "PooledEmbedder": "vision",
    "locate_weights": "weights",
    "reading_weights": "weights",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (a list, though not a literal one)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    value = module if name == _HOME[name] else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

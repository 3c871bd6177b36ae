"""Find cytoplasmic strings in embryo time-lapse frames, with components that plugins supply.

Everything a plugin needs is importable from here. The names are loaded when first used, so that
``import cs_framework`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cs_framework._markers import hookimpl as hookimpl
    from cs_framework.api import boxes as boxes
    from cs_framework.api.components import Adaptable as Adaptable
    from cs_framework.api.components import AnomalyFilter as AnomalyFilter
    from cs_framework.api.components import Closable as Closable
    from cs_framework.api.components import Detection as Detection
    from cs_framework.api.components import Embedder as Embedder
    from cs_framework.api.components import Env as Env
    from cs_framework.api.components import Explanation as Explanation
    from cs_framework.api.components import Exportable as Exportable
    from cs_framework.api.components import FilterBound as FilterBound
    from cs_framework.api.components import History as History
    from cs_framework.api.components import Observer as Observer
    from cs_framework.api.components import Proposer as Proposer
    from cs_framework.api.components import Regions as Regions
    from cs_framework.api.components import RegionScores as RegionScores
    from cs_framework.api.components import RegionTable as RegionTable
    from cs_framework.api.components import Scorer as Scorer
    from cs_framework.api.embryo import EmbryoRegion as EmbryoRegion
    from cs_framework.api.frames import Frame as Frame
    from cs_framework.api.frames import Window as Window
    from cs_framework.api.frames import Windows as Windows
    from cs_framework.api.frames import embryo_region as embryo_region
    from cs_framework.api.settings import PathOrName as PathOrName
    from cs_framework.api.settings import multiple_of as multiple_of
    from cs_framework.api.settings import setting as setting
    from cs_framework.api.specs import AnomalyFilterSpec as AnomalyFilterSpec
    from cs_framework.api.specs import EmbedderSpec as EmbedderSpec
    from cs_framework.api.specs import ProposerSpec as ProposerSpec
    from cs_framework.api.specs import ScorerSpec as ScorerSpec
    from cs_framework.errors import CSError as CSError
    from cs_framework.errors import DataError as DataError
    from cs_framework.errors import FrameError as FrameError
    from cs_framework.errors import RecipeError as RecipeError
    from cs_framework.errors import SetupError as SetupError
    from cs_framework.synthetic.drawing.scene import Scene as Scene
    from cs_framework.synthetic.drawing.scene import draw_scene as draw_scene
    from cs_framework.synthetic.frames import render_embryo as render_embryo
    from cs_framework.synthetic.implants import Implant as Implant
    from cs_framework.synthetic.implants import cavity as cavity
    from cs_framework.synthetic.implants import implant as implant
    from cs_framework.toolkit.backbones import Backbone as Backbone
    from cs_framework.toolkit.backbones import CropEmbedder as CropEmbedder
    from cs_framework.toolkit.backbones import PooledEmbedder as PooledEmbedder
    from cs_framework.toolkit.networks import exact_convolutions as exact_convolutions
    from cs_framework.toolkit.networks import load_learnt as load_learnt
    from cs_framework.toolkit.networks import over_mirrors as over_mirrors
    from cs_framework.toolkit.networks import save_learnt as save_learnt
    from cs_framework.toolkit.pooling import pool_boxes as pool_boxes
    from cs_framework.toolkit.ridges import LineMaps as LineMaps
    from cs_framework.toolkit.ridges import RidgeMaps as RidgeMaps
    from cs_framework.toolkit.ridges import line_maps as line_maps
    from cs_framework.toolkit.ridges import ridge_maps as ridge_maps
    from cs_framework.toolkit.weights import locate_weights as locate_weights
    from cs_framework.toolkit.weights import reading_weights as reading_weights
    from cs_framework.toolkit.weights import starting_weights as starting_weights

_HOME = {
    "hookimpl": "_markers",
    "boxes": "api.boxes",
    "EmbryoRegion": "api.embryo",
    "embryo_region": "api.frames",
    "CSError": "errors",
    "DataError": "errors",
    "FrameError": "errors",
    "RecipeError": "errors",
    "SetupError": "errors",
    "Scene": "synthetic.drawing.scene",
    "render_embryo": "synthetic.frames",
    "draw_scene": "synthetic.drawing.scene",
    "Implant": "synthetic.implants",
    "cavity": "synthetic.implants",
    "implant": "synthetic.implants",
    "AnomalyFilter": "api.components",
    "Closable": "api.components",
    "Adaptable": "api.components",
    "Detection": "api.components",
    "Embedder": "api.components",
    "Env": "api.components",
    "Explanation": "api.components",
    "Exportable": "api.components",
    "FilterBound": "api.components",
    "Frame": "api.frames",
    "History": "api.components",
    "Observer": "api.components",
    "Proposer": "api.components",
    "RegionScores": "api.components",
    "RegionTable": "api.components",
    "Regions": "api.components",
    "Scorer": "api.components",
    "Window": "api.frames",
    "Windows": "api.frames",
    "pool_boxes": "toolkit.pooling",
    "AnomalyFilterSpec": "api.specs",
    "EmbedderSpec": "api.specs",
    "ProposerSpec": "api.specs",
    "ScorerSpec": "api.specs",
    "LineMaps": "toolkit.ridges",
    "RidgeMaps": "toolkit.ridges",
    "line_maps": "toolkit.ridges",
    "ridge_maps": "toolkit.ridges",
    "PathOrName": "api.settings",
    "multiple_of": "api.settings",
    "setting": "api.settings",
    "Backbone": "toolkit.backbones",
    "CropEmbedder": "toolkit.backbones",
    "PooledEmbedder": "toolkit.backbones",
    "exact_convolutions": "toolkit.networks",
    "load_learnt": "toolkit.networks",
    "over_mirrors": "toolkit.networks",
    "save_learnt": "toolkit.networks",
    "locate_weights": "toolkit.weights",
    "reading_weights": "toolkit.weights",
    "starting_weights": "toolkit.weights",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (a list, though not a literal one)


if not TYPE_CHECKING:  # type checkers go by the imports above, or every wrong name would be fine

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_HOME[name]}")
        value = module if _HOME[name] == f"api.{name}" else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return __all__

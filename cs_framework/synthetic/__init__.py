"""Synthetic embryos: courses of a growing blastocyst, with and without strings, and their ground truth."""

from cs_framework.synthetic.dataset import write_synthetic
from cs_framework.synthetic.drawing import Scene, draw_scene
from cs_framework.synthetic.frames import SyntheticFrame, render_embryo
from cs_framework.synthetic.strings import DrawnString, StringStyle, arc, draw_string

__all__ = [
    "DrawnString",
    "Scene",
    "StringStyle",
    "SyntheticFrame",
    "arc",
    "draw_scene",
    "draw_string",
    "render_embryo",
    "write_synthetic",
]

"""Version 2 of the generator: embryos of every stage, under every light, with and without strings."""

from cs_framework.synthetic.drawing.scene import Scene, draw_scene

__all__ = ["Scene", "draw_scene"]

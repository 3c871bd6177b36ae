"""Frames and their labels: sources, formats, splits by embryo, windows, checks and the generator."""

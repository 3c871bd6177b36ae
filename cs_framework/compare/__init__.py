"""Comparing recipes on the same frames: ``cs-compare``."""

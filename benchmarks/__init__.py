"""Ratios of the project's speed to plain reference implementations, measured in one run.

``python -m benchmarks`` times both sides alternately on the same frames and prints the ratios, which hold on
busy machines better than seconds do.
"""

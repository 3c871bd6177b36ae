"""How good is a run? Operating point, trivial baselines, figures with intervals, plots and a summary.

Import what you need from its module; nothing is imported here, so that one of them does not cost all.
"""

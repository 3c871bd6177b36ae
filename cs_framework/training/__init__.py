"""Fitting the components: the filter on normal frames, the scorer on weakly labelled regions."""

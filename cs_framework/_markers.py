"""The pluggy markers, alone, so that a plugin pays nothing else for importing them."""

from __future__ import annotations

import pluggy

PROJECT = "cs_framework"
ENTRY_POINT_GROUP = "cs_framework.v1"
DISTRIBUTION = "cytoplasmic-strings"
"""What this project is called by package indexes and ``pip``."""
FORMER_DISTRIBUTION = "cs-framework"
"""What it was called before 0.2.0. On PyPI that is another project, whose import package has our name."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

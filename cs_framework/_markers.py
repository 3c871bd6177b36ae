"""The pluggy markers, alone, so that a plugin pays nothing else for importing them."""

from __future__ import annotations

import pluggy

PROJECT = "cs_framework"
ENTRY_POINT_GROUP = "cs_framework.v1"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

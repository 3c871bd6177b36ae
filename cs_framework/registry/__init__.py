"""Which components are installed, who supplies them, and how to build one."""

from cs_framework.registry.component import Component, Provenance
from cs_framework.registry.loading import PluginInfo
from cs_framework.registry.registry import BLOCK_VARIABLE, Registry

__all__ = ["BLOCK_VARIABLE", "Component", "PluginInfo", "Provenance", "Registry"]

"""Distributions that exist in a folder on the path only, so that tests can install anything."""

from __future__ import annotations

from pathlib import Path

from cs_framework._markers import ENTRY_POINT_GROUP

GOOD = """
from attrs import frozen
from cs_framework import ScorerSpec, hookimpl, setting

@frozen
class Settings:
    power: int = setting(2, ge=1, help="an exponent")

class Thing:
    def __init__(self, settings, env):
        self.settings, self.env = settings, env

@hookimpl
def cs_scorers():
    here = __name__
    yield ScorerSpec(name="{name}", factory=f"{{here}}:Thing", settings=f"{{here}}:Settings", summary="thing")
"""


def install(
    site: Path,
    name: str,
    code: str = "",
    *,
    version: str = "1.0",
    entry_points: dict[str, str] | None = None,
    group: str = ENTRY_POINT_GROUP,
) -> str:
    """Install a distribution of one module.

    Args:
        site: a folder on the path.
        name: of the distribution; the module is called so too, with underscores.
        code: of the module.
        version: of the distribution.
        entry_points: target by name; by default ``main`` is the module.
        group: entry-point group.

    Returns:
        The name of the module.
    """
    module = name.replace("-", "_").lower()
    (site / f"{module}.py").write_text(code)
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}" for key, value in (entry_points or {"main": module}).items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    return module

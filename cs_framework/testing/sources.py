"""Where the components under test come from: an installed distribution, a module, a source folder, a file."""

from __future__ import annotations

import atexit
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import invalidate_caches
from importlib.metadata import EntryPoint, distributions
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType

from cs_framework._hints import listed
from cs_framework._markers import ENTRY_POINT_GROUP
from cs_framework.errors import SetupError
from cs_framework.registry import Component, PluginInfo, Registry
from cs_framework.registry.component import normalised
from cs_framework.registry.loading import load_file

Source = str | ModuleType | Path
"""The name of an installed distribution; a plugin's module; its project folder; or a one-file plugin."""


def components_of(source: Source) -> tuple[Component, ...]:
    """The components that a plugin supplies.

    Args:
        source: the name of an installed distribution; or a plugin's module, or the folder with its
            ``pyproject.toml``, neither of which has to be installed; or the file of a one-file plugin.

    Raises:
        SetupError: there is no such plugin, it is broken or blocked, or it supplies nothing.
    """
    if isinstance(source, Path) and source.suffix == ".py":
        return _components([load_file(source)], source)
    name = normalised(source if isinstance(source, str) else look_installed(source))
    plugins = Registry.discover().plugins
    return _components([plugin for plugin in plugins if plugin.provenance.distribution == name], source)


def _components(plugins: list[PluginInfo], source: Source) -> tuple[Component, ...]:
    for plugin in plugins:
        if plugin.status != "ok":
            raise SetupError(f"{plugin}: {plugin.phase or plugin.status}: {plugin.reason}")
    components = tuple(component for plugin in plugins for component in plugin.components)
    if not components:
        raise SetupError(
            f"{source} supplies no component: is it installed in {sys.prefix}, "
            f"with an entry point in the group {ENTRY_POINT_GROUP!r}?"
        )
    return components


def plugin_module(component: Component) -> str | None:
    """The module that the plugin's entry point names; None for a one-file plugin."""
    provenance = component.provenance
    for entry in _announced():
        if entry.name == provenance.entry_point and _distribution(entry) == provenance.distribution:
            return entry.module
    return None


def _announced() -> Iterator[EntryPoint]:
    """The entry points of all plugins; distributions whose metadata cannot be read are left out."""
    for distribution in distributions():
        with suppress(OSError, ValueError):
            yield from distribution.entry_points.select(group=ENTRY_POINT_GROUP)


def _distribution(entry: EntryPoint) -> str:
    return normalised(entry.dist.name) if entry.dist is not None else ""


def look_installed(source: ModuleType | Path) -> str:
    """Make a plugin look installed to this process and those it spawns, without building it.

    Metadata such as pip would write, and for a folder its ``src`` (or itself), go to the front of
    ``sys.path`` and stay there. A module that an installed distribution announces is left as it is.

    Returns:
        The name of the distribution; that of a module which none announces is the module's own.

    Raises:
        SetupError: the folder holds no ``pyproject.toml`` with our entry points, or not their modules.
    """
    if isinstance(source, Path):
        return _look_installed(*_read_project(source.absolute()))
    for entry in _announced():
        if entry.module == source.__name__ and entry.dist is not None:
            return entry.dist.name
    name = normalised(source.__name__)
    return _look_installed(name, "0", ((name, source.__name__),))


@cache
def _look_installed(name: str, version: str, plugins: tuple[tuple[str, str], ...]) -> str:
    info = _site() / f"{normalised(name).replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", ""]
    (info / "METADATA").write_text("\n".join(metadata), encoding="utf-8")
    lines = [f"[{ENTRY_POINT_GROUP}]", *(f"{entry} = {module}" for entry, module in plugins), ""]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    invalidate_caches()
    return name


@cache
def _site() -> Path:
    """A folder on the path for metadata; it goes when the process ends."""
    folder = mkdtemp(prefix="cs-framework-testing-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sys.path.insert(0, folder)
    return Path(folder)


def _read_project(folder: Path) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Name, version and entry points of a project, whose modules can be imported from then on."""
    file = folder / "pyproject.toml"
    try:
        project: Mapping[str, object] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError) as error:
        raise SetupError(f"{file} cannot be read as a project: {error}") from error
    groups = project.get("entry-points")
    announced = groups.get(ENTRY_POINT_GROUP, {}) if isinstance(groups, dict) else {}
    if not announced:
        raise SetupError(f"{file} has no entry points: add [project.entry-points.{ENTRY_POINT_GROUP!r}]")
    sources = str(folder / "src" if (folder / "src").is_dir() else folder)
    if sources not in sys.path:
        sys.path.insert(0, sources)
    invalidate_caches()
    missing = [module for module in announced.values() if find_spec(module.partition(".")[0]) is None]
    if missing:
        raise SetupError(f"{file} announces {listed(missing)}, not found in {sources}")
    return str(project["name"]), str(project.get("version", "0")), tuple(announced.items())

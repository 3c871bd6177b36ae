"""All plugins of this environment, and finding a component among them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from attrs import frozen

from cs_framework._hints import a, did_you_mean, listed, reason
from cs_framework._markers import DISTRIBUTION, ENTRY_POINT_GROUP
from cs_framework.api.specs import Kind
from cs_framework.errors import RecipeError
from cs_framework.registry.component import Component, Provenance, is_former, normalised
from cs_framework.registry.loading import PluginInfo, load, load_file

BLOCK_VARIABLE = "CS_FRAMEWORK_BLOCK"
_GROUP_FAMILY = ENTRY_POINT_GROUP.rstrip("0123456789")
"""Our group whatever its version."""


@frozen(eq=False)
class Registry:
    """The plugins found, good and bad, sorted by distribution and entry point."""

    plugins: tuple[PluginInfo, ...]
    warnings: tuple[str, ...] = ()
    """Such as names that should block a plugin and block none."""

    @classmethod
    def discover(cls, *, block: Sequence[str] = (), local: Sequence[Path] = ()) -> Registry:
        """Load every installed plugin that is not blocked.

        Args:
            block: distributions, or ``distribution:entry-point``, that must not be imported; those of the
                environment variable ``CS_FRAMEWORK_BLOCK`` (separated by commas) are added.
            local: one-file plugins.
        """
        blocks = _Blocks(block)
        installed = [info for found in _concerned() for info in _load_distribution(*found, blocks)]
        known = [(info.provenance.distribution, info.provenance.entry_point or "") for info in installed]
        files = [load_file(path) for path in local]
        return cls(_unique([*installed, *files]), tuple(blocks.idle(known)))

    @classmethod
    def from_plugins(cls, plugins: Mapping[str, object]) -> Registry:
        """A registry of exactly these plugins, without discovery: for tests and notebooks.

        Args:
            plugins: modules or objects that hold hook implementations, by the name of the distribution they
                stand for, or ``distribution:entry-point`` where one has several.
        """
        found = []
        for label, plugin in plugins.items():
            distribution, _, entry_point = label.partition(":")
            provenance = Provenance(normalised(distribution), "0", entry_point or distribution)
            found.append(load(provenance, lambda plugin=plugin: plugin))  # type: ignore[misc]
        return cls(_unique(found))

    def components(self, kind: Kind | None = None) -> tuple[Component, ...]:
        """All components that can be named in a recipe, or those of one kind."""
        return tuple(
            component
            for plugin in self.plugins
            for component in plugin.components
            if kind in (None, component.kind)
        )

    def find(self, kind: Kind, use: str, version: str | None = None) -> Component:
        """The component that a recipe means by `use`: a bare name, or ``distribution/name``.

        A component that comes with the framework wins over others of the same bare name, so installing a
        plugin never changes what an existing recipe means. `version` is the recorded one, for the cure.

        Raises:
            RecipeError: no such component, and why; or several, and which.
        """
        matches = [component for component in self.components(kind) if component.is_called(use)]
        defaults = [component for component in matches if component.provenance.is_default]
        if len(defaults or matches) == 1:
            return (defaults or matches)[0]
        if matches:
            raise RecipeError(
                f"several plugins supply {a(kind)} {use!r}; "
                f"write one of {listed(component.qualified_name for component in matches)}"
            )
        raise RecipeError(self._why_unknown(kind, use, version))

    def shortest_use(self, component: Component) -> str:
        """The bare name where it means this component, else the qualified one."""
        try:
            plain = self.find(component.kind, component.name) == component
        except RecipeError:
            plain = False
        return component.name if plain else component.qualified_name

    def named(self, use: str) -> tuple[Component, ...]:
        """All components, of any kind, that go by a name.

        Raises:
            RecipeError: there are none; the text says why.
        """
        matches = tuple(component for component in self.components() if component.is_called(use))
        if not matches:
            raise RecipeError(self._why_unknown(None, use))
        return matches

    def _why_unknown(self, kind: Kind | None, use: str, version: str | None = None) -> str:
        """Tell a wrong kind, a broken or blocked plugin, a typing error and a missing plugin apart."""
        wanted = kind or "component"
        others = [component for component in self.components() if component.is_called(use)]
        if others:
            return f"{use!r} is {a(others[0].kind)}, not {a(wanted)}"
        absent = [plugin for plugin in self.plugins if plugin.status != "ok"]
        related = [plugin for plugin in absent if _resembles(plugin.provenance, use)]
        if related:
            return f"{use!r} is not available: " + "; ".join(_why_absent(plugin) for plugin in related)
        candidates = self.components(kind)
        names = {name for component in candidates for name in (component.name, component.qualified_name)}
        suggestion = did_you_mean(use, sorted(names))
        distribution, qualified, _ = use.rpartition("/")
        known = {plugin.provenance.distribution for plugin in self.plugins}
        is_missing = bool(qualified) and normalised(distribution) not in known
        if suggestion and not (is_missing and version):
            return f"there is no {wanted.replace('_', ' ')} {use!r}{suggestion}"
        if qualified and distribution.endswith(".py"):
            return f"{use!r} comes from a one-file plugin: name the path of {distribution!r} under 'plugins'"
        if is_missing:
            cure = f"pip install {distribution}" + (f"=={version}" if version else "")
            return f"{use!r}: the distribution {distribution!r} is not installed: {cure}"
        available = listed(sorted(self.shortest_use(component) for component in candidates)) or "none"
        text = f"no installed plugin supplies {a(wanted)} {use!r} (available: {available})"
        if absent:
            text += "; perhaps one of these does: " + "; ".join(_why_absent(plugin) for plugin in absent)
        return text


@frozen
class _Blocks:
    """What must not be imported, and who says so."""

    given: Sequence[str]

    def reason(self, distribution: str, entry_point: str) -> str | None:
        """Why this plugin is blocked, or None."""
        for names, source in self._sources():
            for name in names:
                blocked, _, only = name.partition(":")
                if normalised(blocked) == distribution and only in ("", entry_point):
                    return f"blocked by {name!r} of {source}"
        return None

    def idle(self, known: Iterable[tuple[str, str]]) -> Iterator[str]:
        """What is said of names that block nothing, such as misspelt ones.

        Args:
            known: the distribution and the entry point of every plugin.
        """
        known = list(known)
        labels = {label for name, entry in known for label in (name, f"{name}:{entry}")}
        for name in (one for names, _ in self._sources() for one in names):
            blocked, colon, only = name.partition(":")
            if f"{normalised(blocked)}{colon}{only}" not in labels:
                yield f"{name!r} blocks nothing: no plugin is called so{did_you_mean(name, labels)}"

    def _sources(self) -> list[tuple[list[str], str]]:
        environment = os.environ.get(BLOCK_VARIABLE, "")
        return [
            ([name.strip() for text in texts for name in text.split(",") if name.strip()], source)
            for texts, source in ((self.given, "the recipe or --block"), ([environment], BLOCK_VARIABLE))
        ]


def _concerned() -> list[tuple[str, str, Distribution]]:
    """Name, version and metadata of the distributions that announce plugins, by name.

    Other distributions are not parsed. Where one is found twice, as a source tree and installed, the first
    on the path counts, as it does for imports. An old install of this project, under its former name, counts
    only where there is no other.
    """
    found: dict[str, tuple[str, str, Distribution]] = {}
    for distribution in distributions():
        if _is_concerned(distribution):
            try:
                name, version = normalised(distribution.name), distribution.version
            except Exception:  # broken metadata; the entry points may still be fine
                name, version = "unknown", "unknown"
            if name not in found or (name == DISTRIBUTION and is_former(found[name][2].name)):
                found[name] = (name, version, distribution)
    return [found[name] for name in sorted(found)]


def _is_concerned(distribution: Distribution) -> bool:
    try:
        return f"[{_GROUP_FAMILY}" in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError):  # damaged, or no UTF-8, which is none of our business
        return False


def _load_distribution(
    name: str, version: str, metadata: Distribution, blocks: _Blocks
) -> Iterator[PluginInfo]:
    try:
        ours = [entry for entry in metadata.entry_points if entry.group.startswith(_GROUP_FAMILY)]
    except Exception as error:
        text = f"its entry points cannot be read: {reason(error)}"
        yield PluginInfo(Provenance(name, version), "quarantined", "metadata", text)
        return
    current = [entry for entry in ours if entry.group == ENTRY_POINT_GROUP]
    for entry in sorted(current or ours, key=lambda entry: (entry.name, entry.value)):
        provenance = Provenance(name, version, entry.name)
        blocked = blocks.reason(name, entry.name)
        if blocked:
            yield PluginInfo(provenance, "blocked", reason=blocked)
        elif not current:
            text = (
                f"it is made for {entry.group}, this framework offers {ENTRY_POINT_GROUP}: match the versions"
            )
            yield PluginInfo(provenance, "quarantined", "metadata", text)
        else:
            yield load(provenance, entry.load)


def _unique(plugins: Iterable[PluginInfo]) -> tuple[PluginInfo, ...]:
    """Qualified names mean one component: a later plugin that takes one again is quarantined."""
    taken: dict[tuple[Kind, str], PluginInfo] = {}
    kept = []
    for plugin in plugins:
        names = [(component.kind, component.qualified_name) for component in plugin.components]
        clash = next((name for name in names if name in taken), None)
        if clash is None:
            taken.update(dict.fromkeys(names, plugin))
            kept.append(plugin)
        else:
            text = f"{taken[clash]} already supplies {a(clash[0])} {clash[1]!r}"
            kept.append(PluginInfo(plugin.provenance, "quarantined", "records", text))
    return tuple(kept)


def _resembles(provenance: Provenance, use: str) -> bool:
    """Might this plugin, whose components are unknown, be the one that supplies `use`?"""
    distribution, qualified, name = use.rpartition("/")
    if qualified:
        return normalised(distribution) == normalised(provenance.distribution)
    return name in (provenance.entry_point or "") or name in provenance.distribution


def _why_absent(plugin: PluginInfo) -> str:
    if plugin.status == "blocked":
        return f"{plugin} is installed but {plugin.reason}"
    return f"{plugin} is installed but broken ({plugin.phase}): {plugin.reason}"

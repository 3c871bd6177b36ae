"""Load one plugin in isolation; record its error and go on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import pluggy
from attrs import define, evolve, frozen

from cs_framework._hints import reason
from cs_framework._markers import PROJECT
from cs_framework.api import hookspecs
from cs_framework.api.specs import (
    AnomalyFilterSpec,
    ComponentSpec,
    EmbedderSpec,
    ProposerSpec,
    ScorerSpec,
)
from cs_framework.errors import NOT_A_FAULT
from cs_framework.registry.component import Component, Provenance
from cs_framework.registry.modules import module_exists

Phase = Literal["metadata", "import", "hooks", "call", "records", "paths"]

HOOKS: dict[str, type[ComponentSpec]] = {
    "cs_anomaly_filters": AnomalyFilterSpec,
    "cs_proposers": ProposerSpec,
    "cs_embedders": EmbedderSpec,
    "cs_scorers": ScorerSpec,
}


HEAVY = (
    *("torch", "torchvision", "transformers", "timm", "cv2", "skimage", "sklearn", "scipy"),
    *("matplotlib", "pyarrow", "pandas", "tensorflow", "jax", "onnxruntime", "numpy"),
)
"""Packages that nobody should import before a component is built."""


@frozen
class PluginInfo:
    """What became of one plugin."""

    provenance: Provenance
    status: Literal["ok", "blocked", "quarantined"] = "ok"
    phase: Phase | None = None
    """Where a quarantined plugin went wrong: ``metadata`` (unreadable, or made for another
    version of the framework), ``import``, ``hooks``
    (unknown or malformed), ``call`` (a hook raised), ``records`` (what it returned), or ``paths``."""
    reason: str | None = None
    components: tuple[Component, ...] = ()

    def __str__(self) -> str:
        """Such as ``cs-yolo 1.2 (entry point 'yolo')``."""
        entry_point = self.provenance.entry_point
        return f"{self.provenance} (entry point {entry_point!r})" if entry_point else str(self.provenance)


class _PluginFault(Exception):  # noqa: N818  (it is the plugin's, and never leaves this module)
    """A plugin broke a rule."""

    def __init__(self, phase: Phase, text: str) -> None:
        super().__init__(text)
        self.phase = phase


def load(provenance: Provenance, import_plugin: Callable[[], Any]) -> PluginInfo:
    """Import a plugin, call its hooks and check what they announce. Never raises for what a plugin does."""
    plugin = None
    try:
        try:
            with measured() as cost, _blaming("import"):
                plugin = import_plugin()
        finally:
            file = _file_of(plugin) or provenance.file
            provenance = evolve(provenance, file=file, import_ms=cost.import_ms, heavy=cost.heavy)
        records = list(_announced(plugin))
        _check(records)
    except _PluginFault as fault:
        return PluginInfo(provenance, "quarantined", fault.phase, str(fault))
    return PluginInfo(provenance, components=tuple(Component(record, provenance) for record in records))


@define
class Cost:
    """Filled in when the measured block ends."""

    import_ms: float = 0.0
    heavy: tuple[str, ...] = ()
    """Those of `HEAVY` that the block was the first to import."""


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the imports inside a ``with`` block, also where it raises."""
    cost, before, start = Cost(), set(sys.modules), perf_counter()
    try:
        yield cost
    finally:
        cost.import_ms = round((perf_counter() - start) * 1000, 1)
        cost.heavy = tuple(name for name in HEAVY if name in sys.modules and name not in before)


@contextmanager
def _blaming(phase: Phase) -> Iterator[None]:
    """Turn whatever a plugin raises into a fault; its prints go to stderr, so that our output stays clean."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except NOT_A_FAULT:
        raise
    except BaseException as error:
        raise _PluginFault(phase, reason(error)) from error


def _file_of(plugin: Any) -> str | None:
    """The file of the module that a plugin is, or that its class comes from."""
    name = getattr(plugin, "__module__", None) or getattr(plugin, "__name__", "")
    return getattr(sys.modules.get(str(name)), "__file__", None)


def _announced(plugin: Any) -> Iterator[ComponentSpec]:
    """Every record of a plugin. A manager of its own keeps pluggy's checks and calls to this plugin."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    with _blaming("hooks"):
        manager.register(plugin)
        manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise _PluginFault("hooks", "it implements none of the hooks; is the @hookimpl decorator missing?")
    for hook, record_class in HOOKS.items():
        with _blaming("call"):
            results = getattr(manager.hook, hook)()
        for result in results:
            if not isinstance(result, Iterable) or isinstance(result, str | bytes):
                raise _PluginFault(
                    "records", f"{hook} returned {result!r}, not an iterable of {record_class.__name__}"
                )
            with _blaming("call"):
                records = list(result)
            for record in records:
                if type(record) is not record_class:
                    raise _PluginFault("records", f"{hook} gave {record!r}, not a {record_class.__name__}")
                yield record


def _check(records: list[ComponentSpec]) -> None:
    seen = set()
    for record in records:
        what = f"{record.kind.replace('_', ' ')} {record.name!r}"
        if (record.kind, record.name) in seen:
            raise _PluginFault(
                "records", f"it announces two {record.kind.replace('_', ' ')}s called {record.name!r}"
            )
        seen.add((record.kind, record.name))
        for path in (record.factory, record.settings):
            module, _, _ = path.partition(":")
            with _blaming("paths"):
                exists = module_exists(module)
            if not exists:
                raise _PluginFault("paths", f"{what}: there is no module {module!r} (named by {path!r})")


def load_file(path: Path) -> PluginInfo:
    """Load a one-file plugin.

    Its module gets a name made of its path and content, so that a changed file is another module, and so
    that a worker process that loads the same file can resolve the same ``"module:Class"`` strings. The
    plugin itself writes them as ``factory=f"{__name__}:MyScorer"``.
    """
    path = path.absolute()
    try:
        source = path.read_bytes()
    except OSError as error:
        return PluginInfo(
            Provenance(path.name, "unknown", file=str(path)),
            "quarantined",
            "import",
            f"{path}: {error.strerror}",
        )
    digest = sha256(source).hexdigest()
    place = sha256(str(path).encode()).hexdigest()
    name = f"cs_local_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}_{place[:8]}{digest[:8]}"
    provenance = Provenance(path.name, f"sha256-{digest[:12]}", file=str(path))
    return load(provenance, lambda: _import_file(name, path))


def _import_file(name: str, path: Path) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

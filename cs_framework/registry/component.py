"""One component that a plugin announced, and where it came from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

from cs_framework._hints import listed, reason
from cs_framework._markers import DISTRIBUTION, FORMER_DISTRIBUTION
from cs_framework.api.specs import ComponentSpec, Kind
from cs_framework.errors import NOT_A_FAULT, SetupError
from cs_framework.registry.modules import import_object, module_exists

if TYPE_CHECKING:
    from cs_framework.api.components import Env


def is_former(distribution: str) -> bool:
    """Whether this is the name that this project had before 0.2.0, as old recipes and bundles have it."""
    return re.sub(r"[-_.]+", "-", distribution).lower() == FORMER_DISTRIBUTION


def normalised(distribution: str) -> str:
    """A distribution's name as package indexes compare it; this project's former name is its present one."""
    return DISTRIBUTION if is_former(distribution) else re.sub(r"[-_.]+", "-", distribution).lower()


@frozen
class Provenance:
    """Who supplies a plugin, and what importing it cost."""

    distribution: str
    """Normalised name of the distribution; for a one-file plugin the name of the file."""
    version: str
    """Version of the distribution; for a one-file plugin ``sha256-`` and the start of its hash."""
    entry_point: str | None = None
    """Name of the entry point; None for a one-file plugin."""
    file: str | None = field(default=None, eq=False)
    """The file of the plugin's module, once imported."""
    import_ms: float = field(default=0.0, eq=False)
    """Milliseconds that importing the plugin took."""
    heavy: tuple[str, ...] = field(default=(), eq=False)
    """Slow packages that importing the plugin pulled in."""

    @property
    def is_default(self) -> bool:
        """Whether the plugin comes with the framework."""
        return self.distribution == DISTRIBUTION

    def __str__(self) -> str:
        """Such as ``cs-yolo 1.2``."""
        return f"{self.distribution} {self.version}"


@frozen
class Component:
    """A component that can be built: its record and its provenance."""

    spec: ComponentSpec
    provenance: Provenance

    @property
    def kind(self) -> Kind:
        """One of `cs_framework.api.specs.KINDS`."""
        return self.spec.kind

    @property
    def name(self) -> str:
        """The bare name."""
        return self.spec.name

    @property
    def qualified_name(self) -> str:
        """``distribution/name``, which is never ambiguous."""
        return f"{self.provenance.distribution}/{self.spec.name}"

    def __str__(self) -> str:
        """Such as ``embedder 'dinov3' of cytoplasmic-strings 0.1.0``."""
        return f"{self.kind.replace('_', ' ')} {self.name!r} of {self.provenance}"

    @property
    def partner(self) -> str | None:
        """The qualified name of the anomaly filter that it works with, if it works with one."""
        name: str | None = getattr(self.spec, "works_with", None)
        return name if name is None or "/" in name else f"{self.provenance.distribution}/{name}"

    def is_called(self, use: str) -> bool:
        """Does this name, bare or qualified, fit?"""
        distribution, qualified, name = use.rpartition("/")
        own = self.provenance.distribution
        return name == self.name and (not qualified or own in (distribution, normalised(distribution)))

    def missing_needs(self) -> tuple[str, ...]:
        """Those of the record's `needs` that are not installed; nothing is imported to find out."""
        return tuple(name for name in self.spec.needs if not module_exists(name))

    def missing_cure(self) -> str:
        """What to give to ``pip install``: the record's `extra`, or else what is missing."""
        wanted = self.spec.extra or " ".join(self.missing_needs())
        return f'"{wanted}"' if set("[]<>;") & set(wanted) else wanted  # a shell gives these a meaning

    def settings_class(self) -> type[Any]:
        """The attrs class of its settings; imports the settings module alone.

        Raises:
            SetupError: the module does not import, or the class is missing or not an attrs class.
        """
        cls = import_object(self.spec.settings, str(self))
        if not (isinstance(cls, type) and attrs.has(cls)):
            raise SetupError(f"{self}: its settings {self.spec.settings!r} are not an attrs class")
        try:
            return attrs.resolve_types(cls)
        except NameError as error:
            raise SetupError(f"{self}: a type in its settings {self.spec.settings!r}: {error}") from error

    def build(self, settings: object, env: Env) -> Any:
        """The component itself: ``factory(settings, env)``.

        Raises:
            SetupError: a needed package is missing, the factory does not import or does not exist, or it
                raised; the message names the component, its distribution and, where known, the cure.
        """
        missing = self.missing_needs()
        if missing:
            cure = f"pip install {self.missing_cure()}"
            raise SetupError(f"{self} needs {listed(missing)}, not installed here: {cure}")
        factory = import_object(self.spec.factory, str(self))
        try:
            return factory(settings, env)
        except (SetupError, *NOT_A_FAULT):
            raise
        except BaseException as error:
            raise SetupError(f"{self} could not be built: {reason(error)}") from error

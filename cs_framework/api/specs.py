"""The records by which a plugin announces its components.

A record holds strings only: finding what is installed imports neither a component nor its settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, Literal

from attrs import field, frozen, validators

Kind = Literal["anomaly_filter", "proposer", "embedder", "scorer"]
KINDS: tuple[Kind, ...] = ("anomaly_filter", "proposer", "embedder", "scorer")

_NAME = validators.matches_re(re.compile(r"[a-z0-9]+(-[a-z0-9]+)*"))
_PATH = validators.matches_re(re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"))


def _as_tuple(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@frozen
class ComponentSpec:
    """What every record says of its component.

    Use one of the four subclasses; each belongs to one hook.
    """

    kind: ClassVar[Kind]

    name: str = field(validator=[validators.instance_of(str), _NAME])
    """The name that recipes use: lower-case words joined by hyphens."""
    factory: str = field(validator=[validators.instance_of(str), _PATH])
    """``"package.module:Class"``, called as ``factory(settings, env)``; imported when a run builds it."""
    settings: str = field(validator=[validators.instance_of(str), _PATH])
    """``"package.module:Settings"``, a frozen attrs class in a module that imports nothing heavy."""
    summary: str = field(validator=validators.and_(validators.instance_of(str), validators.min_len(1)))
    """One line for ``cs-plugins list``."""
    needs: tuple[str, ...] = field(
        default=(),
        converter=_as_tuple,
        validator=validators.deep_iterable(validators.instance_of(str)),
    )
    """Import names that the component needs; only looked for (``find_spec``), never imported."""
    extra: str | None = field(default=None, validator=validators.optional(validators.instance_of(str)))
    """What to ``pip install`` when one of `needs` is missing, such as ``"cytoplasmic-strings[app]"``."""
    expected_failures: Mapping[str, str] = field(
        factory=dict,
        validator=validators.deep_mapping(validators.instance_of(str), validators.instance_of(str)),
        eq=False,
    )
    """Reasons by name of check: checks of the conformance suite that the component is known to fail."""


@frozen
class AnomalyFilterSpec(ComponentSpec):
    """Announces an anomaly filter; returned from the hook ``cs_anomaly_filters``."""

    kind = "anomaly_filter"


_WORKS_WITH = validators.optional(validators.matches_re(r"([^/]+/)?[a-z0-9]+(-[a-z0-9]+)*"))


@frozen
class ProposerSpec(ComponentSpec):
    """Announces a proposer; returned from the hook ``cs_proposers``."""

    works_with: str | None = field(default=None, validator=_WORKS_WITH)
    """The anomaly filter that it is bound to (`FilterBound`): one of the same plugin by its name, or another
    as ``"distribution/name"``."""

    kind = "proposer"


@frozen
class EmbedderSpec(ComponentSpec):
    """Announces an embedder; returned from the hook ``cs_embedders``."""

    works_with: str | None = field(default=None, validator=_WORKS_WITH)
    """The anomaly filter that it is bound to; see `ProposerSpec`."""

    kind = "embedder"


@frozen
class ScorerSpec(ComponentSpec):
    """Announces a scorer; returned from the hook ``cs_scorers``."""

    kind = "scorer"

"""Names that go: whoever uses one is warned in time, and our own tests fail when one should be gone."""

from __future__ import annotations

import warnings

from cs_framework._markers import DISTRIBUTION


def deprecated(what: str, *, instead: str, gone_in: str, stacklevel: int = 3) -> None:
    """Warn that something still works, but not for long.

    Args:
        what: such as ``cs_framework.interfaces``.
        instead: what to use.
        gone_in: the version of this project that takes it away; a test reads it and fails from then on.
        stacklevel: as `warnings.warn` takes it, so that the caller of what is deprecated is named.
    """
    warnings.warn(
        f"{what} is deprecated, and gone in {DISTRIBUTION} {gone_in}: use {instead}",
        DeprecationWarning,
        stacklevel=stacklevel,
    )

from __future__ import annotations

import pytest

from tests.hostile.seeds import seeds, write_bundle


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """Good files by target."""
    return seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A good bundle."""
    return write_bundle(tmp_path_factory.mktemp("trained") / "model").parent

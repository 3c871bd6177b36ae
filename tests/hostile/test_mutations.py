"""Good files, spoilt at random: a short form of ``python -m soak.fuzz``."""

from __future__ import annotations

import shutil
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_framework.data import samples, video
from cs_framework.errors import CSError
from tests.hostile.targets import TARGETS

EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4)
"""Where in the file, how many bytes are taken out, and what is put in."""


@pytest.mark.parametrize("target", TARGETS)
def test_a_spoilt_file_is_read_or_refused(target, good, trained, tmp_path, monkeypatch):
    for module in (samples, video):
        monkeypatch.setattr(module, "MAX_PIXELS", 1_000_000)  # large frames may take long
    name, read = TARGETS[target]
    path = tmp_path / name
    if name.startswith("model/"):
        shutil.copytree(trained, tmp_path / "model")
    path.parent.mkdir(exist_ok=True)

    @settings(max_examples=25, database=None, suppress_health_check=list(HealthCheck))
    @given(content=st.sampled_from(good[target]), edits=EDITS)
    def spoil(content, edits):
        for where, taken, put in edits:
            at = round(where * len(content))
            content = content[:at] + put + content[at + taken :]
        path.write_bytes(content)
        with suppress(CSError):
            read(path)

    spoil()

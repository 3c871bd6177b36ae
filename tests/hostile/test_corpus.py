"""Whatever a file holds, the framework says what is wrong with it, soon and in little memory."""

from __future__ import annotations

import faulthandler
import re
import shutil
import sys
from pathlib import Path

import pytest

from cs_framework.errors import CSError
from tests.hostile.corpus import CASES, Case
from tests.hostile.targets import TARGETS

MEMORY = 1 << 30
"""Bytes that reading any of the files may take: a frame of 64 million pixels and its copies fit."""
LONGEST = 120
"""Seconds, on the slowest of machines, after which something hangs."""


@pytest.fixture
def bounded():
    """Memory is bounded, as far as the system can, and whatever hangs ends the tests with a traceback."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    resource.setrlimit(resource.RLIMIT_AS, before)


def written(case: Case, folder, good, trained):
    """The file of a case, where its target looks for it."""
    path = folder / TARGETS[case.target][0]
    if path.is_relative_to(folder / "model"):
        shutil.copytree(trained, folder / "model")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(case.content(good[case.target][0]) if callable(case.content) else case.content)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.target}: {case.name}")
@pytest.mark.usefixtures("bounded")
def test_a_bad_file_is_refused_with_its_name_and_what_is_wrong(case, tmp_path, good, trained):
    path = written(case, tmp_path, good, trained)
    read = TARGETS[case.target][1]
    if case.told is None:
        read(path)
        return
    with pytest.raises(CSError) as caught:
        read(path)
    assert re.search(case.told, str(caught.value), re.DOTALL), str(caught.value)
    assert not re.search("memory|allocat", str(caught.value), re.IGNORECASE)


def test_what_the_cases_spoil_is_good(tmp_path, good, trained):
    for target, (name, read) in TARGETS.items():
        if target == "network":  # whose seed is of another scorer
            continue
        for content in good[target]:
            path = tmp_path / target / name
            if name.startswith("model/"):
                shutil.copytree(trained, tmp_path / target / "model", dirs_exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if target.endswith("list"):
                (path.parent / "a.png").write_bytes(good["png"][0])
                (path.parent / "sub").mkdir(exist_ok=True)
                (path.parent / "sub" / "b.tif").write_bytes(good["tiff"][0])
            read(path)


def test_names_are_unique():
    names = [(case.target, case.name) for case in CASES]
    assert len(set(names)) == len(names) >= 60

"""``cs-plugins check``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cs_framework.cli.plugins import commands
from cs_framework.errors import CSError
from tests.framework.registry.distributions import GOOD

PLANTED = """
from attrs import frozen
from cs_framework import ProposerSpec, hookimpl, setting

@frozen
class Settings:
    side: float = setting(1.0, gt=0, help="px")

class Corner:
    def __init__(self, settings, env):
        self.side = settings.side

    def propose(self, frame):
        import numpy
        return numpy.array([[0, 0, self.side, self.side]], numpy.float32)

@hookimpl
def cs_proposers():
    here = __name__
    yield ProposerSpec(
        name="corner", factory=f"{here}:Corner", settings=f"{here}:Settings", summary="a corner",
        expected_failures=EXPECTED,
    )
"""


@pytest.fixture
def plugin(tmp_path):
    def write(expected: dict[str, str] | None = None) -> Path:
        path = tmp_path / "corner.py"
        path.write_text(PLANTED.replace("EXPECTED", repr(expected or {})))
        return path

    return write


def check(*arguments):
    return CliRunner().invoke(commands, ["check", *map(str, arguments)])


def rows(output):
    return {line.split()[0]: line.split(maxsplit=3)[1:] for line in output.splitlines()[1:-1]}


def test_a_table_of_what_passed(plugin):
    done = check(plugin())
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].split() == ["CHECK", "COMPONENT", "RESULT", "REASON"]
    assert rows(done.output)["spawned-worker"] == ["corner", "passed"]
    assert done.output.splitlines()[-1] == "13 passed"


def test_a_failure_is_told_with_its_reason_and_in_the_exit_code(plugin):
    done = check(plugin(), "--set", "corner.side=2")
    assert done.exit_code == 1
    table = rows(done.output)
    assert table["one-item"][1:] == [
        "failed",
        "the boxes of pixel.png must lie inside the frame, 0 to 1 and 0 to 1",
    ]
    assert table["output-contract"][1:] == ["failed", "the same"]
    assert done.output.splitlines()[-1] == "11 passed, 2 failed"


def test_expected_failures_are_no_failures_unless_they_pass(plugin):
    path = plugin({"one-item": "tiny frames", "output-contract": "tiny frames"})
    done = check(path, "--set", "corner.side=2")
    assert done.exit_code == 0
    assert rows(done.output)["one-item"][1:] == ["expected", "tiny frames"]
    assert done.output.splitlines()[-1] == "11 passed, 2 expected"
    done = check(path)
    assert done.exit_code == 1
    assert "take it out" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-thing"], "no-such-thing supplies no component"),
        (["{plugin}", "--set", "corner.side=-1"], "--set corner: side: must be > 0: -1"),
        (["{plugin}", "--set", "corner.sid=1"], "did you mean 'side'?"),
        (["{plugin}", "--set", "corne.side=1"], "no component 'corne'; did you mean 'corner'?"),
        (["{plugin}", "--set", "side=1"], "write COMPONENT.KEY=VALUE"),
    ],
)
def test_wrong_arguments_name_the_cure(arguments, said, plugin):
    done = check(*(argument.replace("{plugin}", str(plugin())) for argument in arguments))
    assert isinstance(done.exception, CSError)
    assert done.exception.exit_code == 2
    assert said in str(done.exception)


def test_a_setting_goes_to_the_components_of_that_name_that_have_it(tmp_path):
    code = (
        GOOD.format(name="twin")
        + """
from cs_framework import ProposerSpec

@frozen
class Others:
    size: int = setting(1, help="a size")

@hookimpl
def cs_proposers():
    here = __name__
    yield ProposerSpec(name="twin", factory=f"{here}:Thing", settings=f"{here}:Others", summary="thing")
"""
    )
    (tmp_path / "twins.py").write_text(code)
    said = check(tmp_path / "twins.py", "--set", "twin.power=0").exception
    assert "--set twin: power: must be >= 1: 0" in str(said)
    said = check(tmp_path / "twins.py", "--set", "twin.sizes=1").exception
    assert "unknown key; did you mean 'size'?" in str(said)

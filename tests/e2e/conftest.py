from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright

from cs_framework.cli.run import main
from tests.support.frames import write_recipe, write_root

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def console() -> Command:
    """Run a console script of this environment as a process of its own, as a user would."""

    def run(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).with_name(name), *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def cs_run() -> Command:
    """``cs-run`` within this process, which has paid for its imports."""

    def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        with contextlib.chdir(cwd):
            result = CliRunner().invoke(main, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of bright streaks that toy components find."""
    return write_root(tmp_path_factory.mktemp("toy") / "data")


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory, toy_root: Path, console: Command) -> Path:
    """The folder of a finished run of toy components, with every output."""
    folder = tmp_path_factory.mktemp("run")
    recipe = write_recipe(
        folder / "toy.toml", toy_root, outputs="proposals = true\nregions = true\ncrops = true"
    )
    done = console("cs-run", recipe, "--no-cache", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "toy"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium of this system, which asks nobody for anything by itself."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS) as opened,
    ):
        yield opened


@contextlib.contextmanager
def opened(browser: Browser, report: Path, **window: object) -> Iterator[Page]:
    """A report in a new window; whatever the console says or the page asks for is an error in the end."""
    page = browser.new_page(**{"viewport": {"width": 1100, "height": 800}, **window})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda made: said.append(made.url))
    address = report.as_uri()
    page.goto(address)
    yield page
    page.close()
    assert [text for text in said if text != address and not text.startswith("data:image/webp")] == []

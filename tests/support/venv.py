"""Wheels of projects, installed beside the dependencies of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*command: object, cwd: Path) -> str:
    """A command; where it fails, the test shows what it said. Nothing of this process leaks into it."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def venv_with(projects: Sequence[Path], folder: Path) -> Path:
    """The Python of an environment that holds the dependencies of this one and the projects' wheels.

    Clean installs of torch would take minutes each.
    """
    wheels, venv = folder / "wheels", folder / "venv"
    options = ["--quiet", "--no-deps", "--no-index"]
    build = ["--no-build-isolation", "--wheel-dir", wheels]
    run(*PIP, "wheel", *options, *build, *projects, cwd=folder)
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=folder)
    python = venv / "bin" / "python"
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    # addsitedir, unlike a plain path, also follows the .pth files of editable installs
    path = Path(where.strip()) / "here.pth"
    path.write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    run(*PIP, "--python", python, "install", *options, *wheels.glob("*.whl"), cwd=folder)
    return python

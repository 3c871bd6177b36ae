"""The Python of the documentation runs, and the components in it keep the rules of their kind."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from click.testing import CliRunner

from cs_framework.api.specs import KINDS
from cs_framework.cli.plugins import commands
from cs_framework.testing import component_checks, components_of, run_check
from tests.docs.pages import DOCS, HOOK_PAGES, ROOT, snippets

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md"), *ROOT.glob("examples/*/*.md")]
WITH_PYTHON = [page for page in PAGES if snippets(page)]


@pytest.fixture(scope="module", autouse=True)
def cs_demo(tmp_path_factory):
    """The plugin that the pages speak of, as ``cs-plugins new`` writes it."""
    folder = tmp_path_factory.mktemp("demo") / "cs-demo"
    done = CliRunner().invoke(commands, ["new", "cs-demo", "--kind", "proposer", str(folder)])
    assert done.exit_code == 0, done.output
    info = folder / "src" / "cs_demo-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cs-demo\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[cs_framework.v1]\ndemo = cs_demo\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "src")
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "cs_demo"]:
        del sys.modules[name]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_snippets_of_a_page_run_one_after_the_other(page):
    module = ModuleType(f"page_{page.stem.replace('-', '_')}")
    sys.modules[module.__name__] = module
    try:
        for number, code in enumerate(snippets(page), start=1):
            if "    ...,\n" in code:  # an excerpt of a call
                compile(code, f"{page}: snippet {number}", "exec")
            else:
                exec(compile(code, f"{page}: snippet {number}", "exec"), vars(module))
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_hook_is_a_plugin_that_conforms(kind, tmp_path):
    file = tmp_path / f"example_of_{kind}.py"
    file.write_text(snippets(HOOK_PAGES[kind])[0])
    (component,) = components_of(file)
    assert component.kind == kind
    # a single file imports NumPy, and a process of its own is known to build it from the path
    left_out = ("light-import", "spawned-worker")
    checks = [one for one in component_checks(component) if one.check.name not in left_out]
    assert len(checks) > 8
    failed = [verdict for verdict in map(run_check, checks) if verdict.status != "passed"]
    assert [(verdict.check.check.name, verdict.reason) for verdict in failed] == []

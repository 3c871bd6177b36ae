"""A new plugin project, with a small component that works from the start."""

from __future__ import annotations

import keyword
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

from attrs import frozen

from cs_framework._hints import a
from cs_framework._markers import DISTRIBUTION, ENTRY_POINT_GROUP
from cs_framework.api.specs import Kind
from cs_framework.files import whole_folder
from cs_framework.recipe.positions import find_positions
from cs_framework.registry import Registry
from cs_framework.registry.modules import module_exists

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATE = ".tmpl"


@frozen
class _KindWords:
    """What a kind of component calls its parts."""

    hook: str
    spec: str
    module: str
    summary: str


_KINDS: dict[Kind, _KindWords] = {
    "anomaly_filter": _KindWords(
        "cs_anomaly_filters", "AnomalyFilterSpec", "filter", "how far a frame's grey levels are from usual"
    ),
    "proposer": _KindWords("cs_proposers", "ProposerSpec", "proposer", "a regular grid of boxes"),
    "embedder": _KindWords(
        "cs_embedders", "EmbedderSpec", "embedder", "the histogram of a box's grey levels"
    ),
    "scorer": _KindWords("cs_scorers", "ScorerSpec", "scorer", "ridge regression on the embeddings"),
}


def write_project(name: str, kind: Kind, folder: Path, base_recipe: str) -> list[Path]:
    """Write a project: package, tests, README and a recipe.

    Args:
        name: of the distribution, such as ``cs-demo``; its component is called ``demo`` then.
        kind: of the component.
        folder: a new or empty one.
        base_recipe: the text of a recipe; the project's own recipe is this one with the new component in it.

    Returns:
        The files, relative to the folder.

    Raises:
        ValueError: the name cannot be used, or the folder is not empty; the text says why.
    """
    words = _words(name, kind)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one")
    contents = {
        **_rendered("common", words),
        **_rendered(kind, words),
        PurePosixPath(f"recipes/{name}.toml"): recipe_with(base_recipe, name, kind, words["component"]),
    }
    with whole_folder(folder) as aside:
        for path, text in contents.items():
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            (aside / path).write_text(text, encoding="utf-8")
    return sorted(map(Path, contents))


def recipe_with(text: str, name: str, kind: Kind, use: str) -> str:
    """A recipe that names another component and is itself named anew, but for that the same.

    The settings of the component that goes are dropped, and the comment at the head is another one.
    """
    lines, places = text.splitlines(), find_positions(text)
    table = (kind, 0) if kind == "proposer" else (kind,)
    changed, dropped = places[(*table, "use")].line, places.get((*table, "settings"))
    before = tomllib.loads(lines[changed - 1])["use"]
    lines[places[("name",)].line - 1] = f'name = "{name}"'
    lines[changed - 1] = f'use = "{use}"  # instead of "{before}"'
    if dropped:
        lines[dropped.line - 1 : dropped.line] = []
    body = lines[next(at for at, line in enumerate(lines) if not line.startswith("#")) :]
    head = [
        f"# The quick start with the {kind.replace('_', ' ')} of {name}.",
        "#",
        f"#     cs-run recipes/{name}.toml",
    ]
    return "\n".join([*head, *body, ""])


def _words(name: str, kind: Kind) -> dict[str, str]:
    """What the templates leave open."""
    package, component = name.replace("-", "_"), name.removeprefix("cs-")
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(component)) or keyword.iskeyword(package):
        raise ValueError(f"{name!r} is not a name such as cs-demo: lower-case words joined by hyphens")
    if module_exists(package):
        raise ValueError(f"there is a module {package!r} already; choose another name")
    if any(known.name == component for known in Registry.discover().components(kind)):
        raise ValueError(f"there is {a(kind)} {component!r} already; choose another name")
    sort, spoken = _KINDS[kind], kind.replace("_", " ")
    stem = "".join(part.capitalize() for part in component.split("-"))
    return {
        "name": name,
        "package": package,
        "component": component,
        "class_name": stem.removesuffix(sort.module.capitalize()) + sort.module.capitalize(),
        "kind": spoken,
        "kind_title": f"The {spoken}",
        "table": f"[[{kind}]]" if kind == "proposer" else f"[{kind}]",
        "hook": sort.hook,
        "spec": sort.spec,
        "module": sort.module,
        "summary": sort.summary,
        "group": ENTRY_POINT_GROUP,
        "framework": version(DISTRIBUTION),
    }


def _rendered(part: str, words: dict[str, str]) -> dict[PurePosixPath, str]:
    """The files of one template folder, by path."""
    root = files(__package__) / "templates" / part
    rendered = {}
    for path, template in _templates(root, PurePosixPath()):
        text = Template(template.read_text(encoding="utf-8")).substitute(words)
        target = str(path).removesuffix(_TEMPLATE).replace("PACKAGE", words["package"])
        rendered[PurePosixPath(target)] = text
    return rendered


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, at / entry.name)
        elif entry.name.endswith(_TEMPLATE):
            yield at / entry.name, entry

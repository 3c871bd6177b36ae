"""A recipe's keys and values before anything is known of their types, and where each was written."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from cs_framework.errors import RecipeError
from cs_framework.recipe.positions import KeyPath, find_positions
from cs_framework.recipe.problems import Place, Problems, dotted

SUFFIXES = (".json", ".onnx", ".safetensors")
"""Extensions of the files of a bundle."""
MAX_DEPTH = 32
"""Tables and lists within each other, at most, in a JSON file."""
MAX_JSON = 64_000_000
"""Bytes of the largest JSON file that is read; ``bundle.json`` takes about 20 for each validation frame."""


@frozen
class Verbatim:
    """A value given on the command line, read once its type is known."""

    text: str

    def as_toml(self) -> Any:
        """The value that the text spells in TOML; where it is not TOML, the text."""
        try:
            read = tomllib.loads(f"value = {self.text}")
        except (ValueError, RecursionError):
            return self.text
        return read["value"] if len(read) == 1 else self.text


@frozen
class Override:
    """One ``--set KEY=VALUE``."""

    path: KeyPath
    value: Verbatim
    place: Place


@define
class Document:
    """Plain values with their places."""

    tree: dict[str, Any]
    places: dict[KeyPath, Place] = field(repr=False)

    def container(self, path: KeyPath) -> Any:
        """The table or array at a path; options on the way are opened."""
        node: Any = self.tree
        for key in path:
            if isinstance(node[key], Verbatim):
                node[key] = node[key].as_toml()
            node = node[key]
        return node

    def value(self, path: KeyPath, default: Any = None) -> Any:
        """What is written under a key, or the default."""
        try:
            return self.container(path[:-1])[path[-1]]
        except (KeyError, IndexError, TypeError):
            return default

    def put(self, path: KeyPath, value: Any, place: Place) -> None:
        """Write under a key of a table, or to an item of an array or its end."""
        self._forget(path)
        node, key = self.container(path[:-1]), path[-1]
        if isinstance(node, list) and key == len(node):
            node.append(value)
        else:
            node[key] = value
        self.places[path] = place

    def drop(self, path: KeyPath) -> None:
        """Remove a key of a table, if it is there."""
        self._forget(path)
        self.container(path[:-1]).pop(path[-1], None)

    def _forget(self, path: KeyPath) -> None:
        self.places = {kept: place for kept, place in self.places.items() if kept[: len(path)] != path}

    def place(self, path: KeyPath) -> Place:
        """Where a key is written, or else the table that should hold it."""
        while path not in self.places:
            path = path[:-1]
        return self.places[path]


@frozen
class RecipeFile:
    """The text of a recipe, known to be TOML."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> RecipeFile:
        """Read a recipe.

        Raises:
            RecipeError: there is no such file, or it is not TOML.
        """
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
            raise RecipeError(f"{path}:{line}:{column}: not UTF-8; save the file as UTF-8") from error
        except FileNotFoundError as error:
            raise RecipeError(f"{path}: no such file") from error
        except (OSError, ValueError) as error:
            text = f"cannot be read as a recipe: {getattr(error, 'strerror', None) or error}"
            raise RecipeError(f"{path}: {text}") from error
        file = cls(path, text)
        file.document()
        return file

    def document(self) -> Document:
        """A fresh copy of its values."""
        try:
            tree = tomllib.loads(self.text)
            positions = find_positions(self.text)
        except RecursionError as error:
            raise RecipeError(f"{self.path}: nested too deeply") from error
        except ValueError as error:
            raise RecipeError(f"{self.path}:{_syntax_error(str(error), self.text)}") from error
        base = self.path.absolute().parent
        places = {
            path: Place((0, *position), f"{self.path}:{position.line}:{position.column}", base)
            for path, position in positions.items()
        }
        return Document(tree, places)


def _syntax_error(message: str, text: str) -> str:
    """``"3:7: Invalid value"`` from what `tomllib` says."""
    what, _, where = message.rpartition(" (at ")
    numbers = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    if numbers:
        line, column = numbers.groups()
        return f"{line}:{column}: {what}"
    lines = text.rstrip("\n").split("\n")
    return f"{len(lines)}:{len(lines[-1]) + 1}: {what or message}"


def check_files(folder: Path) -> None:
    """Refuse a bundle that holds anything but its own files of known kinds, before anything in it is read.

    A bundle may come from anybody: its files are of kinds that hold no code, and lie in the bundle itself.

    Raises:
        RecipeError: naming the first such file, and the cure.
    """
    for parent, folders, names in os.walk(folder):
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            if reason := _reason_against(path):
                raise RecipeError(f"{path}: {reason}")


def _reason_against(path: Path) -> str | None:
    if path.is_symlink():
        return "a link, and a bundle holds files of its own only; replace it by what it points to"
    if path.is_dir():
        return None
    if not path.is_file() or path.suffix not in SUFFIXES:
        kinds = f"{', '.join(SUFFIXES[:-1])} and {SUFFIXES[-1]}"
        return f"a bundle holds {kinds} files only; remove it, if you know where the bundle comes from"
    if path.suffix == ".json":
        try:
            read_json(path)
        except ValueError as error:
            return f"{error}; train again"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
    return None


def read_json(path: Path) -> Any:
    """The content of a JSON file of anybody, such that a run can use and write it: shallow, and Unicode.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is larger than `MAX_JSON`, no JSON, nested deeper than `MAX_DEPTH`, or holds text that
            is no Unicode.
    """
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"larger than {MAX_JSON // 10**6} MB, which no bundle needs")
    try:
        tree = json.loads(path.read_bytes().decode("utf-8"))
        level = [tree]
        for _ in range(MAX_DEPTH):
            level = [inner for node in level for inner in _within(node)]
        if level:
            raise RecursionError
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("holds text that is no Unicode (half of a surrogate pair)") from None
    except RecursionError:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    return tree


def _within(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def read_described(path: Path, key: str) -> Document:
    """The table under one key of a JSON file.

    Raises:
        RecipeError: there is no such file, or it holds no such table.
    """
    try:
        tree = read_json(path)[key]
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such file; a bundle is the model/ folder of a finished run") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path}: not a readable bundle; train again") from error
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: not a readable bundle; train again")
    return Document(tree, {(): Place((0, 0, 0), str(path), path.absolute().parent)})


def parse_overrides(options: Sequence[str], problems: Problems) -> list[Override]:
    """Read ``KEY=VALUE`` options."""
    overrides = []
    for number, option in enumerate(options):
        label = f"--set {option}".replace("\n", "\\n")  # a problem is one line
        place = Place((1, number, 0), label, Path.cwd())
        key, equals, value = option.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if equals and all(parts):
            path = tuple(int(part) if part.isdecimal() else part for part in parts)
            overrides.append(Override(path, Verbatim(value.strip()), place))
        else:
            problems.add(place, (), "write KEY=VALUE, such as --set seed=7")
    return overrides


def apply(overrides: Sequence[Override], document: Document, problems: Problems) -> None:
    """Put the options on top of a document, in place."""
    for override in overrides:
        _put(override, document, problems)


def _put(override: Override, document: Document, problems: Problems) -> None:
    path: KeyPath = ()
    keys = explicit(document, override.path)
    for key, following in zip(keys, (*keys[1:], None), strict=True):
        node = document.container(path)
        if isinstance(node, dict):
            here = (*path, str(key))
        elif isinstance(node, list) and isinstance(key, int) and key <= len(node):
            here = (*path, key)
        else:
            problems.add(override.place, path, _no_way_in(node, path))
            return
        if following is None:
            document.put(here, override.value, override.place)
        elif document.value(here) is None:
            document.put(here, [] if isinstance(following, int) else {}, override.place)
        path = here


def explicit(document: Document, path: KeyPath) -> KeyPath:
    """``proposer.use`` means ``proposer.0.use`` where there is one proposer, or none yet."""
    if path[0] == "proposer" and len(path) > 1 and not isinstance(path[1], int):
        proposers = document.container(("proposer",)) if "proposer" in document.tree else []
        if isinstance(proposers, list) and len(proposers) <= 1:
            return ("proposer", 0, *path[1:])
    return path


def _no_way_in(node: Any, path: KeyPath) -> str:
    if not isinstance(node, list):
        return "is not a table"
    count = f"there {'is' if len(node) == 1 else 'are'} {len(node)}"
    return f"{count}; name one by its number, counted from 0, such as {dotted((*path, 0))}"

"""From plain values to typed ones, noting everything that is wrong on the way.

A walker of its own rather than cattrs: every conversion would have to be overridden there (scalars must be
strict, paths depend on where they are written, choices want suggestions, each validator must be heard), and
then the positions be recovered from its tree of errors. Here the key is at hand wherever a problem is seen,
and the short list of types that settings may have is in one place.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from attrs import frozen

from cs_framework._hints import did_you_mean
from cs_framework.api.settings import METADATA_KEY, PathOrName
from cs_framework.errors import RecipeError, shortened
from cs_framework.recipe.document import Document, Verbatim
from cs_framework.recipe.positions import KeyPath
from cs_framework.recipe.problems import MOST, Place, Problems

T = TypeVar("T")


class _Invalid:
    """The result where a problem was noted; None is a value like others."""


INVALID = _Invalid()


@frozen
class Reader:
    """Reads values of one document."""

    document: Document
    problems: Problems

    def table(self, cls: type[T], value: Any, path: KeyPath) -> T | _Invalid:
        """An instance of an attrs class.

        Keys that are wrong take their default, if they have one, so that the rest can be checked further.
        """
        if isinstance(value, Verbatim):
            value = value.as_toml()
        if not isinstance(value, dict):
            return self._refuse(path, f"must be a table, not {describe(value)}")
        fields = {key_of(field): field for field in fields_of(cls)}
        value, written = self._present(fields, value, path)
        unknown = [key for key in value if key not in fields]
        for key in unknown[:MOST]:
            self._refuse((*path, key), f"unknown key{did_you_mean(key, fields)}")
        if len(unknown) > MOST:
            self._refuse(path, f"{len(unknown) - MOST} further unknown keys")
        values = {}
        complete = True
        for key, field in fields.items():
            here = (*path, written.get(key, key))
            if key not in value:
                if field.default is attrs.NOTHING:
                    self._refuse(here, f"missing; {_help(field) or type_name(field.type)}")
                    complete = False
                continue
            read = self._checked(field, self.read(field.type, value[key], here), here)
            if read is not INVALID:
                values[key] = read
            elif field.default is attrs.NOTHING:
                complete = False
        return self._built(cls, values, path) if complete else INVALID

    def _present(
        self, fields: Mapping[str, attrs.Attribute[Any]], value: dict[str, Any], path: KeyPath
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The values by the present names of their keys, and the former names that were written, by these."""
        former = {f.metadata.get(METADATA_KEY, {}).get("formerly"): key for key, f in fields.items()}
        written: dict[str, str] = {}
        for old, key in former.items():
            if old is None or old not in value:
                continue
            place, here = self.document.place((*path, old)), (*path, old)
            if key in value:
                self.problems.add(place, here, f"is now called {key!r}, which is given, too: remove this one")
            else:
                self.problems.warn(place, here, f"is now called {key!r}")
                written[key] = old
        present = {former.get(key, key): one for key, one in value.items() if former.get(key) not in value}
        return present, written

    def read(self, hint: Any, value: Any, path: KeyPath) -> Any:
        """A value of the declared type, or `INVALID`."""
        if isinstance(value, Verbatim):
            value = value.text if _takes_text(hint) else value.as_toml()
        if hint is Any:
            return value
        if attrs.has(hint):
            return self.table(hint, value, path)
        readers: dict[Any, Callable[[Any, Any, KeyPath], Any]] = {
            **dict.fromkeys(_SCALARS, self._scalar),
            Path: self._path,
            PathOrName: self._path_or_name,
            Literal: self._one_of,
            Union: self._union,
            UnionType: self._union,
            tuple: self._items,
            list: self._items,
            dict: self._mapping,
        }
        reader = readers.get(hint) or readers.get(get_origin(hint))
        if reader is None:
            return self._refuse(path, f"has the type {type_name(hint)}, which a recipe cannot give")
        return reader(hint, value, path)

    def _refuse(self, path: KeyPath, text: str) -> _Invalid:
        self.problems.add(self.document.place(path), path, text)
        return INVALID

    def _scalar(self, hint: type, value: Any, path: KeyPath) -> Any:
        if type(value) is hint:
            if isinstance(value, float) and not math.isfinite(value):
                return self._refuse(path, f"must be a finite number, not {value}")
            return value if _is_unicode(value) else self._refuse(path, _NO_UNICODE)
        if hint is float and type(value) is int and abs(value) < 2**1023:
            return float(value)
        return self._refuse(path, f"must be {_SCALARS[hint]}, not {describe(value)}")

    def _path(self, hint: Any, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, str) or not value or "\0" in value:
            return self._refuse(path, f"must be a path in quotes, not {describe(value)}")
        if not _is_unicode(value):
            return self._refuse(path, _NO_UNICODE)
        return Path(_absolute(value, self.document.place(path).base))

    def _path_or_name(self, hint: Any, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, str) or not value or "\0" in value:
            return self._refuse(path, f"must be a path or a name in quotes, not {describe(value)}")
        if not _is_unicode(value):
            return self._refuse(path, _NO_UNICODE)
        absolute = _absolute(value, self.document.place(path).base)
        return absolute if value[0] in "./~" or os.path.exists(absolute) else value  # noqa: PTH110

    def _one_of(self, hint: Any, value: Any, path: KeyPath) -> Any:
        choices = get_args(hint)
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        return self._refuse(path, _not_among(choices, value))

    def _union(self, hint: Any, value: Any, path: KeyPath) -> Any:
        members = [member for member in get_args(hint) if member is not NoneType]
        if len(members) == 1:
            return self.read(members[0], value, path)
        for member in members:
            attempt = Reader(self.document, Problems())
            read = attempt.read(member, value, path)
            if not attempt.problems:
                return read
        return self._refuse(path, f"must be {type_name(hint)}, not {describe(value)}")

    def _items(self, hint: Any, value: Any, path: KeyPath) -> Any:
        args = get_args(hint)
        if not isinstance(value, list):
            cure = f"; write [[{path[-1]}]]" if isinstance(value, dict) and attrs.has(args[0]) else ""
            return self._refuse(path, f"must be a list, not {describe(value)}{cure}")
        if get_origin(hint) is list or args[-1] is Ellipsis:
            args = (args[0],) * len(value)
        elif len(value) != len(args):
            return self._refuse(path, f"must have {len(args)} items, not {len(value)}")
        read = [
            self.read(arg, item, (*path, i)) for i, (arg, item) in enumerate(zip(args, value, strict=True))
        ]
        return INVALID if INVALID in read else get_origin(hint)(read)

    def _mapping(self, hint: Any, value: Any, path: KeyPath) -> Any:
        if not isinstance(value, dict):
            return self._refuse(path, f"must be a table, not {describe(value)}")
        item = get_args(hint)[1]
        read = {key: self.read(item, one, (*path, key)) for key, one in value.items()}
        return INVALID if INVALID in read.values() else read

    def _checked(self, field: attrs.Attribute[Any], value: Any, path: KeyPath) -> Any:
        """Choices first, since they can be listed; other validators speak for themselves in `_built`."""
        choices = field.metadata.get(METADATA_KEY, {}).get("choices")
        if choices is None or value is None or value is INVALID:
            return value
        wrong = [item for item in (value if isinstance(value, tuple) else (value,)) if item not in choices]
        return self._refuse(path, _not_among(choices, wrong[0])) if wrong else value

    def _built(self, cls: type[T], values: dict[str, Any], path: KeyPath) -> T | _Invalid:
        try:
            return cls(**values)
        except Exception as error:
            unhappy = self._note_each_validator(cls, values, path)
            if not unhappy:
                return self._refuse(path, _text(error))
        try:
            return cls(**{key: value for key, value in values.items() if key not in unhappy})
        except Exception:
            return INVALID

    def _note_each_validator(self, cls: type, values: dict[str, Any], path: KeyPath) -> set[str]:
        """The keys whose validators object: an attrs class stops at the first, so ask each of them."""
        fields = fields_of(cls)
        blank: Any = object.__new__(cls)
        for field in fields:
            object.__setattr__(blank, field.name, values.get(key_of(field), default_of(field)))
        unhappy = set()
        for field in fields:
            key = key_of(field)
            if key not in values:
                continue
            try:
                if field.validator is not None:
                    field.validator(blank, field, values[key])
            except Exception as error:
                unhappy.add(key)
                self._refuse((*path, key), _text(error).removeprefix(f"{field.name!r} "))
        return unhappy


def read_table(cls: type[T], values: Any, label: str, base: Path | None = None) -> T:
    """Plain values as an attrs class, outside a recipe.

    Args:
        cls: the class.
        values: by key; what is no mapping is refused.
        label: says in errors whose they are.
        base: where relative paths start; the working directory when None.

    Raises:
        RecipeError: they are wrong; a line for each.
    """
    tree, problems = dict(values) if isinstance(values, Mapping) else values, Problems()
    document = Document(tree, {(): Place((0, 0, 0), label, base or Path.cwd())})
    read = Reader(document, problems).table(cls, tree, ())
    problems.raise_if_any()
    if isinstance(read, _Invalid):
        raise RecipeError(f"{label}: these settings do not go together")
    return read


_SCALARS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
}

_NAMES = {str: "text", Path: "path", PathOrName: "path or name", Any: "any value"}


def fields_of(cls: type) -> list[attrs.Attribute[Any]]:
    """The settable fields of an attrs class, with their types resolved."""
    return [field for field in attrs.fields(attrs.resolve_types(cls)) if field.init]


def key_of(field: attrs.Attribute[Any]) -> str:
    """The key that a recipe uses for a field."""
    return field.alias or field.name


def default_of(field: attrs.Attribute[Any]) -> Any:
    """The default of a field; None also where it is computed from other fields."""
    factory = getattr(field.default, "factory", None)
    if factory is None:
        return field.default
    return None if getattr(field.default, "takes_self", False) else factory()


def plain(value: Any) -> Any:
    """The other way: what TOML or JSON writes for a typed value; None is left out of tables."""
    if attrs.has(type(value)):
        items = ((key_of(field), getattr(value, field.name)) for field in fields_of(type(value)))
        return {key: plain(item) for key, item in items if item is not None}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def describe(value: Any) -> str:
    """A wrong value, for people."""
    if isinstance(value, str):
        return f"the text {shortened(value, 60)!r}" if value else "empty text"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return shortened(str(value), 60) if abs(value) < 10**30 else "a huge number"
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return f"the {type(value).__name__} {value}"


def type_name(hint: Any) -> str:
    """A type as ``cs-plugins show`` and errors give it."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in _NAMES:
        return _NAMES[hint]
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin in (Union, UnionType):
        return " or ".join(type_name(arg) for arg in args if arg is not NoneType)
    if origin is list or (origin is tuple and args[-1] is Ellipsis):
        return f"list of {type_name(args[0])}"
    if origin is tuple:
        return f"list of {len(args)}: {', '.join(map(type_name, args))}"
    table = origin is dict or attrs.has(hint)
    return "table" if table else str(getattr(hint, "__name__", hint))


def _takes_text(hint: Any) -> bool:
    """Is a value on the command line taken as it stands? Where the type is text or a path in any guise."""
    if hint == PathOrName or hint in (str, Path):
        return True
    if get_origin(hint) is Literal:
        return all(isinstance(choice, str) for choice in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return all(_takes_text(member) for member in get_args(hint) if member is not NoneType)
    return False


def _is_unicode(value: Any) -> bool:
    """Whether text can be written as UTF-8; what a shell gives that is no UTF-8 cannot."""
    try:
        return not isinstance(value, str) or bool(value.encode()) or not value
    except UnicodeEncodeError:
        return False


_NO_UNICODE = "must be text in Unicode (in UTF-8, if it comes from a shell or is the name of a file)"


def _absolute(text: str, base: Path) -> str:
    return os.path.abspath(base / Path(text).expanduser())  # noqa: PTH100  (keeps links as they are named)


def _not_among(choices: tuple[Any, ...], value: Any) -> str:
    suggestion = (
        did_you_mean(value, [choice for choice in choices if isinstance(choice, str)])
        if isinstance(value, str)
        else ""
    )
    return f"must be one of {', '.join(map(repr, choices))}, not {describe(value)}{suggestion}"


def _help(field: attrs.Attribute[Any]) -> str:
    return str(field.metadata.get(METADATA_KEY, {}).get("help", ""))


def _text(error: Exception) -> str:
    """What a validator says; some of attrs' carry their text first among further arguments."""
    text = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return " ".join(text.split()) or type(error).__name__

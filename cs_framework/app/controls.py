"""What to ask of a person so that a component gets its settings, whichever plugin it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from attrs import frozen

from cs_framework.api.settings import METADATA_KEY, PathOrName
from cs_framework.errors import RecipeError
from cs_framework.recipe.document import Verbatim
from cs_framework.recipe.reader import fields_of, key_of, plain, read_table, type_name

T = TypeVar("T")

Form = Literal["switch", "choice", "whole", "number", "list", "text", "fixed"]


@frozen
class Control:
    """One setting, as it is asked for."""

    key: str
    form: Form
    """What to draw: a switch, one of `options`, a whole or other number, items with commas between, any
    text; ``fixed`` is shown and cannot be changed."""
    value: Any
    """What to begin with, as a person writes it: for lists a text."""
    help: str
    options: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    optional: bool = False
    """Whether it may be left empty."""
    acts_when: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def label(self) -> str:
        """The key in words."""
        return self.key.replace("_", " ")

    def acts(self, values: Mapping[str, Any]) -> bool:
        """Whether the setting makes a difference beside these values of the others."""
        return all(values.get(key) == value for key, value in self.acts_when.items())


def controls_of(settings: object, only: Iterable[str] | None = None) -> list[Control]:
    """A control for each setting that a recipe can give in one line.

    Args:
        settings: an instance of an attrs class, whose values the controls begin with.
        only: the keys wanted, in this order; all when left out.
    """
    found = {key_of(field): field for field in fields_of(type(settings))}
    keys = list(found) if only is None else list(only)
    return [
        _control(found[key], getattr(settings, found[key].name))
        for key in keys
        if not attrs.has(found[key].type or object)
    ]


def settings_from(cls: type[T], values: Mapping[str, Any], name: str) -> tuple[T | None, list[str]]:
    """Settings of the values that controls gave, read as strictly as those of a recipe.

    Args:
        cls: the attrs class.
        values: by key; lists and texts as they were typed, None where nothing was.
        name: what the settings are of, for messages.

    Returns:
        The settings, None where something is wrong; and what is wrong.
    """
    fields = {key_of(field): field for field in fields_of(cls)}
    given = {key: _typed(fields[key].type, value) for key, value in values.items() if value not in (None, "")}
    try:
        read = read_table(cls, given, name)
    except RecipeError as error:
        return None, str(error).splitlines()
    # What was emptied is None, which a recipe cannot say; its default may be something else.
    emptied = {fields[key].name: None for key, value in values.items() if value is None and key in fields}
    return (attrs.evolve(read, **emptied) if emptied else read), []  # type: ignore[misc]


def _control(field: attrs.Attribute[Any], value: Any) -> Control:
    stated = field.metadata.get(METADATA_KEY, {})
    kind, optional = _without_none(field.type)
    options = tuple(stated.get("choices") or ())
    if get_origin(kind) is Literal:
        options = options or get_args(kind)
    listed = get_origin(kind) in (tuple, list)
    form: Form = "text"
    if kind in (Path, PathOrName):
        form = "fixed"
    elif kind is bool:
        form = "switch"
    elif listed:
        form = "list"
    elif options:
        form = "choice"
    elif kind in (int, float):
        form = "whole" if kind is int else "number"
    low, high = stated.get("ge", stated.get("gt")), stated.get("le", stated.get("lt"))
    if form == "whole":  # the next whole number inside an exclusive bound
        low = low + 1 if "gt" in stated and low is not None else low
        high = high - 1 if "lt" in stated and high is not None else high
    texts = [str(stated.get("help", ""))]
    if form in ("text", "list") and kind is not str:
        texts.append(f"({type_name(kind)})")
    return Control(
        key=key_of(field),
        form=form,
        value=_written(value) if form in ("list", "text", "fixed") else value,
        help=" ".join(filter(None, texts)),
        options=options if form == "choice" else (),
        low=low,
        high=high,
        optional=optional,
        acts_when=stated.get("acts_when") or {},
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was there."""
    if get_origin(hint) not in (Union, UnionType) or hint is PathOrName:
        return hint, False
    members = [member for member in get_args(hint) if member is not NoneType]
    optional = len(members) < len(get_args(hint))
    return (members[0] if len(members) == 1 else Union[tuple(members)]), optional  # noqa: UP007


def _written(value: Any) -> Any:
    """A value as a person types it: ``20, 60, 150`` for a list."""
    value = plain(value)
    if isinstance(value, list):
        return ", ".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    return value if value is None else str(value)


def _typed(hint: Any, value: Any) -> Any:
    """What was typed, as the reader of recipes wants it."""
    kind, _ = _without_none(hint)
    if not isinstance(value, str) or kind is str or get_origin(kind) is Literal:
        return value
    if get_origin(kind) in (tuple, list):
        if str in get_args(kind) or any(get_origin(arg) is Literal for arg in get_args(kind)):
            return [item.strip() for item in value.split(",")]
        return Verbatim(f"[{value}]").as_toml()
    return Verbatim(value)

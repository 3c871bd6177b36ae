"""Recipes as JSON Schema, so that editors complete, explain and check them while they are written.

The schema says what the reader says: the same declarations of types, bounds, choices and help. What only
code can tell (further validators, rules over several keys) is left to ``cs-run --check``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from cs_framework.api.settings import METADATA_KEY, PathOrName
from cs_framework.api.specs import KINDS, Kind
from cs_framework.errors import RecipeError, SetupError
from cs_framework.recipe.reader import default_of, fields_of, key_of, plain, type_name
from cs_framework.recipe.schema import ComponentUse, Recipe
from cs_framework.registry import Component, Registry

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: dict[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Path: {"type": "string", "minLength": 1},
    PathOrName: {"type": "string", "minLength": 1},
    Any: {},
}

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def recipe_schema(registry: Registry) -> Schema:
    """The JSON Schema (draft 2020-12) of recipes that use the components of a registry.

    A component is known by its qualified name, and by its bare name where that means it. A component whose
    settings cannot be imported may be used with any settings. Names that no plugin supplies are refused,
    except in recipes that bring plugins of their own.
    """
    schema = table_schema(Recipe)
    names = {kind: _names(registry, kind) for kind in KINDS}
    definitions: Schema = {}
    for kind in KINDS:
        definitions[kind] = _use_schema(kind, names[kind], definitions) | {
            "description": schema["properties"][kind]["description"]
        }
        reference = {"$ref": f"#/$defs/{kind}"}
        several = kind == "proposer"
        schema["properties"][kind] = {"type": "array", "items": reference} if several else reference
    return {
        "$schema": DIALECT,
        "title": "a recipe of cytoplasmic-strings",
        **schema,
        "if": {"not": {"required": ["plugins"]}},
        "then": {"properties": {kind: _only(kind, list(names[kind])) for kind in KINDS}},
        "$defs": definitions,
    }


def table_schema(cls: type) -> Schema:
    """The schema of a table that the reader makes an instance of `cls` from.

    Raises:
        TypeError: a field has a type that a recipe cannot give.
    """
    fields = fields_of(cls)
    required = [key_of(field) for field in fields if field.default is attrs.NOTHING]
    schema: Schema = {
        "type": "object",
        "properties": {key_of(field): _field_schema(field) for field in fields},
        "additionalProperties": False,
    }
    return schema | ({"required": required} if required else {})


def _field_schema(field: attrs.Attribute[Any]) -> Schema:
    stated: Mapping[str, Any] = field.metadata.get(METADATA_KEY, {})
    limits = {keyword: stated[name] for name, keyword in _BOUNDS.items() if name in stated}
    if stated.get("choices"):
        limits["enum"] = list(stated["choices"])
    schema = _type_schema(field.type, limits)
    if stated.get("help"):
        schema["description"] = stated["help"]
    default = default_of(field)
    if default is not None and default is not attrs.NOTHING:
        schema["default"] = plain(default)
    return schema


def _type_schema(hint: Any, limits: Schema) -> Schema:
    """The schema of a type; limits are those of a value, or of each item of a list."""
    if hint in _SCALARS:
        return _SCALARS[hint] | limits
    if attrs.has(hint):
        return table_schema(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (list, tuple):
        return _list_schema(args, limits, fixed=origin is tuple and args[-1] is not Ellipsis)
    if origin in (Union, UnionType):
        members = [_type_schema(arg, limits) for arg in args if arg is not NoneType]
        return members[0] if len(members) == 1 else {"anyOf": members}
    if origin is Literal:
        return {"enum": list(args)} | limits
    if origin is dict:
        return {"type": "object", "additionalProperties": _type_schema(args[1], limits)}
    raise TypeError(f"a recipe cannot give the type {type_name(hint)}")


def _list_schema(args: tuple[Any, ...], limits: Schema, *, fixed: bool) -> Schema:
    if not fixed:
        return {"type": "array", "items": _type_schema(args[0], limits)}
    items = [_type_schema(arg, limits) for arg in args]
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}


def _names(registry: Registry, kind: Kind) -> dict[str, Component]:
    """What ``use`` may say, and what it means then."""
    names = {}
    for component in registry.components(kind):
        names[component.qualified_name] = component
        try:
            names[component.name] = registry.find(kind, component.name)
        except RecipeError:  # several plugins supply it, so the bare name means none of them
            continue
    return dict(sorted(names.items()))


def _use_schema(kind: Kind, names: Mapping[str, Component], definitions: Schema) -> Schema:
    """The schema of ``[kind]``, which settings depend on ``use``; their schemas go into `definitions`."""
    schema = table_schema(ComponentUse)
    schema["properties"]["use"]["examples"] = list(names)
    choice: Schema = {}
    known: list[Schema] = []
    for component in dict.fromkeys(names.values()):
        settings = _settings_schema(component)
        if settings is None:
            continue
        key = f"{kind}:{component.qualified_name.replace('/', ':')}"
        definitions[key] = settings | {
            "title": component.qualified_name,
            "description": component.spec.summary,
        }
        meant = [name for name, meaning in names.items() if meaning == component]
        then: Schema = {"properties": {"settings": {"$ref": f"#/$defs/{key}"}}}
        if "required" in settings:
            then["required"] = ["settings"]
        choice = {
            "if": {"properties": {"use": {"enum": meant}}, "required": ["use"]},
            "then": then,
            **({"else": choice} if choice else {}),
        }
        known.append({"$ref": f"#/$defs/{key}"})
    # Some editors (taplo) complete from anyOf but not from if and then, which give the better errors.
    schema["properties"]["settings"]["anyOf"] = [*known, {}]
    return schema | choice


def _settings_schema(component: Component) -> Schema | None:
    try:
        return table_schema(component.settings_class())
    except (SetupError, TypeError):
        return None


def _only(kind: Kind, names: list[str]) -> Schema:
    one = {"properties": {"use": {"enum": names}}}
    return {"items": one} if kind == "proposer" else one

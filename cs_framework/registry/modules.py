"""Finding modules without importing them, and objects by ``"module:name"``."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

from cs_framework._hints import reason
from cs_framework.errors import NOT_A_FAULT, SetupError


def module_exists(name: str) -> bool:
    """Can this module be found? Unlike `find_spec`, no parent package is imported to answer."""
    if name in sys.modules:
        return sys.modules[name] is not None
    parent, _, _ = name.rpartition(".")
    if not parent:
        return find_spec(name) is not None
    return _nested_spec(name) is not None


def _nested_spec(name: str) -> ModuleSpec | None:
    parent, _, _ = name.rpartition(".")
    if parent in sys.modules:
        path = getattr(sys.modules[parent], "__path__", None)
    else:
        spec = _nested_spec(parent) if "." in parent else find_spec(parent)
        path = spec and spec.submodule_search_locations
    if path is None:
        return None
    specs = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)


def import_object(reference: str, owner: str) -> Any:
    """The object that ``"module:name"`` means; `owner` says in errors whose it is.

    Raises:
        SetupError: the module does not import, or has no such name.
    """
    module_name, _, name = reference.partition(":")
    try:
        module = import_module(module_name)
    except NOT_A_FAULT:
        raise
    except BaseException as error:
        raise SetupError(f"{owner}: importing {module_name!r} failed: {reason(error)}") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise SetupError(f"{owner}: there is no {name!r} in the module {module_name!r}") from error

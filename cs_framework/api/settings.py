"""Declaring the settings of a component: type, default, bounds and help in one place.

The recipe reader, ``cs-plugins show`` and whatever draws controls for a component read the same declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from attrs import NOTHING, field, validators

METADATA_KEY = "cs_framework"

PathOrName = Annotated[str, "path or name"]
"""The type of a setting that takes a local path or a name, such as that of weights on a model hub.

A recipe's text becomes an absolute path where it names something that exists (relative to the recipe) or
begins with ``.``, ``~`` or ``/``; else it stays as it is.
"""

MOST_ITEMS = 1000
"""Of a setting that is a list."""


def setting(
    default: Any = NOTHING,
    *,
    help: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: tuple[Any, ...] | None = None,
    acts_when: Mapping[str, Any] | None = None,
    validator: Any = None,
    formerly: str | None = None,
) -> Any:
    """Declare one setting of a frozen attrs class.

    Args:
        default: the value when a recipe is silent; without one the setting is required.
        help: one line for people, with the unit where there is one.
        ge: smallest allowed value. Bounds apply to each item of a tuple, which has `MOST_ITEMS` at most.
        gt: exclusive lower bound.
        le: largest allowed value. Give one wherever memory or time grows with the value: bundles may come
            from anybody.
        lt: exclusive upper bound.
        choices: the allowed values.
        acts_when: values of other settings without which this one makes no difference, such as
            ``{"mode": "grey"}``; controls for people leave it out then.
        validator: a further attrs validator.
        formerly: the key that it had in an earlier version. Recipes, resolved ones and bundles that have that
            key are read, with a warning that names the present one.

    Example:
        >>> from attrs import frozen
        >>> @frozen
        ... class Settings:
        ...     epochs: int = setting(30, ge=1, help="passes over the training frames")
        >>> Settings(epochs=0)
        Traceback (most recent call last):
            ...
        ValueError: 'epochs' must be >= 1: 0
    """
    checks = []
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    for name, bound in bounds.items():
        if bound is not None:
            checks.append(getattr(validators, name)(bound))
    if choices is not None:
        checks.append(validators.in_(choices))
    each = [_few, *(_each(check) for check in checks)]
    if validator is not None:
        each.append(validator)
    stated = {name: bound for name, bound in bounds.items() if bound is not None}
    told = {"help": help, "choices": choices, "acts_when": acts_when, "formerly": formerly}
    metadata = {METADATA_KEY: {**told, **stated}}
    return field(default=default, validator=each, metadata=metadata)


def _few(instance: Any, attribute: Any, value: Any) -> None:
    """Refuse lists that no person wrote, which may ask for any amount of memory and time."""
    if isinstance(value, tuple | list) and len(value) > MOST_ITEMS:
        raise ValueError(f"{attribute.name!r} must have at most {MOST_ITEMS} items, not {len(value)}")


def multiple_of(number: int, reason: str) -> Any:
    """A validator for `setting`: the value must be a multiple of a number.

    Args:
        number: such as 8.
        reason: a few words for the message, such as ``three halvings``.

    Example:
        >>> from attrs import frozen
        >>> @frozen
        ... class Settings:
        ...     size: int = setting(64, validator=multiple_of(8, "three halvings"), help="side in px")
        >>> Settings(size=60)
        Traceback (most recent call last):
            ...
        ValueError: 'size' must be a multiple of 8 (three halvings): 60
    """

    def validate(instance: Any, attribute: Any, value: int) -> None:
        if value % number:
            raise ValueError(f"{attribute.name!r} must be a multiple of {number} ({reason}): {value}")

    return validate


def _each(check: Any) -> Any:
    """Apply a check to a value, to every item of a tuple, and not to None."""

    def validate(instance: Any, attribute: Any, value: Any) -> None:
        if value is None:
            return
        for item in value if isinstance(value, tuple) else (value,):
            check(instance, attribute, item)

    return validate

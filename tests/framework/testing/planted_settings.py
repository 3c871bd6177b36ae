"""Settings of the planted components, well and badly declared; in a module as light as it should be."""

from __future__ import annotations

from attrs import define, field, frozen

from cs_framework import setting


@frozen
class Settings:
    size: int = setting(3, ge=1, help="a number")
    names: tuple[str, ...] = setting(("a",), help="words")
    ratio: float | None = setting(None, gt=0, help="a ratio")


@define
class NotFrozen:
    size: int = setting(3, help="a number")


@frozen
class NotExplained:
    size: int = field(default=3)


@frozen
class NotForRecipes:
    size: complex = setting(3j, help="a number")


@frozen
class ChangesOnTheWay:
    size: float = field(
        default=0.1, converter=lambda size: size + 1, metadata={"cs_framework": {"help": "a number"}}
    )


@frozen
class Required:
    size: int = setting(help="a number")

"""What the types of single keys cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cs_framework.recipe.patterns import NamePattern
from cs_framework.recipe.positions import KeyPath
from cs_framework.recipe.problems import Problems
from cs_framework.recipe.schema import Recipe
from cs_framework.registry.component import normalised

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from cs_framework.recipe.document import Document


def check_requires(recipe: Recipe, document: Document, problems: Problems) -> bool:
    """Are the distributions that a recipe asks for installed? Told from their metadata."""
    met = True
    for number, text in enumerate(recipe.requires):
        fault = _unmet(text)
        if fault:
            path: KeyPath = ("requires", number)
            problems.add(document.place(path), path, fault)
            met = False
    return met


def _unmet(text: str) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f'{text!r} is not a requirement; write one such as "cs-yolo>=1.2"'
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    return _not_installed(requirement)


def _not_installed(requirement: Requirement) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version(normalised(requirement.name))
    except PackageNotFoundError:
        return f'{requirement} is not installed: pip install "{requirement}"'
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f'{requirement} is asked for, {installed} is installed: pip install "{requirement}"'


def check_whole(recipe: Recipe, document: Document, problems: Problems) -> None:
    """Rules over several keys."""

    def wrong(path: KeyPath, text: str) -> None:
        problems.add(document.place(path), path, text)

    data, training = recipe.data, recipe.training
    labelled = [step for step in recipe.steps if step in ("train", "evaluate", "proposals")]
    from_folder = document.value(("data", "source"), "folder") == "folder"  # not where it is misspelt
    if labelled and from_folder and data.root is None and ("data", "root") not in document.places:
        wrong(
            ("data", "root"), f"missing; {' and '.join(labelled)} want labelled frames: --set data.root=DIR"
        )
    if "train" in recipe.steps[1:]:
        wrong(("steps",), "train comes first and once, since the other steps go by what it learns")
    if "adapt" in recipe.steps and (recipe.steps[0] != "adapt" or recipe.steps.count("adapt") > 1):
        wrong(("steps",), "adapt comes first and once, since the other steps go by what it learns")
    if "adapt" in recipe.steps and recipe.model.bundle is None:
        wrong(("model", "bundle"), "missing; adapt learns on from a trained bundle: --set model.bundle=DIR")
    if "adapt" in recipe.steps and recipe.detect.input is None:
        wrong(("detect", "input"), "missing; adapt learns from the frames to search: --set detect.input=PATH")
    if training.negative_iou > training.positive_iou:
        wrong(
            ("training", "negative_iou"),
            f"must not be above training.positive_iou: {training.negative_iou} > {training.positive_iou}",
        )
    if data.group_pattern is not None:
        fault = _bad_pattern(data.group_pattern)
        if fault:
            wrong(("data", "group_pattern"), fault)
    if recipe.model.bundle is None and recipe.steps:
        missing = [
            key
            for key in (("proposer",) if recipe.only_proposes else ("proposer", "embedder", "scorer"))
            if not getattr(recipe, key)
            and (key not in document.tree or document.container((key,)) in (None, []))
        ]
        if len(missing) == 3 and "train" not in recipe.steps:
            wrong(
                ("model", "bundle"),
                "missing; without training, give --set model.bundle=DIR, DIR a trained run, or "
                "--set model.bundle=pretrained",
            )
            return
        for key in missing:
            table = "[[proposer]]" if key == "proposer" else f"[{key}]"
            cure = f'add {table} with use = "NAME", or set model.bundle'
            wrong((key,), f"missing; every step needs one: {cure}")


def _bad_pattern(pattern: str) -> str | None:
    try:
        NamePattern(pattern)
    except ValueError as error:
        return str(error)
    return None

"""From a recipe file to components that can be built."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from cs_framework._markers import DISTRIBUTION, FORMER_DISTRIBUTION
from cs_framework.api.specs import KINDS, Kind
from cs_framework.errors import RecipeError, SetupError
from cs_framework.files import PRETRAINED, digest_of_folder, shipped
from cs_framework.recipe.checks import check_requires, check_whole
from cs_framework.recipe.document import (
    Document,
    Override,
    RecipeFile,
    apply,
    check_files,
    explicit,
    parse_overrides,
    read_described,
)
from cs_framework.recipe.positions import KeyPath
from cs_framework.recipe.problems import Place, Problems, dotted
from cs_framework.recipe.reader import INVALID, Reader, plain
from cs_framework.recipe.schema import (
    KEPT,
    ComponentTables,
    ComponentUse,
    ModelSettings,
    Recipe,
)
from cs_framework.registry import Component, Registry
from cs_framework.registry.component import is_former

if TYPE_CHECKING:
    from cs_framework.api.components import Env

RESOLVED_FILE = "resolved.toml"
"""The recipe of a run with every default filled in: the file that makes a folder a run folder."""
BUNDLE_FILE = "bundle.json"


@frozen
class Choice:
    """A component and the settings it is to be built with."""

    component: Component
    settings: object
    path: KeyPath = field(default=(), eq=False)
    """Where the recipe names it."""

    def build(self, env: Env) -> Any:
        """The component.

        Raises:
            SetupError: it cannot be built here; the message says why.
        """
        return self.component.build(self.settings, env)

    def described(self) -> ComponentUse:
        """As a resolved recipe names it: qualified, versioned, with every setting."""
        return ComponentUse(
            use=self.component.qualified_name,
            settings=plain(self.settings),
            version=self.component.provenance.version,
        )


@frozen
class LoadedRecipe:
    """A recipe that has been checked, and the components it chooses."""

    path: Path
    recipe: Recipe
    """Resolved: all defaults filled, paths absolute, components qualified. It names no component where a
    bundle supplies them."""
    registry: Registry = field(repr=False)
    anomaly_filter: Choice | None
    proposers: tuple[Choice, ...]
    embedder: Choice | None
    scorer: Choice | None
    bundle: Path | None = None
    """The folder of the trained bundle that ``model.bundle`` means; None where the recipe names none."""
    warnings: tuple[str, ...] = ()
    """What a reader of the results should know, such as versions that differ from the recorded ones."""

    def to_toml(self) -> str:
        """The resolved recipe as text; it loads to an equal recipe."""
        import tomli_w

        text: str = tomli_w.dumps(plain(self.recipe))
        return text


def components_to_dict(loaded: LoadedRecipe) -> dict[str, Any]:
    """The components of a recipe as plain values, as ``bundle.json`` keeps them under ``"components"``.

    With them goes which boxes are scored and how frames are seen: the keys of `KEPT`.
    """
    described: dict[str, Any] = plain(_components(loaded))
    for table, names in KEPT.items():
        settings = plain(getattr(loaded.recipe, table))
        described[table] = {key: settings[key] for key in names if key in settings}
    return described


def _components(loaded: LoadedRecipe) -> ComponentTables:
    return ComponentTables(
        anomaly_filter=loaded.anomaly_filter.described() if loaded.anomaly_filter else None,
        proposer=tuple(choice.described() for choice in loaded.proposers),
        embedder=loaded.embedder.described() if loaded.embedder else None,
        scorer=loaded.scorer.described() if loaded.scorer else None,
    )


def load_recipe(
    path: Path,
    *,
    overrides: Sequence[str] = (),
    block: Sequence[str] = (),
    registry: Registry | None = None,
) -> LoadedRecipe:
    """Read a recipe, check all of it, and find its components; nothing is built.

    Args:
        path: the TOML file.
        overrides: ``KEY=VALUE`` options, which win over the file.
        block: plugins not to import, beside those that the recipe blocks.
        registry: the plugins to choose from, instead of the installed ones and the recipe's own.

    Raises:
        RecipeError: everything that is wrong, a line each.
    """
    problems = Problems()
    file = RecipeFile.read(path)
    options = parse_overrides(overrides, problems)
    document = file.document()
    recipe = _read(path, document, options, problems)
    blocked = tuple(dict.fromkeys((*recipe.block.plugins, *block)))
    recipe = evolve(recipe, block=evolve(recipe.block, plugins=blocked))
    if not check_requires(recipe, document, problems):
        problems.raise_if_any()  # what is installed is not what the recipe was written for: import nothing
    if registry is None:
        registry = Registry.discover(block=recipe.block.plugins, local=recipe.plugins)
        _check_local_plugins(recipe, registry, document, problems)

    written = document
    bundle, recorded = None, recipe.model.content
    if recipe.model.bundle is not None:
        recipe, document, bundle = _bundled(recipe, document, problems)
    else:
        document = _without_replaced(file, options, registry)
    named = {kind: document.tree[kind] for kind in KINDS if kind in document.tree}
    components = Reader(document, problems).table(ComponentTables, named, ())
    assert isinstance(components, ComponentTables), "every key of it has a default"
    chooser = _Chooser(registry, document, problems)
    for number, text in enumerate(recipe.requires):
        chooser.note_former(re.split(r"[^\w.-]", text)[0], written.place(("requires", number)))
    choices = {kind: list(chooser.choices(kind, components)) for kind in KINDS}
    chooser.check_pairs(components, choices)
    problems.raise_if_any()
    loaded = LoadedRecipe(
        path=path,
        recipe=recipe,
        registry=registry,
        anomaly_filter=next(iter(choices["anomaly_filter"]), None),
        proposers=tuple(choices["proposer"]),
        embedder=next(iter(choices["embedder"]), None),
        scorer=next(iter(choices["scorer"]), None),
        bundle=bundle,
        warnings=(
            *_changed(path, recorded, recipe.model),
            *registry.warnings,
            *problems.warnings,
            *chooser.warnings,
        ),
    )
    if recipe.model.bundle is None:
        resolved = _components(loaded)
        loaded = evolve(loaded, recipe=evolve(recipe, **{kind: getattr(resolved, kind) for kind in KINDS}))
    return loaded


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """What a recipe says, checked as far as it can be without its components: nothing is imported.

    So it may be asked of a recipe whose author is not trusted.

    Raises:
        RecipeError: everything that is wrong, a line each.
    """
    problems = Problems()
    options = parse_overrides(overrides, problems)
    recipe = _read(path, RecipeFile.read(path).document(), options, problems)
    problems.raise_if_any()
    return recipe


def _read(path: Path, document: Document, options: Sequence[Override], problems: Problems) -> Recipe:
    """All of a recipe but its components; the options are put on top of the document."""
    apply(options, document, problems)
    _refuse_components_beside_bundle(document, problems)
    recipe = Reader(document, problems).table(Recipe, document.tree, ())
    assert isinstance(recipe, Recipe), "every key of a recipe has a default"
    recipe = evolve(recipe, name=recipe.name or path.stem)
    check_whole(recipe, document, problems)
    return recipe


@define
class _Chooser:
    """Finds components and reads their settings."""

    registry: Registry
    document: Document
    problems: Problems
    warnings: list[str] = field(factory=list)

    def choices(self, kind: Kind, components: ComponentTables) -> Iterator[Choice]:
        """The components of one kind."""
        uses = getattr(components, kind)
        named: Iterable[tuple[KeyPath, ComponentUse | None]] = (
            (((kind, number), use) for number, use in enumerate(uses))
            if isinstance(uses, tuple)
            else [((kind,), uses)]
        )
        for path, use in named:
            if use is None:
                continue
            choice = self._choice(kind, use, path)
            if choice is not None:
                yield choice

    def _choice(self, kind: Kind, use: ComponentUse, path: KeyPath) -> Choice | None:
        place = self.document.place((*path, "use"))
        try:
            component = self.registry.find(kind, use.use, use.version)
            settings_class = component.settings_class()
        except (RecipeError, SetupError) as error:
            self.problems.add(place, (*path, "use"), str(error))
            return None
        installed = component.provenance
        self.note_former(use.use.rpartition("/")[0], place)
        if use.version is not None and use.version != installed.version:
            self.warnings.append(
                f"{self.document.place((*path, 'version')).label}: {dotted(path)}: recorded with "
                f"{installed.distribution} {use.version}, but {installed.version} is installed"
            )
        raw = self.document.value((*path, "settings"), {})
        settings = Reader(self.document, self.problems).table(settings_class, raw, (*path, "settings"))
        return None if settings is INVALID else Choice(component, settings, path)

    def check_pairs(self, components: ComponentTables, choices: Mapping[Kind, Sequence[Choice]]) -> None:
        """Refuse proposers and embedders that work with another anomaly filter than the recipe's."""
        if len(choices["anomaly_filter"]) < (components.anomaly_filter is not None):
            return  # nothing is known of the filter but what is wrong with it
        chosen = next((choice.component for choice in choices["anomaly_filter"]), None)
        given = f"has {chosen.name!r}" if chosen else "names none"
        for kind in ("proposer", "embedder"):
            for choice in choices[kind]:
                partner, path = choice.component.partner, (*choice.path, "use")
                if partner is None or (chosen and chosen.is_called(partner)):
                    continue
                name = self._short("anomaly_filter", partner)
                text = (
                    f"{choice.component.name!r} works with the anomaly filter {name!r}, but the recipe "
                    f'{given}: set use = "{name}" under [anomaly_filter], or take another {kind}'
                )
                self.problems.add(self.document.place(path), path, text)

    def _short(self, kind: Kind, use: str) -> str:
        """The shortest name of a component, where it is installed."""
        try:
            return self.registry.shortest_use(self.registry.find(kind, use))
        except RecipeError:
            return use

    def note_former(self, distribution: str, place: Place) -> None:
        """Warn, once, of the name that this project had before."""
        text = f"{FORMER_DISTRIBUTION} is now called {DISTRIBUTION}, and is read as that"
        if is_former(distribution) and not any(text in warning for warning in self.warnings):
            self.warnings.append(f"{place.label}: {text}")


def _check_local_plugins(recipe: Recipe, registry: Registry, document: Document, problems: Problems) -> None:
    """A recipe asks for its one-file plugins by path, so that one is broken is its problem."""
    broken = {plugin.provenance.file: plugin for plugin in registry.plugins if plugin.status != "ok"}
    for number, path in enumerate(recipe.plugins):
        plugin = broken.get(str(path))
        if plugin is not None:
            key = ("plugins", number)
            problems.add(document.place(key), key, f"{plugin.phase}: {plugin.reason}")


def _refuse_components_beside_bundle(document: Document, problems: Problems) -> None:
    if document.value(("model", "bundle")) is None:
        return
    for kind in KINDS:
        if document.tree.get(kind) not in (None, []):
            text = "components come from the bundle (model.bundle): name none here"
            problems.add(document.place((kind,)), (kind,), text)
            document.drop((kind,))


def _bundled(recipe: Recipe, document: Document, problems: Problems) -> tuple[Recipe, Document, Path]:
    """The recipe of a bundle, the document that describes the bundle's components, and its folder."""
    named = recipe.model.bundle
    bundle = shipped(PRETRAINED) if named == PRETRAINED else named
    if not isinstance(bundle, Path):
        key = ("model", "bundle")
        problems.add(document.place(key), key, f"this installation has no {PRETRAINED} bundle: give a folder")
        problems.raise_if_any()
        raise AssertionError("there is a problem")
    if not (bundle / BUNDLE_FILE).exists() and (bundle / "model" / BUNDLE_FILE).exists():
        bundle = bundle / "model"
    try:
        check_files(bundle)
        described = read_described(bundle / BUNDLE_FILE, "components")
    except RecipeError as error:
        key = ("model", "bundle")
        problems.add(document.place(key), key, str(error))
        problems.raise_if_any()
        raise
    kept = {table: _as_trained(recipe, table, document, described, problems) for table in KEPT}
    model = (
        evolve(recipe.model, content=digest_of_folder(bundle))
        if named == PRETRAINED
        else ModelSettings(bundle)
    )
    return evolve(recipe, model=model, **kept), described, bundle


def _changed(path: Path, recorded: str | None, model: ModelSettings) -> Iterator[str]:
    """A warning where the bundle that comes along is not the one that a resolved recipe was made with."""
    if recorded is not None and model.content not in (None, recorded):
        yield (
            f"{path}: model.bundle: recorded with another {PRETRAINED} bundle ({recorded[:8]}) than the one "
            f"that is installed ({model.content[:8]}): results may differ"
        )


def _as_trained(
    recipe: Recipe, table: str, document: Document, described: Document, problems: Problems
) -> Any:
    """A table of the recipe, with what the bundle keeps of it where the recipe says nothing else."""
    key, settings = (table,), getattr(recipe, table)
    read = Reader(described, problems).table(type(settings), described.value(key, {}), key)
    if not isinstance(read, type(settings)):
        return settings
    unsaid = [name for name in KEPT[table] if document.value((*key, name)) is None]
    known = [name for name in unsaid if described.value((*key, name)) is not None]
    return evolve(settings, **{name: getattr(read, name) for name in known})


def _without_replaced(file: RecipeFile, options: Sequence[Override], registry: Registry) -> Document:
    """The document, afresh and without the settings of components that an option replaces by others."""
    fresh = file.document()
    for option in options:
        *path, last = explicit(fresh, option.path)
        table = fresh.value(tuple(path)) if path else None
        if last != "use" or not isinstance(table, dict) or path[0] not in KINDS:
            continue
        kind: Any = path[0]
        if not _same_component(registry, kind, table.get("use"), option.value.text):
            for key in ("settings", "version"):
                fresh.drop((*path, key))
    apply(options, fresh, Problems())  # their problems are known
    return fresh


def _same_component(registry: Registry, kind: Kind, one: object, other: str) -> bool:
    try:
        return registry.find(kind, str(one)) == registry.find(kind, other)
    except RecipeError:
        return one == other

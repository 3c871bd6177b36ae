"""The components of a run: built together, loaded together, described for caches together."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen

from cs_framework.api.components import (
    AnomalyFilter,
    Closable,
    Embedder,
    Env,
    FilterBound,
    Proposer,
    Scorer,
)
from cs_framework.errors import NOT_A_FAULT, CSError, SetupError
from cs_framework.pipeline.faults import blaming
from cs_framework.recipe import Choice, LoadedRecipe

Device = str
log = logging.getLogger(__name__)

NETWORK_FILE = "network.onnx"
"""The exported network of a component, beside what it learnt."""


def make_env(loaded: LoadedRecipe, cache: Path | None = None, track: Callable[..., Any] | None = None) -> Env:
    """The environment that a recipe asks for, with its threads set in torch and OpenCV."""
    import cv2
    import torch

    pipeline = loaded.recipe.pipeline
    torch.set_num_threads(pipeline.threads)
    cv2.setNumThreads(pipeline.threads)
    env = Env(
        seed=loaded.recipe.seed,
        device=resolved_device(pipeline.device),
        threads=pipeline.threads,
        cache=cache,
    )
    return evolve(env, track=track) if track else env


def resolved_device(wanted: str) -> Device:
    """What `pipeline.device` comes to here.

    Raises:
        SetupError: torch sees no such device.
    """
    import torch

    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if here[device])
    if not here[wanted]:
        raise SetupError(
            f'pipeline.device = "{wanted}": torch sees no such device here; use "cpu" or "auto", '
            "or install a build of torch for it"
        )
    return wanted


@frozen(eq=False)
class Components:
    """One of each kind, but proposers may be several and the filter may be absent.

    A run that only evaluates proposers has no embedder and no scorer, and a filter only where a proposer asks
    for it.
    """

    anomaly_filter: AnomalyFilter | None
    proposers: tuple[Proposer, ...]
    _embedder: Embedder | None
    _scorer: Scorer | None
    names: Mapping[int, str] = field(factory=dict)
    """What each is called in messages, by its `id`: its kind, name, distribution and version."""

    def call(self, component: object) -> AbstractContextManager[None]:
        """Call a component within this block: what it raises is told with its name; see `blaming`."""
        return blaming(self.names.get(id(component), type(component).__name__))

    @property
    def embedder(self) -> Embedder:
        """Of any run that does more than propose."""
        assert self._embedder is not None
        return self._embedder

    @property
    def scorer(self) -> Scorer:
        """Of any run that does more than propose."""
        assert self._scorer is not None
        return self._scorer

    @classmethod
    def build(cls, loaded: LoadedRecipe, env: Env, bundle: Path | None = None) -> Components:
        """Build every component that a recipe names; with a bundle, load what was trained.

        While training, what is given for a bundle has no ``bundle.json`` yet and may hold the filter alone.

        Raises:
            SetupError: if one cannot be built here, or the bundle does not fit it.
        """
        proposers = tuple(_built(choice, env) for choice in loaded.proposers)
        following = any(isinstance(proposer, FilterBound) for proposer in proposers)
        whole = not loaded.recipe.only_proposes
        if following and not whole and bundle is None:
            raise SetupError(
                f"{loaded.path.name}: a proposer goes by what the anomaly filter has learnt: take the "
                "step train first, or give a trained run with --set model.bundle=DIR"
            )
        anomaly_filter = _built(loaded.anomaly_filter, env) if whole or following else None
        embedder = _built(loaded.embedder, env) if whole else None
        scorer = _built(loaded.scorer, env) if whole else None
        built = (anomaly_filter, *proposers, embedder, scorer)
        chosen = (loaded.anomaly_filter, *loaded.proposers, loaded.embedder, loaded.scorer)
        names = {id(one): str(choice.component) for one, choice in zip(built, chosen, strict=True) if choice}
        components = cls(anomaly_filter, proposers, embedder, scorer, names)
        _refuse_endless(components.anomaly_filter)
        if bundle is not None:
            complete = (bundle / "bundle.json").exists()
            trainable = components.trainable()
            if not complete and not any((bundle / name).exists() for name in trainable):
                raise SetupError(f"{bundle}: holds nothing that was trained")
            for name, component in trainable.items():
                if complete or (bundle / name).exists():
                    load_trained(component, bundle / name, env)
        for component in components.bound():
            with components.call(component):
                component.bind(components.anomaly_filter)
        if bundle is None:  # what a component starts from shows now, if it is missing
            for each in (components.anomaly_filter, *proposers, components._embedder, components._scorer):
                getattr(each, "fingerprint", "")
        return components

    def bound(self) -> tuple[FilterBound, ...]:
        """The proposers, and the embedder, if they work with the filter."""
        able: tuple[Any, ...] = (*self.proposers, self._embedder)
        return tuple(component for component in able if isinstance(component, FilterBound))

    def trainable(self) -> dict[str, Any]:
        """The components that learn, by kind."""
        both = {"anomaly_filter": self.anomaly_filter, "scorer": self._scorer}
        return {name: component for name, component in both.items() if component is not None}

    def close(self) -> None:
        """Let every component give back what it holds; one that cannot is logged."""
        every: tuple[Any, ...] = (self.anomaly_filter, *self.proposers, self._embedder, self._scorer)
        for component in every:
            if isinstance(component, Closable):
                try:
                    with self.call(component):
                        component.close()
                except Exception as error:
                    log.warning("not closed: %s", error, exc_info=error)


MAX_CONTEXT = 100
"""Neighbours on each side that a filter may ask for: a window is in memory as a whole."""


def _refuse_endless(anomaly_filter: AnomalyFilter | None) -> None:
    if anomaly_filter is not None and not 0 <= anomaly_filter.context <= MAX_CONTEXT:
        raise SetupError(
            f"{type(anomaly_filter).__name__} asks for {anomaly_filter.context} neighbours of each frame on "
            f"each side: 0 to {MAX_CONTEXT} are possible"
        )


def load_trained(component: Any, folder: Path, env: Env) -> None:
    """Give a component what it learnt, and its exported network where there is one.

    Raises:
        SetupError: the files do not fit, or are damaged.
    """
    try:
        component.load(folder)
    except CSError:
        raise
    except (MemoryError, *NOT_A_FAULT):
        raise
    except BaseException as error:  # a bundle may hold anything
        raise SetupError(f"{folder}: cannot be loaded ({error!r}); train again") from error
    if (folder / NETWORK_FILE).exists():
        from cs_framework.pipeline.onnx import use_network

        use_network(component, folder / NETWORK_FILE, env)


def _built(choice: Choice | None, env: Env) -> Any:
    if choice is None:
        return None
    component = choice.build(env)
    if choice.component.partner and not isinstance(component, FilterBound):
        raise SetupError(
            f"{choice.component}: its record says that it works with a filter, so it must have bind(), and a "
            "fingerprint that can be read before that"
        )
    return component


def cache_key(choice: Choice, built: object) -> dict[str, Any]:
    """All that the output of a component depends on, but its input: the key of a cache entry.

    Made anew for every entry: a component's `fingerprint` changes when it, or what it is bound to, learns.
    """
    package = choice.component.spec.factory.partition(":")[0].partition(".")[0]
    return {
        "component": choice.component.qualified_name,
        "version": choice.component.provenance.version,
        "settings": asdict(choice.settings),  # type: ignore[arg-type]
        "weights": getattr(built, "fingerprint", ""),
        "sources": [_sources_hash(package), _sources_hash("cs_framework")],  # components call the framework
    }


@cache
def _sources_hash(package: str) -> str:
    """A hash of a package's Python files, since an edited plugin may keep its version."""
    spec = sys.modules[package].__spec__ if package in sys.modules else find_spec(package)
    if spec is None:
        return ""
    folders: Iterable[str] = spec.submodule_search_locations or ()
    files = sorted(file for folder in folders for file in Path(folder).rglob("*.py"))
    if not files and spec.origin:
        files = [Path(spec.origin)]
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def digest(value: Any) -> str:
    """A short hash of anything that JSON can say (paths as text)."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

"""The rules that every component keeps, as named checks.

A check gets a [Subject][cs_framework.testing.subject.Subject] and raises where its component breaks the
rule: a `ConformanceError` with the rule that was broken, or whatever the component raised.
"""

from __future__ import annotations

import json
import pickle
import random
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import numpy as np
import tomli_w
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from cs_framework.api.components import FilterBound, Observer
from cs_framework.api.settings import METADATA_KEY
from cs_framework.api.specs import KINDS, Kind
from cs_framework.errors import SetupError
from cs_framework.outputs.tables import FRAMES
from cs_framework.recipe.json_schema import table_schema
from cs_framework.recipe.reader import fields_of, key_of, plain, read_table
from cs_framework.registry.loading import HEAVY
from cs_framework.registry.modules import import_object
from cs_framework.testing.exercises import (
    EXERCISES,
    LEARNERS,
    ConformanceError,
    Figures,
    expect,
    expect_array,
    expect_history,
)
from cs_framework.testing.sources import plugin_module
from cs_framework.testing.subject import ENV, Subject

SUITE_VERSION = 2
"""Raised whenever a check is added or made stricter."""

TOLERANCE = 1e-4
"""How far figures may differ where batches or processes differ, as a share of the largest figure."""

_LONGEST_SUMMARY = 100


@frozen
class Check:
    """One rule."""

    name: str
    run: Callable[[Subject], None] = field(eq=False, repr=False)
    kinds: tuple[Kind, ...]
    """Those that it applies to."""
    since: int
    """The version of the suite in which it came or was last made stricter."""
    bound: bool = False
    """Whether it is for components alone that work with a filter."""

    @property
    def rule(self) -> str:
        """The rule in a sentence."""
        return " ".join((self.run.__doc__ or "").split("\n\n")[0].split())


CHECKS: dict[str, Check] = {}
"""All checks by name, in the order in which they run."""


def _check(
    *kinds: Kind, since: int = 1, bound: bool = False
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    def register(run: Callable[[Subject], None]) -> Callable[[Subject], None]:
        name = run.__name__.replace("_", "-")
        CHECKS[name] = Check(name, run, kinds or KINDS, since, bound)
        return run

    return register


@_check()
def light_import(subject: Subject) -> None:
    """Importing the plugin and its settings imports no slow package."""
    component = subject.component
    module, file = plugin_module(component), component.provenance.file
    script = (
        "import json, sys; from pathlib import Path; from importlib import import_module\n"
        "path, module, file, settings, heavy = json.loads(sys.argv[1]); sys.path[:] = path\n"
        "from cs_framework.registry.loading import load_file\n"
        "import_module(module) if module else load_file(Path(file)) if file else None\n"
        "import_module(settings)\n"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    told = json.dumps([sys.path, module, file, component.spec.settings.partition(":")[0], HEAVY])
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, told], capture_output=True, text=True, check=False
    )
    expect(done.returncode == 0, f"it cannot be imported in a new process: {done.stderr.strip()}")
    imported = json.loads(done.stdout.splitlines()[-1])
    expect(not imported, f"it imports {', '.join(imported)}: move that into the modules of the factories")


@_check()
def record(subject: Subject) -> None:
    """The summary fits a table, what it needs is installed, and checks that it expects to fail exist."""
    spec = subject.component.spec
    short = len(spec.summary) <= _LONGEST_SUMMARY and len(spec.summary.splitlines()) == 1
    expect(short, f"the summary must be one line of at most {_LONGEST_SUMMARY} characters")
    missing, cure = subject.component.missing_needs(), subject.component.missing_cure()
    expect(not missing, f"it needs {', '.join(missing)}, not installed here: pip install {cure}")
    unknown = set(spec.expected_failures) - CHECKS.keys()
    expect(not unknown, f"expected_failures names no check: {', '.join(sorted(unknown))}")


@_check()
def paths(subject: Subject) -> None:
    """The factory can be imported and called, and the settings are an attrs class."""
    component = subject.component
    component.settings_class()
    factory = import_object(component.spec.factory, str(component))
    expect(callable(factory), f"{component.spec.factory!r} is not callable")


@_check()
def settings(subject: Subject) -> None:
    """Settings are frozen, explained, of types that a recipe can give, and survive a trip through TOML."""
    cls = subject.component.settings_class()
    made = subject.settings()
    for declared in fields_of(cls):
        explained = declared.metadata.get(METADATA_KEY, {}).get("help")
        expect(explained, f"the setting {key_of(declared)!r} lacks a help text: setting(..., help=...)")
    table_schema(cls)
    expect(_refuses_changes(made), f"{cls.__name__} must be frozen: @attrs.frozen")
    written = tomli_w.dumps(plain(made))
    again = read_table(cls, tomllib.loads(written), "settings")
    expect(again == made, f"written as TOML and read again, {made} becomes {again}")


@_check()
def interface(subject: Subject) -> None:
    """What the factory makes has the methods and attributes of its kind."""
    component, protocol = subject.build(), EXERCISES[subject.kind].interface
    wanted = sorted(name for name in _members(protocol) if not hasattr(component, name))
    expect(not wanted, f"{type(component).__name__} lacks {', '.join(wanted)} of {protocol.__name__}")
    if subject.kind == "embedder":
        dim = component.dim
        expect(type(dim) is int and dim > 0, f"dim must be an int above 0: {dim!r}")
    if subject.kind == "anomaly_filter":
        context = component.context
        expect(type(context) is int and context >= 0, f"context must be an int, 0 or more: {context!r}")
    bindable = not hasattr(component, "bind") or subject.filter is not None
    expect(bindable, "it has bind(), so its record must say works_with = the name of the filter")


@_check("proposer", "embedder", since=2, bound=True)
def binding(subject: Subject) -> None:
    """It takes the filter it works with, refuses none, and has a fingerprint that follows what it learns."""
    component, filter = subject.build(), subject.filter
    assert filter is not None, "or this check does not apply"
    expect(isinstance(component, FilterBound), "it needs bind() and a fingerprint, readable before bind()")
    expect(
        component.fingerprint == "", f"before bind() the fingerprint must be empty: {component.fingerprint!r}"
    )
    try:
        component.bind(None)
    except SetupError:
        pass
    else:
        raise ConformanceError("bind(None) must raise a SetupError with the cure")
    learner = Subject(filter.component, filter.given, subject.undo).build()
    component.bind(learner)
    learner.load(filter.folder)
    first = component.fingerprint
    expect(isinstance(first, str) and first, "once the filter has learnt, the fingerprint must be a text")
    _, others = LEARNERS["anomaly_filter"].training(learner)
    learner.fit(others, others, evolve(ENV, seed=8))
    with TemporaryDirectory() as name:
        learner.save(Path(name))
        has_learnt = _contents(Path(name)) != _contents(filter.folder)
    changed = component.fingerprint != first
    expect(changed or not has_learnt, "the fingerprint must change when the filter learns anew")


@_check("anomaly_filter", "scorer")
def fit(subject: Subject) -> None:
    """It can be fitted with and without validation data, and gives the history of it."""
    for validated in (True, False):
        component = subject.build()
        data = LEARNERS[subject.kind].training(component, validated=validated)
        expect_history(component.fit(*data, ENV))


@_check("anomaly_filter", "embedder", "scorer")
def empty_batch(subject: Subject) -> None:
    """An empty batch gives an empty result."""
    exercise, component = EXERCISES[subject.kind], subject.ready()
    exercise.expect_output(component, exercise.call(component, []), [])


@_check()
def one_item(subject: Subject) -> None:
    """Every sort of input works on its own, down to 1 x 1 and constant frames and frames without boxes."""
    exercise, component = EXERCISES[subject.kind], subject.ready()
    for item in exercise.items(component):
        exercise.expect_output(component, exercise.call(component, [item]), [item])


@_check()
def output_contract(subject: Subject) -> None:
    """A batch gives figures of the right shape, dtype and range, and boxes inside the frame."""
    exercise, component = EXERCISES[subject.kind], subject.ready()
    items = exercise.items(component)
    exercise.expect_output(component, exercise.call(component, items), items)


@_check("proposer", since=2)
def some_boxes(subject: Subject) -> None:
    """It proposes a box on at least one sample frame; else the other checks would have tried nothing."""
    found = sum(len(boxes) for boxes in subject.figures(subject.ready()))
    expect(found, "it proposes no box on any sample frame, of at most 72 px: give settings for small frames")


@_check("embedder", since=2)
def half_precision(subject: Subject) -> None:
    """Embeddings lie within what float16 holds, since they are kept as that."""
    largest = max(np.abs(rows).max(initial=0) for rows in subject.figures(subject.ready()))
    limit = float(np.finfo(np.float16).max)
    expect(largest <= limit, f"embeddings reach {largest:.3g}, float16 ends at {limit:.0f}: scale them")


@_check("embedder", since=2)
def box_independent(subject: Subject) -> None:
    """The embedding of a box does not depend on the other boxes of its frame, up to 1e-4."""
    component = subject.ready()
    for frame, boxes in EXERCISES["embedder"].items(component):
        whole = subject.figures(component, [(frame, boxes)])[0]
        alone = [subject.figures(component, [(frame, boxes[i : i + 1])])[0] for i in range(len(boxes))]
        _expect_same(list(whole[:, None]), alone, "the boxes of a frame and each box alone", TOLERANCE)


@_check("anomaly_filter", "embedder", "scorer")
def batch_independent(subject: Subject) -> None:
    """The result of an item does not depend on the batch: all at once equals one by one, up to 1e-4."""
    component = subject.ready()
    items = EXERCISES[subject.kind].items(component)
    alone = [figures for item in items for figures in subject.figures(component, [item])]
    _expect_same(subject.figures(component, items), alone, "a batch and its items one by one", TOLERANCE)


@_check()
def repeatable(subject: Subject) -> None:
    """The same call gives exactly the same again, whatever was asked in between."""
    component = subject.ready()
    items = EXERCISES[subject.kind].items(component)
    before = subject.figures(component, items)
    subject.figures(component, items[:2])
    _expect_same(before, subject.figures(component, items), "the same call, made again,")


@_check()
def seed_deterministic(subject: Subject) -> None:
    """Built and fitted anew with the same seed it gives exactly the same, whoever else draws at random."""
    with _random_state_restored():
        before = subject.figures(subject.ready())
        _reseed(1)
        _expect_same(before, subject.figures(subject.ready()), "two components of the same seed")


@_check()
def global_state(subject: Subject) -> None:
    """It leaves the global random generators and the number of threads as they are."""
    subject.prepare()
    with _random_state_restored():
        _reseed(4711)  # a state that no component comes to by seeding with env.seed
        before = _global_state()
        subject.figures(subject.ready())
        after = _global_state()
    changed = [name for name, state in before.items() if after[name] != state]
    expect(not changed, f"it changes {', '.join(changed)}: use generators of its own, seeded with env.seed")


@_check()
def inputs_unchanged(subject: Subject) -> None:
    """It changes nothing that it is given."""
    component = subject.bound(subject.build())
    given: list[Any] = []
    if subject.kind in LEARNERS:
        given = list(LEARNERS[subject.kind].training(component))
    before = [array.copy() for array in _arrays(given)]
    if given:
        component.fit(*given, ENV)
    expect(_equal(before, list(_arrays(given))), "fit() changes the data that it is given")
    items = EXERCISES[subject.kind].items(component)
    before = [array.copy() for array in _arrays(items)]
    subject.figures(component, items)
    expect(_equal(before, list(_arrays(items))), "it changes the inputs that it is given")


@_check("anomaly_filter", since=2)
def observe(subject: Subject) -> None:
    """What it observes beside the score, if it does, are figures by name, as many as frames, in any batch."""
    component = subject.ready()
    if not isinstance(component, Observer):
        return
    items = EXERCISES[subject.kind].items(component)
    whole = component.observe(items)
    for name, values in whole.items():
        expect(re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name), f"{name!r}: words joined by underscores")
        expect(name not in FRAMES.names, f"{name!r} is the name of another column of the frames")
        expect_array(values, (len(items),), name)
    for at, item in enumerate(items):
        alone = component.observe([item])
        expect(alone.keys() == whole.keys(), f"one frame gives {sorted(alone)}, a batch {sorted(whole)}")
        _expect_same(
            [alone[name] for name in whole],
            [whole[name][at : at + 1] for name in whole],
            "what is observed of a batch and of its items",
            TOLERANCE,
        )


@_check("anomaly_filter", "scorer")
def save_load(subject: Subject) -> None:
    """What it learnt is saved as safetensors and JSON, and a new component that loads it gives the same."""
    component = subject.ready()
    with TemporaryDirectory() as name:
        folder = Path(name)
        component.save(folder)
        foreign = sorted(f.name for f in folder.rglob("*") if f.is_file() and f.suffix not in _SAVED_AS)
        expect(not foreign, f"save() must write {' and '.join(_SAVED_AS)} only, not {', '.join(foreign)}")
        loaded = subject.build()
        loaded.load(folder)
    theirs = subject.figures(loaded)
    _expect_same(subject.figures(component), theirs, "what was saved and what loads it", TOLERANCE)


@_check()
def spawned_worker(subject: Subject) -> None:
    """A process of its own, which knows only names, settings and what was saved, gives the same."""
    from cs_framework.testing.worker import figures_in_worker

    component = subject.ready()
    with TemporaryDirectory() as name:
        if subject.kind in LEARNERS:
            component.save(Path(name))
        theirs = figures_in_worker(subject.component, subject.given, Path(name), subject.filter)
    _expect_same(subject.figures(component), theirs, "this process and a spawned one", TOLERANCE)


_SAVED_AS = (".json", ".safetensors")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _members(protocol: type) -> set[str]:
    """The public names that a protocol asks for."""
    names = {*vars(protocol), *getattr(protocol, "__annotations__", {})}
    return {name for name in names if not name.startswith("_")}


def _refuses_changes(settings: Any) -> bool:
    try:
        for declared in fields_of(type(settings)):
            setattr(settings, declared.name, getattr(settings, declared.name))
            return False
    except attrs.exceptions.FrozenInstanceError:
        pass
    return True


def _expect_same(one: Figures, other: Figures, what: str, tolerance: float = 0.0) -> None:
    """Expect equal shapes, and figures equal up to a share of the largest."""
    shapes = [[array.shape for array in figures] for figures in (one, other)]
    expect(shapes[0] == shapes[1], f"{what} differ in shape: {shapes[0]} and {shapes[1]}")
    if not one:
        return
    a, b = (
        np.concatenate([array.ravel() for array in figures], dtype=np.float64) for figures in (one, other)
    )
    difference = np.abs(a - b).max(initial=0)
    largest = np.abs(a).max(initial=0)
    expect(
        difference <= tolerance * largest,
        f"{what} differ by {difference:.3g}, with figures up to {largest:.3g}"
        + (f" (allowed: {tolerance:g} of that)" if tolerance else ""),
    )


def _arrays(value: Any) -> Iterator[NDArray[Any]]:
    """Every array in a nest of records and sequences."""
    if isinstance(value, np.ndarray):
        yield value
    elif attrs.has(type(value)):
        for declared in attrs.fields(type(value)):
            yield from _arrays(getattr(value, declared.name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _arrays(item)


def _equal(before: list[NDArray[Any]], after: list[NDArray[Any]]) -> bool:
    return len(before) == len(after) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(before, after, strict=True)
    )


def _reseed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@contextmanager
def _random_state_restored() -> Iterator[None]:
    """Put the global generators back afterwards."""
    plain_state, numpy_state = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    torch_state = torch.random.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(plain_state)
        np.random.set_state(numpy_state)
        if torch:
            torch.random.set_rng_state(torch_state)


def _global_state() -> dict[str, bytes]:
    state: dict[str, Any] = {
        "the state of random": random.getstate(),
        "the state of numpy.random": np.random.get_state(),
    }
    if torch := sys.modules.get("torch"):
        state["the state of torch.random"] = torch.random.get_rng_state().numpy().tobytes()
        state["torch's number of threads"] = torch.get_num_threads()
        state["torch's default dtype"] = str(torch.get_default_dtype())
        state["whether torch computes gradients"] = torch.is_grad_enabled()
    if cv2 := sys.modules.get("cv2"):
        state["OpenCV's number of threads"] = cv2.getNumThreads()
    return {name: pickle.dumps(value) for name, value in state.items()}

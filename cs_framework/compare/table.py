"""The figures of several runs side by side, with differences whose intervals are paired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from attrs import frozen

from cs_framework.errors import DataError
from cs_framework.evaluation.bootstrap import interval
from cs_framework.outputs.tables import TRUTH, Evaluation
from cs_framework.recipe.reader import plain
from cs_framework.recipe.schema import Recipe

Comparison = dict[str, Any]

_BY_TRAINING_LABELS = ("stage2/region_ap", "stage2/region_base_rate")
_LEFT_OUT = "stage1/baselines/"  # the same in every run, since no component plays a part in them


@frozen(eq=False)
class ComparedRun:
    """A run that takes part in a comparison."""

    name: str
    evaluation: Evaluation
    recipe: Recipe

    def figure(self, split: str, place: str) -> Any:
        """A figure as ``metrics.json`` has it, or the text that stands for it or for all of its stage."""
        node = self.evaluation.metrics["splits"][split]
        for key in place.split("/"):
            node = node[key]
            if isinstance(node, str):
                break
        return node

    def places(self, split: str) -> Iterator[str]:
        """Where the figures with an interval are, such as ``stage2/ap/0.5``."""
        for key in self.evaluation.resampled:
            of, _, place = key.partition("/")
            if of == split and not place.startswith(_LEFT_OUT):
                yield place


def compare(runs: Sequence[ComparedRun]) -> Comparison:
    """Every figure of every run, and how far each run is from the first.

    Returns:
        What JSON can hold: ``{"baseline", "splits": {split: {figure: {run: {"value", "low", "high", "n",
        "unit", "difference": {"value", "low", "high"}}}}}, "changed": {run: {key: value}}, "notes"}``. A
        figure or a difference that cannot be computed is a text that says why; the baseline, which is the
        first run, has no differences. `changed` says in which keys a recipe differs from the baseline's.

    Raises:
        DataError: the runs were not judged on the same frames, or not resampled equally often.
    """
    baseline, *others = runs
    for run in others:
        _refuse_other_frames(baseline, run)
    splits = {}
    for split in baseline.evaluation.metrics["splits"]:
        places = dict.fromkeys(chain.from_iterable(run.places(split) for run in runs))
        splits[split] = {
            place: {run.name: _cell(run, baseline, split, place) for run in runs} for place in places
        }
    notes = dict.fromkeys(f"{run.name}: {note}" for run in runs for note in run.evaluation.metrics["notes"])
    changed = {run.name: _changed(run.recipe, baseline.recipe) for run in others}
    return {"baseline": baseline.name, "splits": splits, "changed": changed, "notes": list(notes)}


def _cell(run: ComparedRun, baseline: ComparedRun, split: str, place: str) -> Comparison | str:
    figure = run.figure(split, place)
    if isinstance(figure, str) or run is baseline:
        return figure  # type: ignore[no-any-return]
    return {**figure, "difference": _difference(run, baseline, split, place)}


def _difference(run: ComparedRun, baseline: ComparedRun, split: str, place: str) -> Comparison | str:
    figure, first = run.figure(split, place), baseline.figure(split, place)
    if isinstance(first, str):
        return first
    rules = [(r.recipe.training.positive_iou, r.recipe.training.negative_iou) for r in (run, baseline)]
    if place in _BY_TRAINING_LABELS and rules[0] != rules[1]:
        return "regions are labelled differently"
    values, firsts = (r.evaluation.resampled[f"{split}/{place}"] for r in (run, baseline))
    low, high = interval(values - firsts) if figure["n"] > 1 else (None, None)
    return {"value": figure["value"] - first["value"], "low": low, "high": high}


def _changed(recipe: Recipe, baseline: Recipe) -> dict[str, Any]:
    """Keys whose values differ; of a component that was swapped, only which one it is. None: not set."""
    ours, theirs = (_flat(plain(r)) for r in (recipe, baseline))
    changed = {
        key: ours.get(key)
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key) and key != "name"
    }
    swapped = tuple(key.removesuffix("use") for key in changed if key.endswith(".use"))
    return {
        key: value for key, value in changed.items() if key.endswith(".use") or not key.startswith(swapped)
    }


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys, those of repeated tables numbered."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, dict):
        return {key: value}
    inner = [_flat(item, f"{key}.{name}" if key else name) for name, item in value.items()]
    return {name: item for items in inner for name, item in items.items()}


def _refuse_other_frames(first: ComparedRun, second: ComparedRun) -> None:
    ones, others = _truth(first), _truth(second)
    differing = {
        f"judged in {first.name} alone": ones.keys() - others.keys(),
        f"judged in {second.name} alone": others.keys() - ones.keys(),
        "of other pixels, embryo, class or boxes": {k for k in ones.keys() & others if ones[k] != others[k]},
    }
    texts = [f"{len(keys)} {text}, such as {min(keys)[1]}" for text, keys in differing.items() if keys]
    if not texts and list(ones) != list(others):
        texts = ["their order in time differs"]
    if texts:
        raise DataError(
            f"{first.name} and {second.name} were not judged on the same frames: {'; '.join(texts)}. "
            "Frames that fail are named in skipped.csv of each run"
        )
    counts = [next(iter(map(len, run.evaluation.resampled.values())), 0) for run in (first, second)]
    if counts[0] != counts[1]:
        raise DataError(
            f"the intervals of {first.name} rest on {counts[0]} resamples, those of {second.name} on "
            f"{counts[1]}: give both the same with --set evaluate.resamples=1000"
        )


def _truth(run: ComparedRun) -> dict[tuple[str, str], Any]:
    return {(row["split"], row["frame"]): row for row in run.evaluation.frames.select(TRUTH).to_pylist()}

"""The evaluation that a bundle carries: what it found and mistook, for those who use it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from cs_framework.pipeline.results import JudgedFrame


@frozen
class Share:
    """A figure of ``metrics.json`` with its interval."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = "frame"

    def __str__(self) -> str:
        interval = "" if self.low is None or self.high is None else f" ({self.low:.0%} to {self.high:.0%})"
        return f"{self.value:.0%}{interval}"


@frozen
class SplitEvaluation:
    """Of one split; a figure is None where it could not be had."""

    frames: int
    string_frames: int
    embryos: int
    false_alarms: Share | None = None
    """Share of the string-free frames with a reported box."""
    finds: Share | None = None
    """Share of the frames with strings with a reported box."""
    strings_found: Share | None = None
    """Share of the annotated boxes that a reported box lies over."""
    pointing: Share | None = None
    """Share of the annotated frames whose best box is centred on a string."""


@frozen
class CarriedEvaluation:
    """What a bundle does at its operating points, on frames that it was not trained on."""

    data: str
    """The kind of frames, in words, such as ``drawn embryos``."""
    least: float
    """The least confidence of a reported box."""
    threshold: float | None = None
    """Of the gate; None where there is no filter."""
    splits: dict[str, SplitEvaluation] = field(factory=dict)

    @property
    def best(self) -> tuple[str, SplitEvaluation] | None:
        """The split to quote, by name: ``test``, which chose nothing, else ``val``."""
        return next(((name, self.splits[name]) for name in ("test", "val") if name in self.splits), None)


def carried(
    judged: Mapping[str, Sequence[JudgedFrame]],
    metrics: Mapping[str, Any],
    *,
    data: str,
    least: float,
    threshold: float | None,
) -> CarriedEvaluation:
    """Of the figures of a run, those that a user of its bundle has to know."""
    splits = {
        name: SplitEvaluation(
            frames=len(frames),
            string_frames=sum(frame.label == 1 for frame in frames),
            embryos=len({frame.result.sequence for frame in frames}),
            false_alarms=_share(metrics["splits"][name], "cascade", "normal_frames_reported"),
            finds=_share(metrics["splits"][name], "cascade", "string_frames_reported"),
            strings_found=_share(metrics["splits"][name], "cascade", "strings_found"),
            pointing=_share(metrics["splits"][name], "stage2", "pointing"),
        )
        for name, frames in judged.items()
    }
    return CarriedEvaluation(data, least, threshold, splits)


def _share(sections: Mapping[str, Any], section: str, name: str) -> Share | None:
    figures = sections[section]
    figure = figures.get(name) if isinstance(figures, Mapping) else None
    return Share(**figure) if isinstance(figure, Mapping) else None


def quoted(evaluation: CarriedEvaluation) -> Iterator[str]:
    """The evaluation in sentences for people."""
    if evaluation.best is None:
        return
    name, split = evaluation.best
    found = []
    if split.finds is not None:
        found.append(f"{split.finds} of those with strings")
    if split.false_alarms is not None:
        found.append(f"{split.false_alarms} of those without")
    if found:
        frames = f"{split.frames} frames ({split.string_frames} with strings) of {split.embryos} embryos"
        chose = "" if name == "test" else ", which chose its operating points"
        yield (
            f"On {frames} that it had not learnt from ({evaluation.data}, split {name}{chose}), the model "
            f"reported a string in {' and in '.join(found)}."
        )
    if split.pointing is not None:
        yield f"Its best box was centred on a string in {split.pointing} of the frames with strings."

"""Which frames to show: the best and the worst, so that nobody judges by the best alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from cs_framework.evaluation.metrics import FOUND_IOU
from cs_framework.report.contents import EACH, Contents, ReportFrame
from cs_framework.report.wording import overlap


@frozen(eq=False)
class Group:
    """Cases that went the same way."""

    title: str
    meaning: str
    looks: tuple[ReportFrame, ...]


def choose_cases(contents: Contents) -> list[Group]:
    """Groups of cases: by right and wrong where the truth is known, else by how sure the run is.

    No embryo is shown twice in a group as long as there are others.
    """
    looks = contents.judged_frames
    if looks:
        groups = _judged(looks)
    else:
        everything = [*(look for frames in contents.timelines.values() for look in frames), *contents.others]
        groups = _unjudged(list({look.frame: look for look in everything}.values()))
    return [group for group in groups if group.looks]


def _judged(looks: Sequence[ReportFrame]) -> list[Group]:
    def hit(look: ReportFrame) -> bool:
        return overlap(look) >= FOUND_IOU if look.truth is not None else bool(look.reported)

    strings, free = ([look for look in looks if look.label == label] for label in (1, 0))
    silent, wrong = ([s for s in strings if not hit(s) and bool(s.reported) is r] for r in (False, True))
    return [
        Group(
            "Found",
            f"strings under a reported box (IoU at least {FOUND_IOU}), the closest fit first",
            _first([s for s in strings if hit(s)], lambda s: (overlap(s), s.confidence)),
        ),
        Group(
            "Off the mark",
            f"frames with strings whose reported box overlaps none that much ({FOUND_IOU}), the surest first",
            _first(wrong, lambda s: s.confidence),
        ),
        Group(
            "Missed",
            "frames with strings that got no report, the least suspected first",
            _first(silent, lambda s: -(s.score or 0)),
        ),
        Group(
            "False alarms",
            "frames without strings that got a report, the surest first",
            _first([f for f in free if f.reported], lambda f: f.confidence),
        ),
        Group(
            "Rightly silent",
            "frames without strings and without a report, the most suspected first",
            _first([f for f in free if not f.reported], lambda f: f.score or 0),
        ),
    ]


def _unjudged(looks: Sequence[ReportFrame]) -> list[Group]:
    reported = [look for look in looks if look.reported]
    silent = [look for look in looks if not look.reported]
    surest = _first(reported, lambda f: f.confidence)
    others = [look for look in reported if look not in surest]
    return [
        Group("Surest", "reported strings of highest confidence", surest),
        Group("Least sure", "reported strings of lowest confidence", _first(others, lambda f: -f.confidence)),
        Group(
            "Nearly",
            "frames without a report, the most suspected first",
            _first(silent, lambda f: f.score or 0),
        ),
    ]


def _first(
    looks: Iterable[ReportFrame], key: Callable[[ReportFrame], float | tuple[float, ...]]
) -> tuple[ReportFrame, ...]:
    """The first few by falling `key`, one of each embryo before a second of any."""
    ranked = sorted(sorted(looks, key=lambda look: look.frame), key=key, reverse=True)
    seen: dict[str, int] = {}
    turns = []
    for place, look in enumerate(ranked):
        turn = seen[look.sequence] = seen.get(look.sequence, -1) + 1
        turns.append((turn, place))
    return tuple(ranked[place] for _, place in sorted(turns)[:EACH])

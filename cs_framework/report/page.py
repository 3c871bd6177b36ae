"""Puts the page together and writes it."""

from __future__ import annotations

import hashlib
import logging
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from cs_framework.api.components import Explanation
from cs_framework.api.frames import Frame
from cs_framework.errors import FrameError
from cs_framework.files import write_text
from cs_framework.outputs.tables import batched
from cs_framework.outputs.tracks import smooth
from cs_framework.report import charts, curves, wording
from cs_framework.report.cases import choose_cases
from cs_framework.report.contents import Contents, ReportFrame, Row
from cs_framework.report.pictures import Pictures

log = logging.getLogger(__name__)

Read = Callable[[str], Frame]
"""Decodes a frame, by its id; raises FrameError where it cannot."""
Explain = Callable[[str], Explanation]
"""What is behind a frame's anomaly score, by the frame's id."""

FRAMES = 400
"""Frames of timelines whose pictures are in the page at most, the surest."""
POINTS = 300
"""Points of a timeline; of longer ones, the surest frame of each 300th part is drawn."""
SKIPPED = 200
"""Skipped frames that are named."""


@frozen(eq=False)
class Case:
    """A frame as it is shown among the cases."""

    look: ReportFrame
    caption: str
    frame: Markup
    boxes: Markup
    residual: Markup | None
    masked: Markup | None


@frozen(eq=False)
class Embryo:
    """A row of the answer, and what is shown of the embryo."""

    id: str
    """Where the page shows it."""
    row: Row
    first: str
    last: str
    strip: Markup
    chart: Markup | None
    """None where there is but one frame."""
    best: Markup | None
    """Its surest frame; None where that cannot be read."""
    caption: str


def write_report(folder: Path, read: Read, explain: Explain | None = None) -> Path:
    """Write ``report.html`` from the files of a run folder; the same files give the same bytes.

    Args:
        folder: the run folder, after ``evaluate`` or ``detect``.
        read: decodes frames; those that it cannot decode are left out.
        explain: the map behind an anomaly score; None where the run has no filter.

    Returns:
        The file written.
    """
    contents = Contents.read(folder)
    maker = _Maker(read, explain)
    groups = [
        {"group": group, "cases": [case for look in group.looks if (case := maker.case(look))]}
        for group in choose_cases(contents)
    ]
    maker.take_frames(contents.timelines)
    embryos = [maker.embryo(contents, place) for place in range(len(contents.sequences))]
    style, script = (_resource(name) for name in ("style.css", "script.js"))
    html = _template().render(
        contents=contents,
        headline=wording.headline(contents),
        answer=list(wording.answer(contents)),
        trust=wording.trust(contents),
        embryos=embryos,
        more_embryos=contents.totals.embryos - len(embryos),
        groups=[each for each in groups if each["cases"]],
        figures=_figures(contents),
        curves=curves.of_splits(contents),
        training=curves.of_training(contents),
        few=wording.FEW,
        skipped=contents.skipped[:SKIPPED],
        pictures=maker.pictures.definitions(),
        style=Markup(style),
        script=Markup(script),
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )
    path = folder / "report.html"
    write_text(path, html)
    if maker.missing:
        log.warning("report.html lacks the pictures of %d frames that cannot be read", len(maker.missing))
    return path


@frozen(eq=False)
class _Maker:
    """Makes what needs pixels."""

    read: Read
    explain: Explain | None
    pictures: Pictures = field(factory=Pictures)
    missing: set[str] = field(factory=set)

    def take_frames(self, timelines: dict[str, tuple[ReportFrame, ...]]) -> None:
        """Take in the best frame of every embryo, then the surest ones, as far as there is room."""
        everything = [look for frames in timelines.values() for look in frames]
        best = {max(frames, key=_surest).frame for frames in timelines.values() if frames}
        ranked = sorted(everything, key=lambda look: (look.frame in best, _surest(look)), reverse=True)
        for some in batched(ranked[:FRAMES]):  # in the order of files, since videos are read fastest so
            for look in sorted(some, key=lambda look: (look.sequence, look.index)):
                if not self.pictures.full:
                    self._take(look)

    def case(self, look: ReportFrame) -> Case | None:
        """A case with its maps; None where the frame cannot be read."""
        name = self._take(look)
        if name is None:
            return None
        caption = charts.describe(look)
        residual, masked = self._maps(look)
        return Case(
            look=look,
            caption=caption,
            frame=self.pictures.show(f"{name}-plain", look.size, f"{caption}; plain"),
            boxes=self.pictures.show(name, look.size, f"{caption}; with boxes"),
            residual=residual,
            masked=masked,
        )

    def embryo(self, contents: Contents, place: int) -> Embryo:
        """An embryo with its timeline, by its place among `contents.sequences`."""
        row = contents.sequences[place]
        frames = contents.timelines[row["sequence"]]
        smoothed = smooth(np.array([look.confidence for look in frames], np.float32)).tolist()
        kept = _thinned(frames)
        best = max(frames, key=_surest)
        name = self.pictures.name(best)
        caption = charts.describe(best)
        return Embryo(
            id=f"embryo-{place + 1}",
            row=row,
            first=wording.when(row, "first"),
            last=wording.when(row, "last"),
            strip=charts.strip([frames[at] for at in kept]),
            chart=None
            if len(frames) == 1
            else charts.timeline(
                [frames[at] for at in kept],
                [smoothed[at] for at in kept],
                contents.tracks.get(row["sequence"], []),
                self._opens,
            ),
            best=self.pictures.show(name, best.size, caption) if name else None,
            caption=caption,
        )

    def _opens(self, look: ReportFrame) -> dict[str, object]:
        return {"data-picture": self.pictures.name(look) or ""}

    def _take(self, look: ReportFrame) -> str | None:
        if (name := self.pictures.name(look)) is not None:
            return name
        try:
            return self.pictures.add_frame(look, self.read(look.frame).image)
        except FrameError:
            self.missing.add(look.frame)
            return None

    def _maps(self, look: ReportFrame) -> tuple[Markup | None, Markup | None]:
        if self.explain is None:
            return None, None
        try:
            explanation = self.explain(look.frame)
        except Exception as error:  # a component may raise anything, and a report is not worth a run
            log.warning("%s: the anomaly filter cannot explain its score: %s", look.frame, error)
            return None, None
        whole, masked = self.pictures.add_map(explanation.residual, explanation.mask)
        shown = self.pictures.show(whole, look.size, f"{look.frame}: residual")
        if masked is None:
            return shown, None
        return shown, self.pictures.show(masked, look.size, f"{look.frame}: masked residual")


def _surest(look: ReportFrame) -> tuple[float, float, str]:
    return look.confidence, look.score or 0.0, look.frame


def _thinned(frames: Sequence[ReportFrame]) -> list[int]:
    """Positions of the surest frame of each `POINTS`-th part."""
    if len(frames) <= POINTS:
        return list(range(len(frames)))
    parts = np.array_split(np.arange(len(frames)), POINTS)
    return [int(max(part, key=lambda at: _surest(frames[at]))) for part in parts]


def _figures(contents: Contents) -> list[dict[str, Any]]:
    """Tables of figures, the quoted split first; then those of proposals alone."""
    tables = []
    splits = contents.metrics.get("splits", {})
    for split in sorted(splits, key=lambda name: name != contents.split):
        tables.append({"split": split, "sections": _sections(splits[split])})
    for split, sections in contents.proposals.get("splits", {}).items():
        tables.append({"split": split, "sections": _sections(sections)})
    return tables


def _sections(sections: Row) -> Iterable[dict[str, Any]]:
    for name, figures in sections.items():
        title, question = wording.STAGES.get(name, (name, ""))
        reason = figures if isinstance(figures, str) else ""
        lines = [] if reason else wording.figure_lines(figures)
        confusion = None if reason else figures.get("confusion")
        yield {"title": title, "question": question, "reason": reason, "lines": lines, "confusion": confusion}


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_resource("page.html"))


def _resource(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")

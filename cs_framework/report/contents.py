"""What a finished run says of itself, read from the files of its folder."""

from __future__ import annotations

import csv
import json
import logging
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import evolve, frozen

from cs_framework.api.components import NOT_DONE
from cs_framework.bundle import read_carried
from cs_framework.errors import RecipeError
from cs_framework.evaluation.carried import CarriedEvaluation
from cs_framework.files import PRETRAINED, shipped
from cs_framework.outputs.tracks import SEQUENCES
from cs_framework.recipe.loading import RESOLVED_FILE

log = logging.getLogger(__name__)
Row = dict[str, Any]
Box = tuple[float, float, float, float]

EACH = 3
"""Cases of a group."""
EMBRYOS = 40
"""Embryos that are shown: those with the surest strings. The rest is in ``sequences.csv``."""
_SUREST = [("smoothed_confidence", "descending"), ("confidence", "descending"), ("sequence", "ascending")]


@frozen(eq=False)
class ReportFrame:
    """One frame of the report: score, detections and, where known, truth."""

    frame: str
    sequence: str
    index: int
    hours: float | None
    size: tuple[int, int]
    """(height, width)"""
    score: float | None
    """Anomaly score; None where there is no filter."""
    flagged: bool
    found: tuple[tuple[Box, float], ...] = ()
    """Boxes with confidence that are reported if the frame is flagged, surest first."""
    split: str = ""
    label: int | None = None
    """1 the frame shows a string, 0 it does not, None nobody knows."""
    truth: tuple[Box, ...] | None = None
    """Annotated boxes; None where nobody drew any."""
    reach: tuple[float, ...] = ()
    """The best IoU of any proposal with each of `truth`."""

    @property
    def reported(self) -> tuple[tuple[Box, float], ...]:
        """Boxes that are reported."""
        return self.found if self.flagged else ()

    @property
    def confidence(self) -> float:
        """The highest of the reported boxes; 0 where there are none."""
        return max((confidence for _, confidence in self.reported), default=0.0)

    @property
    def time(self) -> str:
        """When, in words."""
        return f"frame {self.index}" if self.hours is None else f"{self.hours:.1f} h"


@frozen
class Totals:
    """Of all embryos, shown or not."""

    embryos: int = 0
    with_strings: int = 0
    """Embryos with at least one reported string."""
    frames: int = 0
    frames_with_strings: int = 0
    unfamiliar: int = 0
    """Frames unlike those that the model was trained on."""
    early: int = 0
    """Frames before a blastocyst."""

    @classmethod
    def of(cls, sequences: pa.Table, states: Sequence[str | None] = ()) -> Totals:
        """Sums over ``sequences.parquet`` and the states in ``frames.parquet``."""
        if not len(sequences):
            return cls()
        shown = sequences["frames_with_strings"]
        with_strings = pc.sum(pc.greater(shown, 0)).as_py()
        return cls(
            len(sequences),
            with_strings,
            pc.sum(sequences["frames"]).as_py(),
            pc.sum(shown).as_py(),
            unfamiliar=states.count("unfamiliar"),
            early=states.count("no-blastocyst"),
        )


@frozen(eq=False)
class Contents:
    """All that a report is made of but pixels."""

    folder: Path
    recipe: Row
    """``resolved.toml``, parsed."""
    recipe_text: str
    bundle: Row
    """``bundle.json``; empty where the run has none."""
    carried: CarriedEvaluation | None
    """The evaluation that the bundle carries."""
    metrics: Row
    """``metrics.json``; empty where nothing was judged."""
    proposals: Row
    """``proposals.json``; empty where the step was not taken."""
    judged: tuple[ReportFrame, ...]
    """Frames that `metrics` are of, split by split."""
    sequences: list[Row]
    """The first `EMBRYOS` rows of ``sequences.parquet``, the surest embryos first."""
    totals: Totals
    detected: bool
    """Whether the step ``detect`` has been taken."""
    timelines: dict[str, tuple[ReportFrame, ...]]
    """Frames that ``detect`` looked at, of those embryos."""
    tracks: dict[str, list[Row]]
    """``tracks.parquet`` of the same embryos."""
    histories: dict[str, list[Row]]
    """``training/*.csv`` by component."""
    skipped: list[Row]
    others: tuple[ReportFrame, ...] = ()
    """Frames of embryos not shown that hold the least sure reports, or the most suspected frames without."""

    @classmethod
    def read(cls, folder: Path) -> Contents:
        """Read a run folder; what is not there is empty."""
        text = _text(folder / RESOLVED_FILE)
        recipe = tomllib.loads(text)
        bundle = _bundle(recipe, folder)
        judged = tuple(map(_judged, _rows(folder / "evaluation" / "frames.parquet")))
        everything = _table(folder / "sequences.parquet", SEQUENCES)
        sequences: list[Row] = everything.sort_by(_SUREST).slice(0, EMBRYOS).to_pylist()
        shown = [row["sequence"] for row in sequences]
        known = {look.frame: look for look in judged}
        return cls(
            folder=folder,
            recipe=recipe,
            recipe_text=text,
            bundle=_json(bundle / "bundle.json"),
            carried=_carried(bundle),
            metrics=_json(folder / "metrics.json"),
            proposals=_json(folder / "proposals.json"),
            judged=judged,
            sequences=sequences,
            totals=Totals.of(everything, _states(folder / "frames.parquet")),
            detected=(folder / "detections.parquet").exists(),
            timelines=_timelines(folder, shown, known),
            tracks=_grouped(_rows(folder / "tracks.parquet", shown)),
            histories={path.stem: _floats(path) for path in sorted((folder / "training").glob("*.csv"))},
            skipped=_csv(folder / "skipped.csv"),
            others=_others(folder, known) if len(everything) > len(shown) else (),
        )

    @cached_property
    def not_done(self) -> int:
        """Skipped frames that are still to be done."""
        return sum(row["stage"] == NOT_DONE for row in self.skipped)

    @cached_property
    def components(self) -> list[tuple[str, str]]:
        """Kind and name of each component: those of the bundle, else those that the recipe names."""
        parts = self.bundle.get("components") or self.recipe
        found = []
        for kind in ("anomaly_filter", "proposer", "embedder", "scorer"):
            part = parts.get(kind) or []
            for one in part if isinstance(part, list) else [part]:
                name = f"{one['use']} {one.get('version', '')}".strip()
                found.append((kind.replace("_", " ").capitalize(), name))
        return found

    @cached_property
    def split(self) -> str | None:
        """The split that figures are quoted of: ``test`` where there is one, else ``val``."""
        splits = self.metrics.get("splits", {})
        return next((name for name in ("test", "val") if name in splits), None)

    @cached_property
    def judged_frames(self) -> tuple[ReportFrame, ...]:
        """The judged frames of `split`."""
        return tuple(look for look in self.judged if look.split == self.split)

    @cached_property
    def alarms(self) -> tuple[float, float] | None:
        """Shares of string-free frames and of frames with strings that get a reported box; None if unknown.

        On the judged frames of this run, else on those of the run that trained the bundle, else on the
        validation frames that its operating point was chosen on.
        """
        if {look.label for look in self.judged_frames} == {0, 1}:
            free, shown = (
                [bool(look.reported) for look in self.judged_frames if look.label == label]
                for label in (0, 1)
            )
            return sum(free) / len(free), sum(shown) / len(shown)
        if self.carried is not None and self.carried.best is not None:
            split = self.carried.best[1]
            if split.false_alarms and split.finds:
                return split.false_alarms.value, split.finds.value
        point = self.bundle.get("boxes") or {}
        if point.get("sensitivity") is None or point.get("specificity") is None:
            return None
        return 1 - point["specificity"], point["sensitivity"]

    @cached_property
    def notes(self) -> list[str]:
        """What a reader has to know of training and figures."""
        lists = (self.bundle, self.metrics, self.proposals)
        return list(dict.fromkeys(note for part in lists for note in part.get("notes", ())))


def _bundle(recipe: Row, folder: Path) -> Path:
    """Of a run: what it trained, else the bundle that its recipe names."""
    named = recipe.get("model", {}).get("bundle")
    if named is None or (folder / "model").exists():
        return folder / "model"
    return (shipped(PRETRAINED) or folder / "model") if named == PRETRAINED else Path(named)


def _carried(bundle: Path) -> CarriedEvaluation | None:
    try:
        return read_carried(bundle)
    except RecipeError as error:  # a report is worth more than what somebody has made of this file
        log.warning("%s", error)
        return None


def _timelines(folder: Path, sequences: Sequence[str], known: dict[str, ReportFrame]) -> dict[str, Any]:
    found: dict[str, list[tuple[Box, float]]] = defaultdict(list)
    for row in _rows(folder / "detections.parquet", sequences):
        found[row["frame"]].append((_box(row), row["confidence"]))
    looks: dict[str, list[ReportFrame]] = {sequence: [] for sequence in sequences}
    for row in _rows(folder / "frames.parquet", sequences):
        look = _looked(row, found[row["frame"]])
        if truth := known.get(look.frame):
            look = evolve(look, split=truth.split, label=truth.label, truth=truth.truth)
        looks[look.sequence].append(look)
    return {
        sequence: tuple(sorted(some, key=lambda look: (look.index, look.frame)))
        for sequence, some in looks.items()
    }


def _others(folder: Path, known: dict[str, ReportFrame]) -> tuple[ReportFrame, ...]:
    columns = ["sequence", "detections", "anomaly_score"]
    silent = pq.read_table(folder / "frames.parquet", columns=columns, filters=pc.field("detections") == 0)
    columns = ["sequence", "confidence"]
    best = pq.read_table(folder / "detections.parquet", columns=columns, filters=pc.field("rank") == 0)
    suspected = silent.group_by("sequence").aggregate([("anomaly_score", "max")])
    unsure = best.group_by("sequence").aggregate([("confidence", "min")])
    found = [
        *suspected.sort_by([("anomaly_score_max", "descending"), ("sequence", "ascending")])[:EACH][
            "sequence"
        ],
        *unsure.sort_by([("confidence_min", "ascending"), ("sequence", "ascending")])[:EACH]["sequence"],
    ]
    looks = _timelines(folder, list(dict.fromkeys(name.as_py() for name in found)), known)
    return tuple(look for frames in looks.values() for look in frames)


def _looked(row: Row, found: Iterable[tuple[Box, float]]) -> ReportFrame:
    """What every table says of a frame, and its reported boxes."""
    return ReportFrame(
        frame=row["frame"],
        sequence=row["sequence"],
        index=row["index"],
        hours=row["hours"],
        size=(row["height"], row["width"]),
        score=row["anomaly_score"],
        flagged=row["flagged"],
        found=tuple(found),
    )


def _judged(row: Row) -> ReportFrame:
    return evolve(
        _looked(row, (((x1, y1, x2, y2), sure) for x1, y1, x2, y2, sure in row["detections"])),
        split=row["split"],
        label=row["label"],
        truth=None if row["boxes"] is None else tuple((x1, y1, x2, y2) for x1, y1, x2, y2 in row["boxes"]),
        reach=tuple(row["reach"]),
    )


def _box(row: Row) -> Box:
    return row["x1"], row["y1"], row["x2"], row["y2"]


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["sequence"]].append(row)
    return groups


def _rows(path: Path, sequences: Sequence[str] | None = None) -> list[Row]:
    """The rows of a Parquet file, of some embryos only where asked for; none where there is no file."""
    if not path.exists():
        return []
    wanted = None if sequences is None else pc.field("sequence").isin(pa.array(sequences, pa.string()))
    rows: list[Row] = pq.read_table(path, filters=wanted).to_pylist()
    return rows


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    return pq.read_table(path) if path.exists() else schema.empty_table()


def _states(path: Path) -> list[str | None]:
    """The state of every frame; nothing where the file is of a version that has none."""
    if not path.exists() or "state" not in pq.read_schema(path).names:
        return []
    found: list[str | None] = pq.read_table(path, columns=["state"])["state"].to_pylist()
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _json(path: Path) -> Row:
    content: Row = json.loads(_text(path) or "{}")
    return content


def _csv(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:  # names may hold line breaks
        return list(csv.DictReader(file))


def _floats(path: Path) -> list[Row]:
    """Rows of numbers; cells that are empty are left out."""
    return [{name: float(value) for name, value in row.items() if value} for row in _csv(path)]

"""What a long run has found so far: one Parquet file for each finished shard.

A part is named by its shard and by a hash of its own bytes (``00012-8f14e45fceea167a.parquet``) and appears
by a rename. So a part that is there under its right name is finished and undamaged, and needs no second file
that says so. It holds one row per frame of the shard, whether the frame succeeded or was skipped, which
leaves no room for a lost or a doubled one; and in its metadata what it was made with and from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field

from cs_framework.api.arrays import Float32
from cs_framework.api.components import Detection, RegionScores, Skipped
from cs_framework.errors import CSError, RecipeError
from cs_framework.files import sweep, whole_file
from cs_framework.pipeline.batch import Shard
from cs_framework.pipeline.familiarity import State
from cs_framework.pipeline.results import FrameResult
from cs_framework.pipeline.stages import Analysis

log = logging.getLogger(__name__)

_EDGES = ("x1", "y1", "x2", "y2")
_SCORES = ("confidence", "probability", "quality")
_BOX = [pa.field(name, pa.float32()) for name in (*_EDGES, *_SCORES)]
_NONE = np.zeros((0, len(_BOX)), np.float32)
PART = pa.schema(
    [
        ("frame", pa.string()),
        ("sequence", pa.string()),
        ("index", pa.int32()),
        ("hours", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("anomaly_score", pa.float32()),
        ("flagged", pa.bool_()),
        ("state", pa.string()),
        ("state_reason", pa.string()),
        ("embryo", pa.list_(pa.float64())),
        ("depth", pa.list_(pa.int32())),
        ("plane", pa.string()),
        ("observed", pa.map_(pa.string(), pa.float32())),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("detections", pa.list_(pa.struct(_BOX))),
        ("proposals", pa.list_(pa.struct(_BOX))),
    ]
)
"""One row per frame. Of a skipped one, `stage` and `reason` say where and why; the rest is empty."""
_PLAIN = PART.names[:-2]

_NAME = re.compile(r"(\d+)-([0-9a-f]{16})\.parquet")
_KEY = b"cs_framework"

Origin = Mapping[str, str]
"""What results depend on beside the frames: digests of the recipe and the bundle's files, and versions."""


@define(eq=False)
class Parts:
    """The parts of one run, gone through as results in the order of the frames, shard by shard from disk."""

    folder: Path
    shards: Sequence[Shard]
    origin: Origin
    _done: dict[int, Path] = field(factory=dict)
    _unfinished: dict[int, Path] = field(factory=dict)

    def find(self, among: Sequence[Shard], *, unfinished: bool = False) -> list[Shard]:
        """Take up the parts that are there for some shards; return the shards that are still to be done.

        Parts that are damaged, or of frames that have changed since, do not count, with a warning. The latter
        stay where they are until `tidy`: a disk that is out of reach changes the frames, too, and comes back.
        Parts with frames that are not done count only if `unfinished`.

        Raises:
            RecipeError: a part was made by another recipe, bundle or version.
        """
        wanted = {shard.number: shard for shard in among}
        damaged, outdated = [], []
        for path in sorted(self.folder.glob("*.parquet")):
            name = _NAME.fullmatch(path.name)
            shard = wanted.get(int(name[1])) if name else None
            if name is None or shard is None:
                continue
            content = path.read_bytes()
            if _hash(content) != name[2]:
                damaged.append(path)
                continue
            made = _made(content)
            _check_origin(path, made["origin"], self.origin)
            if made["inputs"] != shard.inputs:
                outdated.append(path)
            elif made["finished"]:
                self._done[shard.number] = path
            else:
                self._unfinished[shard.number] = path
        if unfinished:
            self._done = self._unfinished | self._done
        for paths, what in ((damaged, "are damaged"), (outdated, "are of files that have changed since")):
            if paths:
                names = ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
                log.warning("parts that %s are computed anew: %d (%s)", what, len(paths), names)
        for path in damaged:
            path.unlink()
        return [shard for shard in among if shard.number not in self._done]

    def add(self, shard: Shard, analysis: Analysis) -> None:
        """Write the part of a shard: whole, or not at all."""
        content = _part(shard, analysis, self.origin)
        path = self.folder / f"{shard.number:05d}-{_hash(content)}.parquet"
        if not self.folder.is_dir():  # it is not made again: what was in it would be missing
            raise CSError(f"{self.folder} has vanished during the run, with all that was finished")
        with whole_file(path) as aside:
            aside.write_bytes(content)
        if (before := self._unfinished.pop(shard.number, path)) != path:
            before.unlink(missing_ok=True)
        self._done[shard.number] = path

    def tidy(self) -> None:
        """Remove the parts that do not count, and what was left unfinished, once all shards are finished."""
        for path in {*self.folder.glob("*.parquet")} - {*self._done.values()}:
            if _NAME.fullmatch(path.name):
                path.unlink()
        sweep(self.folder)

    @property
    def done(self) -> int:
        """How many shards are finished."""
        return len(self._done)

    def __iter__(self) -> Iterator[FrameResult]:
        for table in self._tables():
            yield from _results(table)

    def skipped(self) -> Iterator[Skipped]:
        """The frames that could not be read or processed."""
        for table in self._tables(["frame", "stage", "reason"]):
            yield from (Skipped(**row) for row in table.to_pylist() if row["stage"] is not None)

    def _tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        for _, path in sorted(self._done.items()):
            yield pq.ParquetFile(path).read(columns=columns, use_threads=False)  # too small to share


def context_of(folder: Path) -> int | None:
    """The neighbours in time that went into the parts of a folder; None where there is none to tell."""
    for path in sorted(folder.glob("*.parquet")):
        content = path.read_bytes()
        name = _NAME.fullmatch(path.name)
        if name and _hash(content) == name[2]:
            return int(_made(content)["context"])
    return None


def _part(shard: Shard, analysis: Analysis, origin: Origin) -> bytes:
    results = {result.frame: result for result in analysis.results}
    skipped = {item.frame: item for item in analysis.skipped}
    frames = [ref.id for ref in shard.unit.refs]
    rows = [_of_result(results[f]) if f in results else _of_skipped(skipped[f]) for f in frames]
    reported = [_of_detections(results[f].detections) if f in results else _NONE for f in frames]
    proposed = [_of_proposals(results[f]) if f in results else _NONE for f in frames]
    columns = {name: pa.array([row.get(name) for row in rows], PART.field(name).type) for name in _PLAIN}
    columns |= {"detections": _lists(reported), "proposals": _lists(proposed)}
    finished = not any(item.not_done for item in skipped.values())
    made = {
        "origin": dict(origin),
        "inputs": shard.inputs,
        "context": shard.context,
        "finished": finished,
    }
    schema = PART.with_metadata({_KEY: json.dumps(made, sort_keys=True)})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), sink, compression="zstd")
    return bytes(sink.getvalue())


def _of_result(result: FrameResult) -> dict[str, Any]:
    height, width = result.size
    return {
        "frame": result.frame,
        "sequence": result.sequence,
        "index": result.index,
        "hours": result.hours,
        "width": width,
        "height": height,
        "anomaly_score": result.score,
        "flagged": result.flagged,
        "state": result.state.name,
        "state_reason": result.state.reason,
        "embryo": result.embryo,
        "depth": result.depth,
        "plane": result.plane,
        "observed": list(result.observed.items()),
    }


def _of_skipped(skipped: Skipped) -> dict[str, Any]:
    return {"frame": skipped.frame, "stage": skipped.stage, "reason": skipped.reason}


def _of_detections(detections: Sequence[Detection]) -> Float32:
    rows = [(*d.box, d.confidence, d.probability, d.quality) for d in detections]
    return np.array(rows, np.float32).reshape(-1, len(_BOX))


def _of_proposals(result: FrameResult) -> Float32:
    if result.scores is None:
        return _NONE
    return np.column_stack([result.proposals, *(getattr(result.scores, name) for name in _SCORES)])


def _lists(rows: Sequence[Float32]) -> pa.ListArray:
    """One list of boxes with scores, (N, 7), for each frame."""
    offsets = np.cumsum([0, *map(len, rows)])
    flat = np.concatenate(rows, dtype=np.float32)
    boxes = pa.StructArray.from_arrays([pa.array(flat[:, i]) for i in range(len(_BOX))], fields=_BOX)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), boxes)


def _unlisted(column: pa.ChunkedArray) -> list[Float32]:
    lists = column.combine_chunks()
    fields = [lists.values.field(name).to_numpy() for name in (*_EDGES, *_SCORES)]
    return np.split(np.column_stack(fields).astype(np.float32), lists.offsets.to_numpy()[1:-1])


def _results(table: pa.Table) -> Iterator[FrameResult]:
    plain = table.select(_PLAIN).to_pylist()
    boxes = zip(*(_unlisted(table[name]) for name in ("detections", "proposals")), strict=True)
    for row, (reported, proposed) in zip(plain, boxes, strict=True):
        if row["stage"] is not None:
            continue
        detections = tuple(
            Detection(row["frame"], (x1, y1, x2, y2), confidence, probability, quality, rank)
            for rank, (x1, y1, x2, y2, confidence, probability, quality) in enumerate(reported.tolist())
        )
        yield FrameResult(
            frame=row["frame"],
            sequence=row["sequence"],
            index=row["index"],
            hours=row["hours"],
            size=(row["height"], row["width"]),
            score=row["anomaly_score"],
            flagged=row["flagged"],
            state=State(row["state"], row["state_reason"]),
            embryo=tuple(row["embryo"]) if row["embryo"] else None,
            depth=tuple(row["depth"]) if row["depth"] else None,
            plane=row["plane"],
            observed=dict(row["observed"]),
            proposals=proposed[:, :4],
            scores=_scores(proposed) if len(proposed) else None,
            ranked=detections,
            detections=detections,
        )


def _scores(rows: Float32) -> RegionScores:
    confidence, probability, quality = rows[:, 4:].T
    return RegionScores(probability=probability, quality=quality, confidence=confidence)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _made(content: bytes) -> dict[str, Any]:
    """What the metadata of a part says it was made with and from."""
    made: dict[str, Any] = json.loads(pq.read_schema(pa.BufferReader(content)).metadata[_KEY])
    return made


def _check_origin(path: Path, then: Origin, now: Origin) -> None:
    differing = [
        f"  {key}: {then.get(key, 'absent')} then, {now.get(key, 'absent')} now"
        for key in sorted({*then, *now})
        if then.get(key) != now.get(key)
    ]
    if differing:
        raise RecipeError(
            f"{path.parent}: the finished shards were made with another recipe, bundle or version, so the "
            "run cannot be resumed; give what they were made with, or start anew with --replace:\n"
            + "\n".join(differing)
        )

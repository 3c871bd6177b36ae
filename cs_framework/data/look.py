"""First look at frames that nobody has labelled: how many, of which embryos, how deep, how large, when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cs_framework.api.components import Env
from cs_framework.api.frames import Frame
from cs_framework.data.groups import INDEX
from cs_framework.data.images import read_samples
from cs_framework.data.refs import FrameRef
from cs_framework.data.samples import to_rgb
from cs_framework.data.source import open_source
from cs_framework.errors import FrameError

if TYPE_CHECKING:
    from cs_framework.recipe.schema import DataSettings

DECODED = 64
"""Frames that are decoded at most, evenly spread over all."""


@frozen
class FirstLook:
    """What an input seems to hold."""

    frames: int
    embryos: int
    rule: str
    """By which embryos are told, in words."""
    hours: tuple[float, float] | None
    """First and last time; None where some frame has none."""
    decoded: int
    """Frames that were looked at and could be read."""
    unreadable: Sequence[str]
    """Why others could not, each with its name."""
    depths: Mapping[str, int]
    """Decoded frames by depth and colour, such as ``8-bit grey``."""
    sizes: Sequence[tuple[int, int]]
    """(height, width) of each decoded frame, in ascending order of area."""
    diameters: Sequence[float]
    """Of the embryo, in pixels, of each decoded frame in which one is found; ascending."""
    notes: Sequence[str]
    """What the listing says beside."""


def look(path: Path, settings: DataSettings, env: Env) -> FirstLook:
    """List the frames of an input, and decode at most `DECODED` of them.

    Args:
        path: what `detect.input` may be.
        settings: how files are read and embryos told.
        env: shows progress.

    Raises:
        DataError: there is nothing to read.
    """
    source = open_source(path, settings)
    refs = source.refs
    unreadable: list[str] = []
    depths: Counter[str] = Counter()
    sizes: list[tuple[int, int]] = []
    diameters: list[float] = []
    some = _spread(refs, DECODED)
    ref: FrameRef
    for ref in env.track(some, "looking at frames", len(some)):
        try:
            samples = read_samples(ref, settings.bits)
            frame = Frame(to_rgb(samples), id=ref.id, circle=ref.circle)
        except FrameError as error:
            unreadable.append(str(error))
            continue
        depths[f"{samples.bits}-bit {'grey' if samples.values.ndim == 2 else 'RGB'}"] += 1
        sizes.append(frame.size)
        if frame.embryo.found:
            diameters.append(frame.embryo.diameter)
    hours = [ref.hours for ref in refs if ref.hours is not None]
    return FirstLook(
        frames=len(refs),
        embryos=len({ref.sequence for ref in refs}),
        rule=_rule(refs, path, settings),
        hours=(min(hours), max(hours)) if len(hours) == len(refs) else None,
        decoded=len(sizes),
        unreadable=unreadable,
        depths=depths,
        sizes=sorted(sizes, key=lambda size: (size[0] * size[1], size)),
        diameters=sorted(diameters),
        notes=source.notes,
    )


def describe(seen: FirstLook) -> Iterator[str]:
    """A first look in lines for people, but for its notes, which a run says itself."""
    yield f"frames: {seen.frames} of {seen.embryos} embryo{'' if seen.embryos == 1 else 's'} ({seen.rule})"
    if seen.decoded:
        (low_height, low_width), (high_height, high_width) = seen.sizes[0], seen.sizes[-1]
        one_size = seen.sizes[0] == seen.sizes[-1]
        size = f"{low_width} x {low_height}" + ("" if one_size else f" to {high_width} x {high_height}")
        depths = ", ".join(
            depth if len(seen.depths) == 1 else f"{count} {depth}" for depth, count in seen.depths.items()
        )
        yield f"pixels: {size}, {depths}"
        found = f"embryo: found in {len(seen.diameters)} of {seen.decoded} frames looked at"
        if seen.diameters:
            found += f", {seen.diameters[0]:.0f} to {seen.diameters[-1]:.0f} px across"
        yield found
    if seen.hours is None:
        yield "times: none are known; frames follow each other by number, else by name"
    else:
        yield f"times: {seen.hours[0]:.1f} to {seen.hours[1]:.1f} h"
    yield from (f"unreadable: {reason}" for reason in seen.unreadable[:3])
    if len(seen.unreadable) > 3:
        yield f"unreadable: and {len(seen.unreadable) - 3} more of the {DECODED} looked at"


def _rule(refs: Sequence[FrameRef], path: Path, settings: DataSettings) -> str:
    root = path if path.is_dir() else path.parent
    if all(ref.sequence == ref.id for ref in refs):
        return "the only frame" if len(refs) == 1 else "nothing tells the embryo, so each file counts as one"
    if all(ref.sequence == ref.file for ref in refs):
        return "each file is one"
    if (root / INDEX).is_file():
        return f"by {INDEX}"
    return "by data.group_pattern" if settings.group_pattern else "by folders and names"


def _spread(refs: Sequence[FrameRef], most: int) -> list[FrameRef]:
    """At most so many of the frames, evenly spread, the first and the last among them."""
    if len(refs) <= most:
        return list(refs)
    return [refs[round(at * (len(refs) - 1) / (most - 1))] for at in range(most)]

"""Charts as inline SVG, in the classes and colours of ``style.css``, so that they follow its theme."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from markupsafe import Markup

from cs_framework.evaluation.curves import Point, Series
from cs_framework.report.contents import ReportFrame, Row

WIDTH, HEIGHT = 400, 300
RIGHT, TOP, BOTTOM = 12, 12, 44
LANES = 8
"""Strings drawn below a timeline at most, the longest."""


@frozen
class Axis:
    """One direction of a chart."""

    label: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    """Whether only whole numbers make sense."""

    @classmethod
    def around(cls, label: str, values: Iterable[float], *, whole: bool = False) -> Axis:
        """An axis that holds some values, with a little room around them."""
        finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        room = 0.0 if whole else 0.05 * (high - low)
        if high == low:
            room = 0.5 if whole else abs(low) * 0.1 or 0.5
        return cls(label, low - room, high + room, whole=whole)

    def place(self, value: float) -> float:
        """Where a value lies, from 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values, about five."""
        if self.log:
            exponents = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high) + 1e-9) + 1)
            return [float(10**exponent) for exponent in exponents]
        span = self.high - self.low
        step = 10 ** math.floor(math.log10(span / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
        step = max(step, 1) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def labels(self) -> list[str]:
        """What to write beside the ticks: no more digits than it takes to tell them apart."""
        ticks = self.ticks()
        texts = ([f"{tick:.{digits}g}" for tick in ticks] for digits in range(4, 18))
        return next(some for some in texts if len(set(some)) == len(set(ticks)))


def line_chart(x: Axis, y: Axis, series: Sequence[Series], what: str) -> Markup:
    """Lines over two axes, with a key.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        series: the lines.
        what: what the chart shows, in words, for those who cannot see it.
    """
    to_x, to_y = _scales(x, y, WIDTH, HEIGHT)
    drawn = [_grid(x, y, to_x, to_y, WIDTH, HEIGHT)]
    for line in series:
        places = [(to_x(a), to_y(b)) for a, b in line.points if math.isfinite(a) and math.isfinite(b)]
        if line.marker or len(places) == 1:
            dots = (
                _tag("circle", {"cx": a, "cy": b, "r": 5, "class": f"mark {line.style}"}, line.name)
                for a, b in places
            )
            drawn += dots
        else:
            drawn.append(
                _tag("polyline", {"points": _points(places), "class": f"line {line.style}"}, line.name)
            )
    key = Markup("").join(
        Markup('<li><i class="{} {}"></i>{}</li>').format("dot" if s.marker else "dash", s.style, s.name)
        for s in series
    )
    return Markup('{}<ul class="key">{}</ul>').format(_svg(drawn, WIDTH, HEIGHT, what), key)


def interval(value: float, low: float | None, high: float | None) -> Markup:
    """A share with its interval as a bar from 0 to 1, to stand beside the numbers."""
    bar = (
        Markup("")
        if low is None or high is None
        else _tag("line", {"x1": 100 * low, "x2": 100 * high, "y1": 6, "y2": 6, "class": "range"})
    )
    base = _tag("line", {"x1": 0, "x2": 100, "y1": 6, "y2": 6, "class": "grid"})
    dot = _tag("circle", {"cx": 100 * value, "cy": 6, "r": 3.5, "class": "mark one"})
    return Markup('<svg class="interval" viewBox="-5 0 110 12" aria-hidden="true">{}{}{}</svg>').format(
        base, bar, dot
    )


def timeline(
    frames: Sequence[ReportFrame],
    smoothed: Sequence[float],
    tracks: Sequence[Row],
    opens: Callable[[ReportFrame], dict[str, object]],
) -> Markup:
    """Confidence of one embryo over time; below it when each string shows, and where one was annotated.

    Args:
        frames: in order of time, at least one.
        smoothed: their smoothed confidence.
        tracks: the embryo's rows of ``tracks.parquet``.
        opens: the attributes by which the page's script shows a frame.
    """
    # Not every frame is drawn, but every frame of a track.
    timed = all(hours is not None for hours in (*(f.hours for f in frames), *(r["hours"] for r in tracks)))
    times = {f.frame: _time(f.hours if timed else None, f.index) for f in frames}
    lanes = _lanes(tracks)
    width, height = 760, 200 + 9 * len(lanes)
    label = "time in hours" if timed else "frame number"
    x = Axis.around(label, times.values(), whole=not timed)
    reach = 0.02 * (x.high - x.low)
    x = Axis(label, x.low - reach, x.high + reach, whole=x.whole)
    y = Axis("confidence", 0, 1)
    to_x, to_y = _scales(x, y, width, height, bottom=BOTTOM + 9 * len(lanes) + 8)
    floor = to_y(0)
    drawn = [_grid(x, y, to_x, to_y, width, height, bottom=BOTTOM + 9 * len(lanes) + 8)]
    for frame in frames:
        if frame.label:
            place = {"x": to_x(times[frame.frame]) - 4, "y": floor + 3, "width": 8, "height": 5}
            drawn.append(_tag("rect", place | {"class": "annotated"}, "string annotated by a person"))
    for number, lane in enumerate(lanes):
        level = floor + 16 + 9 * number
        ends = [to_x(_time(row["hours"] if timed else None, row["index"])) for row in lane]
        text = f"string {lane[0]['track']}: {len(lane)} frame{'s' if len(lane) > 1 else ''}"
        place = {"x1": min(ends) - 3, "x2": max(ends) + 3, "y1": level, "y2": level}
        drawn.append(_tag("line", place | {"class": "lane"}, text))
        drawn += [_tag("circle", {"cx": end, "cy": level, "r": 2.5, "class": "knot"}, text) for end in ends]
    points = [(to_x(times[f.frame]), to_y(value)) for f, value in zip(frames, smoothed, strict=True)]
    drawn.append(
        _tag("polyline", {"points": _points(points), "class": "line smooth"}, "smoothed over five frames")
    )
    for frame in frames:
        place = {"cx": to_x(times[frame.frame]), "cy": to_y(frame.confidence), "r": 4.5}
        look = {"class": "point" if frame.reported else "point none"}
        drawn.append(_tag("circle", place | look | opens(frame), describe(frame)))
    what = f"confidence over time of {frames[0].sequence}; arrow keys walk along the frames, Enter shows one"
    return _svg(
        drawn, width, height, what, {"tabindex": "0", "role": "application", "class": "chart timeline"}
    )


def strip(frames: Sequence[ReportFrame]) -> Markup:
    """One embryo at a glance: a bar from its first frame to its last, filled where strings are reported.

    The surer, the higher the filling.
    """
    each = 180 / len(frames)
    parts = [_tag("rect", {"x": 0, "y": 0, "width": 180, "height": 18, "class": "base"})]
    for number, frame in enumerate(frames):
        if frame.reported:
            height = 4 + 14 * frame.confidence
            place = {"x": number * each, "y": 18 - height, "width": each + 0.2, "height": height}
            parts.append(_tag("rect", place | {"class": "shown"}, describe(frame)))
    shown = sum(bool(frame.reported) for frame in frames)
    what = f"strings on {shown} of {len(frames)} frames"
    return _svg(parts, 180, 18, what, {"class": "strip", "preserveAspectRatio": "none"})


def describe(frame: ReportFrame) -> str:
    """A frame in one line."""
    parts = [frame.frame, frame.time]
    if frame.reported:
        count = len(frame.reported)
        parts.append(f"{count} string{'s' if count > 1 else ''} reported, confidence {frame.confidence:.2f}")
    else:
        parts.append("no string reported")
    if frame.score is not None:
        parts.append(f"anomaly score {frame.score:.3g}{', flagged' if frame.flagged else ', not flagged'}")
    if frame.label is not None:
        parts.append("known to show a string" if frame.label else "known to be free of strings")
    return " · ".join(parts)


def _time(hours: float | None, index: int) -> float:
    """Where a frame lies: times closer than milliseconds, which metadata can claim, are the same."""
    return float(index) if hours is None else round(hours, 6)


def _lanes(tracks: Sequence[Row]) -> list[list[Row]]:
    strings: dict[int, list[Row]] = {}
    for row in tracks:
        strings.setdefault(row["track"], []).append(row)
    longest = sorted(strings.values(), key=lambda rows: (-len(rows), rows[0]["track"]))[:LANES]
    return sorted(longest, key=lambda rows: int(rows[0]["track"]))


def _scales(
    x: Axis, y: Axis, width: float, height: float, bottom: float = BOTTOM
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    left = _left(y)
    across, down = width - left - RIGHT, height - TOP - bottom
    return lambda v: left + x.place(v) * across, lambda v: TOP + (1 - y.place(v)) * down


def _left(y: Axis) -> float:
    """Room for the title of the vertical axis and its longest label beside it."""
    return 24 + 7 * max(4, *map(len, y.labels()))


def _grid(
    x: Axis,
    y: Axis,
    to_x: Callable[[float], float],
    to_y: Callable[[float], float],
    width: float,
    height: float,
    bottom: float = BOTTOM,
) -> Markup:
    left, right, floor = _left(y), width - RIGHT, height - bottom
    parts = []
    for tick, text in zip(y.ticks(), y.labels(), strict=True):
        at = to_y(tick)
        parts.append(_tag("line", {"x1": left, "x2": right, "y1": at, "y2": at, "class": "grid"}))
        parts.append(_label(left - 6, at + 4, text, "end"))
    for tick, text in zip(x.ticks(), x.labels(), strict=True):
        at = to_x(tick)
        parts.append(_tag("line", {"x1": at, "x2": at, "y1": TOP, "y2": floor, "class": "grid"}))
        parts.append(_label(at, height - BOTTOM + 18, text, "middle"))
    parts.append(_label((left + right) / 2, height - 6, x.label, "middle", "axis"))
    middle = (TOP + floor) / 2
    parts.append(
        Markup(
            '<text x="12" y="{0:.1f}" transform="rotate(-90 12 {0:.1f})" class="axis middle">{1}</text>'
        ).format(middle, y.label)
    )
    return Markup("").join(parts)


def _label(x: float, y: float, text: str, anchor: str, style: str = "tick") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{} {}">{}</text>').format(x, y, style, anchor, text)


def _points(places: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _tag(name: str, attributes: dict[str, object], title: str | None = None) -> Markup:
    texts = {
        key: f"{value:.1f}" if isinstance(value, float) else str(value) for key, value in attributes.items()
    }
    inside = Markup("<title>{}</title>").format(title) if title is not None else Markup("")
    pairs = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in texts.items())
    return Markup("<{0}{1}>{2}</{0}>").format(name, pairs, inside)


def _svg(
    parts: Iterable[Markup], width: int, height: int, what: str, more: dict[str, object] | None = None
) -> Markup:
    attributes: dict[str, object] = {"role": "img", "class": "chart"}
    attributes |= {"viewBox": f"0 0 {width} {height}", "aria-label": what, **(more or {})}
    pairs = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in attributes.items())
    return Markup("<svg{}>{}</svg>").format(pairs, Markup("").join(parts))

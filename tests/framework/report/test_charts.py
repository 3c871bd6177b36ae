from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from cs_framework.evaluation.curves import Series
from cs_framework.report.charts import Axis, interval, line_chart, strip, timeline
from cs_framework.report.contents import ReportFrame

numbers = st.floats(-1e6, 1e6)
NASTY = "<script>alert('1')</script> & \"e\""


def look(index, confidence=0.5, hours=None):
    found = (((1.0, 1.0, 5.0, 5.0), confidence),) if confidence else ()
    return ReportFrame(f"{NASTY}_{index}", NASTY, index, hours, (10, 10), 0.1, True, found)


@given(st.lists(numbers, max_size=5), st.booleans())
def test_an_axis_holds_its_values_and_some_round_ticks(values, whole):
    axis = Axis.around("x", [round(v) for v in values] if whole else values, whole=whole)
    slack = 1e-9 * max(abs(axis.low), abs(axis.high), 1)
    assert all(-1e-9 <= axis.place(v) <= 1 + 1e-9 for v in (map(round, values) if whole else values))
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 8
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)
    assert not whole or all(tick == round(tick) for tick in ticks)
    labels = axis.labels()
    assert len(labels) == len(ticks)
    assert len(set(labels)) == len(set(ticks))
    assert all(
        abs(float(label) - tick) <= 1e-3 * abs(tick) + 1e-12
        for label, tick in zip(labels, ticks, strict=True)
    )


def test_labels_lie_beside_the_title_of_their_axis():
    loss = Axis.around("loss", [0.338512, 0.338534])
    assert loss.labels()[0] == "0.338515"
    drawn = line_chart(Axis("epoch", 1, 3), loss, [Series("", [(1, 0.33852), (3, 0.33853)], "one")], "")
    texts = list(ElementTree.fromstring(f"<div>{drawn}</div>").iter("text"))
    title = next(float(e.get("x")) for e in texts if e.text == "loss")
    for label in (e for e in texts if e.get("class") == "tick end"):
        assert float(label.get("x")) - 7 * len(label.text) > title + 4


def test_a_logarithmic_axis_has_powers_of_ten():
    axis = Axis("proposals", 1, 3000, log=True)
    assert axis.ticks() == [1, 10, 100, 1000]
    assert axis.place(1) == 0
    assert axis.place(3000) == 1


def test_a_chart_is_well_formed_whatever_it_is_called():
    axis = Axis(NASTY, 0, 1)
    lines = [
        Series(NASTY, [(0, 0), (1, 1)], "one"),
        Series("point", [(0.5, float("nan"))], "two", marker=True),
    ]
    root = ElementTree.fromstring(f"<div>{line_chart(axis, axis, lines, NASTY)}</div>")
    assert root.find("svg").get("aria-label") == NASTY
    assert [element.text for element in root.iter("title")] == [NASTY], "what is not a number is left out"
    assert NASTY in [element.text for element in root.iter("text")]


def test_a_timeline_has_a_point_for_each_frame():
    frames = [look(i, 0.2 * (i % 3), hours=i / 4) for i in range(7)]
    tracks = [{"track": 1, "frame": frames[i].frame, "index": i, "hours": i / 4} for i in (1, 2)]
    drawn = timeline(frames, [0.1] * 7, tracks, lambda f: {"data-picture": f'"{f.index}'})
    root = ElementTree.fromstring(str(drawn))
    points = [e for e in root.iter("circle") if e.get("class").startswith("point")]
    assert [p.get("data-picture") for p in points] == [f'"{i}' for i in range(7)]
    assert [p.get("class") for p in points[:2]] == ["point none", "point"]
    assert "1.5 h" in points[6].find("title").text
    assert [e.find("title").text for e in root.iter("line") if e.get("class") == "lane"] == [
        "string 1: 2 frames"
    ]


def test_times_that_cannot_be_told_apart_are_one():
    frames = [look(index, hours=hours) for index, hours in enumerate((0.0, 5e-324, 1e-9))]
    ElementTree.fromstring(str(timeline(frames, [0.1] * 3, [], lambda _: {})))


def test_frames_are_counted_where_the_time_of_one_in_a_track_is_not_known():
    frames = [look(index, hours=index / 4) for index in range(3)]
    tracks = [{"track": 1, "frame": "left out", "index": 1, "hours": None}]
    assert "frame number" in timeline(frames, [0.1] * 3, tracks, lambda _: {})


def test_a_strip_is_filled_where_strings_are_reported():
    root = ElementTree.fromstring(str(strip([look(0), look(1, 0), look(2)])))
    assert [r.get("x") for r in root.iter("rect") if r.get("class") == "shown"] == ["0.0", "120.0"]


def test_an_interval_is_drawn_where_there_is_one():
    assert "range" in interval(0.5, 0.4, 0.6)
    assert "range" not in interval(0.5, None, None)

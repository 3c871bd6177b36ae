"""The main part of the page: the answer, then what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute
import streamlit as st

from cs_framework.api.arrays import Float32
from cs_framework.api.components import Explanation
from cs_framework.api.frames import Frame
from cs_framework.app import pictures, results
from cs_framework.app.analysis import Analyser, LruCache, Model, frame_key
from cs_framework.app.folders import Root
from cs_framework.app.run_folders import TrainingRegions, training_frames
from cs_framework.app.wording import against_truth, caution, figure, headline, literal, reason
from cs_framework.data.images import frame_reader
from cs_framework.data.refs import FrameRef
from cs_framework.errors import CSError
from cs_framework.evaluation.carried import quoted
from cs_framework.outputs.overlays import heat
from cs_framework.outputs.write import DRAWN_PROPOSALS
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.results import FrameResult

NEIGHBOURS = 6
_LABELS = {1: "string", 0: "background"}
_ORANGE, _GREY = "#e69f00", "#8a9099"


def welcome(trained: bool) -> None:
    """What to do first."""
    st.title("Is there a cytoplasmic string?")
    st.markdown(
        "Drop a frame, a stack or a video at the left, or take the frames of a run. Then press **Analyse**: "
        "you see whether the frame is unusual, which box holds a string, and why."
    )
    if not trained:
        st.markdown("No model is trained here yet; train one first, or look at the proposals of a recipe.")


def choose_frame(refs: Sequence[FrameRef], result: Callable[[int], FrameResult | None]) -> int:
    """Ask which frame to look at, by number or on the timeline of what is analysed; its place."""
    if len(refs) == 1:
        st.session_state.pop("at", None)
        st.caption(literal(refs[0].id))
        return 0
    if not 1 <= st.session_state.get("at", 1) <= len(refs):
        st.session_state.at = 1
    at = int(st.slider("Frame", 1, len(refs), key="at")) - 1
    known = {i: found for i in range(len(refs)) if (found := result(i)) is not None}
    if len(known) > 1:
        _timeline(refs, known, at)
    st.caption(literal(refs[at].id))
    return at


def _timeline(refs: Sequence[FrameRef], known: dict[int, FrameResult], at: int) -> None:
    by_hours = all(refs[i].hours is not None for i in known) and len({refs[i].sequence for i in known}) == 1
    rows: list[dict[str, Any]] = [
        {
            "frame": i + 1,
            "time": refs[i].hours if by_hours else i + 1,
            "confidence": found.ranked[0].confidence if found.ranked else 0.0,
            "stage 1": "lets pass" if found.flagged else "stops",
            "name": refs[i].id,
            "embryo": refs[i].sequence,
        }
        for i, found in sorted(known.items())
    ]
    data = pa.Table.from_pylist(rows)
    title, axis = ("hours", alt.Axis()) if by_hours else ("frame", alt.Axis(tickMinStep=1, format="d"))
    x = alt.X("time:Q", title=title, axis=axis, scale=alt.Scale(nice=False, zero=False))
    y = alt.Y("confidence:Q", title="confidence", scale=alt.Scale(domain=[0, 1]))
    colour = alt.Color(
        "stage 1:N", scale=alt.Scale(domain=["lets pass", "stops"], range=[_ORANGE, _GREY]), title="stage 1"
    )
    tooltip = ["name:N", "frame:Q", alt.Tooltip("confidence:Q", format=".2f"), "stage 1:N"]
    line = alt.Chart(data).mark_line(color=_GREY, strokeWidth=1).encode(x=x, y=y, detail="embryo:N")
    points = (
        alt.Chart(data)
        .mark_circle(size=70, opacity=1)
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
        .add_params(alt.selection_point(name="chosen", fields=["frame"], on="click", empty=False))
    )
    shown = data.filter(pa.compute.equal(data["frame"], at + 1))
    here = alt.Chart(shown).mark_rule(strokeDash=[4, 3]).encode(x=x)

    def follow() -> None:
        picked = st.session_state.timeline["selection"]["chosen"]
        if picked:
            st.session_state.at = int(picked[0]["frame"])

    st.altair_chart((here + line + points).properties(height=150), key="timeline", on_select=follow)


def answer(
    slot: str,
    model: Model,
    result: FrameResult | None,
    frame: Frame,
    truth: Float32 | None,
    compact: bool,
) -> None:
    """What one model says of the frame, with the table of its boxes; without a result, the frame alone."""
    if result is None:
        side = st.container() if compact else st.columns([4, 3])[0]
        side.image(pictures.best_boxes(frame, (), truth), width="stretch")
        return
    st.subheader(headline(result), anchor=False)
    st.caption(literal(reason(result, model.threshold)))
    if model.bundle is not None and model.bundle.evaluation is not None:
        st.caption(literal(" ".join(quoted(model.bundle.evaluation))))
    if (doubt := caution(result)) is not None:
        st.warning(literal(doubt))
    left, right = (st.container(), st.container()) if compact else st.columns([4, 3], gap="medium")
    with right:
        if truth is not None:
            st.markdown(literal(against_truth(result, truth)))
        chosen = _table(slot, result, truth) if result.detections else 0
        if result.detections and not compact:
            which, shown = "The chosen box" if chosen else "The best box", result.detections[chosen]
            st.image(
                pictures.close_up(frame, shown.box),
                caption=f"{which}, close up: {results.pixels(shown)}",
                width=320,
            )
    with left:
        if result.scores is None:
            picture = pictures.all_proposals(frame, result, truth)
        else:
            picture = pictures.best_boxes(frame, result.detections, truth, chosen)
        st.image(picture, caption=_legend(result, truth, chosen), width="stretch")


def _legend(result: FrameResult, truth: Float32 | None, chosen: int) -> str:
    parts = []
    if result.detections:
        parts.append(f"orange: {'the chosen' if chosen else 'the best'} box, with its rank and confidence")
        if len(result.detections) > 1:
            parts.append("green: the others of the table")
    elif result.scores is None and len(result.proposals):
        parts.append("green: proposals")
    if truth is not None and len(truth):
        parts.append("blue: the truth")
    return "; ".join(parts)


def _table(slot: str, result: FrameResult, truth: Float32 | None) -> int:
    """The boxes, best first; the place of the one that a person chose, else of the best."""
    rows = pa.Table.from_pylist(results.table(result, truth))
    share = st.column_config.NumberColumn(format="%.2f", width=74)
    config: dict[str, Any] = {"#": st.column_config.NumberColumn(width=36)}
    config |= dict.fromkeys(("confidence", "probability", "quality", "IoU"), share)
    event = st.dataframe(
        rows,
        hide_index=True,
        column_config=config,
        on_select="rerun",
        selection_mode="single-row",
        key=f"table|{slot}|{result.frame}",
        height=min(38 + 35 * len(rows), 300),
    )
    st.caption("Choose a row to see its box.")
    picked = event.selection.rows
    return int(picked[0]) if picked and picked[0] < len(rows) else 0


@st.cache_resource
def _explanations() -> LruCache[Explanation]:
    return LruCache(limit=16)


@st.cache_resource
def _embeddings() -> LruCache[Float32]:
    return LruCache(limit=500)


def closer(
    root: Root,
    model: Model,
    analyser: Analyser,
    unit: Unit,
    result: FrameResult,
    frame: Frame,
    truth: Float32 | None,
    every: Sequence[tuple[int, FrameResult]],
) -> None:
    """What the answer rests on, one thing at a time."""
    sections = ["All proposals", "Download"]
    if model.bundle is not None:
        sections.insert(1, "Embedding")
        if model.loaded.anomaly_filter is not None:
            sections.insert(0, "Anomaly score")
    section = st.segmented_control(
        "Look closer", sections, default=sections[0], required=True, key=f"closer|{len(sections)}"
    )
    try:
        if section == "Anomaly score":
            _anomaly(model, analyser, unit, result, frame)
        elif section == "All proposals":
            _proposals(result, frame, truth)
        elif section == "Embedding":
            _embedding(root, model, analyser, result, frame)
        else:
            _downloads(result, frame, truth, [each for _, each in every])
    except CSError as error:
        st.error(literal(error))


def _anomaly(model: Model, analyser: Analyser, unit: Unit, result: FrameResult, frame: Frame) -> None:
    score, threshold = result.score, model.threshold
    columns = st.columns([1, 1, 3])
    columns[0].metric("Anomaly score", figure(score))
    columns[1].metric("Threshold", "none" if threshold is None else figure(threshold))
    key = f"{model.key} {frame_key(unit)} {model.loaded.recipe.data.bits}"
    found = _explanations().get(key)
    if found is None:
        with st.spinner("Making the residual"):
            found = analyser.explain(unit, model)
        if found is None:
            return
        _explanations().put(key, found)
    shown = [(frame.image, "the frame"), (heat(found.residual), "residual: what the filter did not expect")]
    if found.mask is not None:
        shown.append((heat(found.residual, found.mask), "where it counts towards the score"))
    for column, (picture, caption) in zip(st.columns(3), shown, strict=False):
        column.image(picture, caption=caption, width="stretch")


def _proposals(result: FrameResult, frame: Frame, truth: Float32 | None) -> None:
    left, right = st.columns([3, 2], gap="medium")
    left.image(pictures.all_proposals(frame, result, truth), width="stretch")
    right.metric("Proposals", len(result.proposals))
    drawn = DRAWN_PROPOSALS
    if len(result.proposals) > drawn:
        which = "most confident" if result.scores is not None else "first"
        right.caption(f"The {which} {drawn} are drawn.")
    if truth is not None and len(truth):
        right.markdown(literal(against_truth(result, truth)))
    if result.scores is not None and len(result.proposals):
        counts, edges = np.histogram(result.scores.confidence, bins=20, range=(0, 1))
        bins = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
        rows = pa.Table.from_pylist([{"from": low, "to": high, "boxes": n} for low, high, n in bins])
        chart = alt.Chart(rows).mark_bar(color=_ORANGE)
        x = alt.X("from:Q", title="confidence", bin="binned", scale=alt.Scale(domain=[0, 1]))
        scale = alt.Scale(type="symlog")
        y = alt.Y("boxes:Q", title="boxes (log scale)", scale=scale)
        right.altair_chart(chart.encode(x=x, x2="to:Q", y=y).properties(height=200))


def _embedding(root: Root, model: Model, analyser: Analyser, result: FrameResult, frame: Frame) -> None:
    if not result.detections:
        st.caption("No box is shown, so there is nothing to describe.")
        return
    best = result.detections[0]
    key = f"{model.results_key} {result.frame} {best.box} {hash(frame.image.tobytes())}"
    vector = _embeddings().through(key, lambda: analyser.embed(frame, best.box))
    rows, columns = pictures.grid_shape(len(vector))
    left, right = st.columns([2, 3], gap="medium")
    left.image(
        pictures.embedding_grid(vector, cell=max(480 // columns, 1)),
        caption=f"the best box as the embedder describes it: {len(vector)} figures, {rows} x {columns}; "
        f"dark {figure(vector.min())}, bright {figure(vector.max())}",
    )
    with right:
        _neighbours(root, model, vector)


@st.cache_resource(max_entries=2, show_spinner="Reading the training regions")
def _training_regions(run: str, changed: float, _root: Root) -> TrainingRegions | None:
    return TrainingRegions.read(Path(run), _root)


def _neighbours(root: Root, model: Model, vector: Float32) -> None:
    run = model.entry.run
    regions = (
        None
        if run is None
        else _training_regions(str(run), (model.entry.path / "bundle.json").stat().st_mtime, root)
    )
    if run is None or regions is None:
        st.caption(
            "The nearest regions of the training set appear here for a run that kept them: train with "
            "`--set outputs.regions=true`."
        )
        return
    near = regions.nearest(vector, NEIGHBOURS)
    if not near:
        st.caption("The training regions were described by another embedder.")
        return
    st.markdown("**Nearest regions of the training set**")
    refs = training_frames(run, model.recipe, root)
    for start in range(0, len(near), 3):
        for column, one in zip(st.columns(3), near[start : start + 3], strict=False):
            caption = f"{_LABELS.get(one.label, 'in between')}, distance {one.distance:.1f}"
            if one.frame in refs:
                shown = frame_reader(model.recipe.data)(refs[one.frame])
                column.image(pictures.close_up(shown, one.box, side=180), caption=caption)
            else:
                column.caption(f"{caption}: {literal(one.frame)}")


def _downloads(
    result: FrameResult, frame: Frame, truth: Float32 | None, every: Sequence[FrameResult]
) -> None:
    st.caption(
        "The boxes shown, of every frame analysed so far with these settings."
        if len(every) > 1
        else "The boxes shown."
    )
    columns = st.columns([1, 1, 1, 3])
    columns[0].download_button("CSV", results.as_csv(every), "detections.csv", "text/csv")
    coco = results.as_coco(every)
    columns[1].download_button("COCO", coco, "detections.coco.json", "application/json")
    picture = pictures.png(pictures.best_boxes(frame, result.detections, truth))
    columns[2].download_button("PNG", picture, "frame.png", "image/png")

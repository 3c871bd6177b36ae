"""The page: what is chosen at its side is analysed on demand, and the answer comes first."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import streamlit as st
from attrs import evolve, frozen
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from cs_framework.api.arrays import Float32
from cs_framework.api.frames import Frame
from cs_framework.app import pictures, show_controls, show_results, show_training
from cs_framework.app.analysis import Analyser, LruCache, Model, frame_key, reported, units_of
from cs_framework.app.folders import Entry, Root, comes_along, recipes, trained_and_runs
from cs_framework.app.jobs import UNEXPECTED, Job, Step
from cs_framework.app.show_controls import Source
from cs_framework.app.uploads import read_truth
from cs_framework.app.wording import literal
from cs_framework.data.images import content_hash, read_frame
from cs_framework.data.refs import FrameRef
from cs_framework.errors import CSError
from cs_framework.pipeline.batch import Unit
from cs_framework.pipeline.results import FrameResult

log = logging.getLogger(__name__)
T = TypeVar("T")


def show(root: Path, programs: bool = False) -> None:
    """Draw the page; whatever goes wrong becomes a message on it.

    Args:
        root: the only folder that is read, and where runs are trained.
        programs: whether recipes may bring one-file plugins, once a person chooses them.
    """
    st.set_page_config(
        page_title="Cytoplasmic strings", page_icon=Image.fromarray(pictures.icon()), layout="wide"
    )
    try:
        _page(Root(root), programs)
    except CSError as error:
        st.error(literal(error))
    except Exception:
        log.exception("the page failed")
        st.error(UNEXPECTED)


@frozen(eq=False)
class Looking:
    """One model and what it makes of the frames."""

    slot: str
    model: Model
    analyser: Analyser
    units: Sequence[Unit]

    def result(self, at: int) -> FrameResult | None:
        """What is known of a frame, as the settings now show it."""
        found = _results().get(self._key(at))
        if found is None:
            return None
        ref = self.units[at].refs[0]  # the same pixels may have been analysed under another name
        named = evolve(found, frame=ref.id, sequence=ref.sequence, index=ref.index, hours=ref.hours)
        return reported(named, self.model)

    def task(self, at: int) -> Callable[[Step], object]:
        """Analyses a frame and keeps the result."""
        return lambda step: _results().put(
            self._key(at), self.analyser.analyse(self.units[at], self.model, step)
        )

    def _key(self, at: int) -> str:
        return f"{self.model.results_key} {frame_key(self.units[at])}"


@st.cache_resource
def _results() -> LruCache[FrameResult]:
    return LruCache(limit=1000)


@st.cache_resource(max_entries=4, show_spinner="Loading the model")
def _analyser(key: str, _model: Model) -> Analyser:
    return Analyser.build(_model)


def _page(root: Root, programs: bool) -> None:
    (known, runs), offered = trained_and_runs(root), recipes(root)
    with st.sidebar:
        source = _or_error(lambda: show_controls.choose_frames(root, runs))
        _choose_fresh(known)
        first = show_controls.choose_model([*known, *comes_along(), *offered], "Model", "model")
        second = show_controls.choose_model(
            [*known, *comes_along(), *offered], "Compare with", "compare", none="nothing"
        )
        truth = st.container()
        tabs = st.tabs(["Settings", "Settings of the other"]) if second else [st.container()]
        opened = [
            entry for entry in (first, second) if isinstance(entry, Entry)
        ]  # or it has vanished meanwhile
        models = []
        for slot, entry, tab in zip(("first", "second"), opened, tabs, strict=False):
            with tab:
                chosen = _or_error(partial(_chosen, entry, slot, source, programs))
                models.append((slot, chosen))
    show_training.offer(root, known, first, programs)
    if source is None:
        show_results.welcome(bool(known or comes_along()))
        return
    looks = [
        Looking(slot, model, analyser, units_of(source.frames.refs, analyser.context))
        for slot, model in models
        if model is not None and (analyser := _or_error(partial(_analyser, model.key, model))) is not None
    ]
    if not looks:
        return
    _look(root, source, looks, truth)


def _choose_fresh(known: Sequence[Entry]) -> None:
    """What was just trained in the app is what one wants to look with."""
    out = st.session_state.pop("fresh", None)
    entry = next((entry for entry in known if entry.run == out), None) if out else None
    if entry is not None:
        st.session_state.model = entry


def _chosen(entry: Entry, slot: str, source: Source | None, programs: bool) -> Model:
    model = Model.open(entry, programs=programs)
    return show_controls.choose_settings(model, slot, source.data if source else model.loaded.recipe.data)


def _or_error(make: Callable[[], T]) -> T | None:
    """What is made, or None and a message where it cannot be."""
    try:
        return make()
    except CSError as error:
        st.error(literal(error))
        return None


def _look(root: Root, source: Source, looks: Sequence[Looking], side: DeltaGenerator) -> None:
    refs = source.frames.refs
    at = show_results.choose_frame(refs, looks[0].result)
    frame = _or_error(lambda: read_frame(refs[at], source.data.bits))
    if frame is None:
        return
    with side:
        truth = _truth(source, refs[at], frame)
    _work(looks, at, len(refs))
    found = [look.result(at) for look in looks]
    for column, look, result in zip(st.columns(len(looks)), looks, found, strict=True):
        with column:
            if len(looks) > 1:
                st.markdown(f"**{literal(look.model.entry.label)}**")
            show_results.answer(look.slot, look.model, result, frame, truth, compact=len(looks) > 1)
    done = [(look, result) for look, result in zip(looks, found, strict=True) if result is not None]
    if not done:
        return
    look, result = done[0]
    if len(done) > 1:
        names = [f"{number + 1}: {literal(one.model.entry.label)}" for number, (one, _) in enumerate(done)]
        which = st.segmented_control(
            "Look closer at", range(len(done)), format_func=lambda i: names[i], default=0, required=True
        )
        look, result = done[which]
    every = [(i, each) for i in range(len(refs)) if (each := look.result(i)) is not None]
    show_results.closer(root, look.model, look.analyser, look.units[at], result, frame, truth, every)


def _truth(source: Source, ref: FrameRef, frame: Frame) -> Float32 | None:
    """The true boxes, where they are known or typed."""
    if ref.id in source.frames.known:
        return source.frames.known[ref.id].boxes(frame.size)
    if not source.typed:
        return None
    key = f"{content_hash(ref)}|{ref.id}"  # a name may pass to another of the dropped files
    with st.expander("Ground truth"):
        text = st.text_area(
            "YOLO lines",
            key=f"truth|{key}",
            placeholder="0 0.512 0.430 0.180 0.060",
            help="class, centre x, centre y, width, height, as fractions of the frame; a box in each line",
        )
        file = st.file_uploader("or a YOLO file", type=["txt"], key=f"truth-file|{key}")
        text = text or (file.getvalue().decode("utf-8", "replace") if file else "")
        return _or_error(lambda: read_truth(text, frame.size)) if text.strip() else None


def _work(looks: Sequence[Looking], at: int, count: int) -> None:
    """Offer to analyse what is not analysed yet, or show how far that is."""
    job: Job | None = st.session_state.get("job")
    if job is not None and job.running:
        _progress()
        return
    if job is not None:
        if job.problems:
            st.error("  \n".join(literal(text) for text in job.problems[:10]))
        if job.cancelled:
            st.info("Cancelled.")
        del st.session_state.job
    this = [look.task(at) for look in looks if look.result(at) is None]
    whole = [look.task(i) for i in range(count) for look in looks if look.result(i) is None]
    left, right = st.columns([1, 4]) if this and count > 1 else [st.container()] * 2
    tasks: list[Callable[[Step], object]] = []
    if this and left.button("Analyse this frame" if count > 1 else "Analyse", type="primary", key="analyse"):
        tasks = this
    if len(whole) > len(this):
        label = f"Analyse all {count} frames" if len(whole) >= count else f"Analyse the other {len(whole)}"
        if right.button(label, key="analyse-all"):
            tasks = whole
    if tasks:
        st.session_state.job = Job(tasks).start()
        st.rerun()


@st.fragment(run_every=0.5)
def _progress() -> None:
    job: Job | None = st.session_state.get("job")
    if job is None or not job.running:
        st.rerun()
    of = f" (frame {job.done + 1} of {len(job.tasks)})" if len(job.tasks) > 1 else ""
    st.progress(job.fraction, text=f"{job.doing}{of}")
    if st.button("Cancel", key="cancel"):
        job.cancel()
        st.rerun()

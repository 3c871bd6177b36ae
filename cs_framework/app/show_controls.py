"""The side of the page: frames, models and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from attrs import evolve, frozen

from cs_framework.app.analysis import Model
from cs_framework.app.controls import Control, controls_of, settings_from
from cs_framework.app.folders import Entry, Root
from cs_framework.app.run_folders import RunFrames, frames_of, recipe_of
from cs_framework.app.uploads import Upload, digest_of
from cs_framework.app.wording import figure, literal
from cs_framework.data.images import EXTENSIONS
from cs_framework.errors import RecipeError
from cs_framework.recipe.loading import RESOLVED_FILE
from cs_framework.recipe.schema import NARROWED_BY, DataSettings, GateSettings, PipelineSettings, Recipe

SHOWN = 5
"""Boxes in the table at first, where a recipe reports fewer."""
_REPORTING = ("top", "min_confidence", "suppression")
_LABELS = {
    "top": "Boxes at most (top)",
    "min_confidence": "Least confidence",
    "suppression": "Overlap at most (suppression)",
    "sensitivity": "Sensitivity of stage 1",
    "threshold": "Threshold of stage 1",
}
_KINDS = {
    "anomaly_filter": "Anomaly filter",
    "proposer": "Proposer",
    "embedder": "Embedder",
    "scorer": "Scorer",
}


@frozen(eq=False)
class Source:
    """The frames to look at."""

    frames: RunFrames
    data: DataSettings
    """How their files are read."""
    typed: bool
    """Whether a person may say what the truth is."""


def choose_frames(root: Root, runs: list[Entry]) -> Source | None:
    """Ask for files, or for the run whose frames are wanted; None where nothing is chosen yet."""
    where = "Drop in"
    if runs:
        where = st.segmented_control(
            "Frames", ["Drop in", "Of a run"], default="Drop in", required=True, key="where"
        )
    if where == "Of a run":
        entry = st.selectbox("Run", runs, format_func=lambda run: run.shown, key="frames-of")
        recipe = recipe_of(entry.path, root)
        changed = (entry.path / RESOLVED_FILE).stat().st_mtime_ns
        return Source(_run_frames(str(entry.path), changed, recipe, root), recipe.data, False)
    files = st.file_uploader(
        "Frame, stack or video",
        type=sorted(suffix.removeprefix(".") for suffix in EXTENSIONS),
        accept_multiple_files=True,
        key="files",
        help="Several images become a sequence in the order of their names; each stack or video is its own.",
    )
    if not files:
        st.session_state.pop("upload", None)
        return None
    upload: Upload | None = st.session_state.get("upload")
    if upload is None or upload.digest != digest_of(files):
        upload = st.session_state.upload = Upload.save(files)
    data = DataSettings()
    if any(Path(file.name).suffix.lower() in {".tif", ".tiff", ".png"} for file in files):
        with st.expander("How the file is read"):
            values = ask(controls_of(data, ("bits", "z")), "reading")
        data = _checked(DataSettings, values, "reading")
    return Source(RunFrames(upload.frames(data), {}), data, True)


@st.cache_data(max_entries=8, show_spinner="Listing frames")
def _run_frames(run: str, changed: int, _recipe: Recipe, _root: Root) -> RunFrames:
    return frames_of(Path(run), _recipe, _root)


def choose_model(entries: list[Entry], label: str, key: str, none: str | None = None) -> Entry | None:
    """Ask for a trained bundle or a recipe; `none` names the choice of neither.

    What names one-file plugins is never chosen but by a person.
    """
    choices: list[Entry | None] = [None, *entries] if none else list(entries)
    first = next((i for i, entry in enumerate(choices) if entry is None or not entry.programs), None)
    return st.selectbox(
        label, choices, first, format_func=lambda entry: entry.shown if entry else none or "", key=key
    )


def choose_settings(model: Model, slot: str, data: DataSettings) -> Model:
    """Ask for the settings of a model's components, and of what is shown of their results."""
    base, pipeline = f"{slot}|{model.entry.path}", model.loaded.recipe.pipeline
    pipeline = evolve(pipeline, top=max(pipeline.top, SHOWN))
    values: dict[str, Any] = {}
    gate = pipeline.gate
    if model.bundle is not None:
        with st.expander("Boxes that are shown", expanded=True):
            values |= ask(controls_of(pipeline, _REPORTING), f"{base}|shown")
            if model.bundle.boxes is not None:
                point = figure(model.bundle.boxes.threshold)
                st.caption(literal(f"Without a least confidence it is {point}, which training chose."))
            if model.bundle.gate is not None:
                asked = ask(controls_of(gate), f"{base}|gate")
                gate = _checked(GateSettings, asked, "threshold")
    settings = {}
    for place, choice in model.choices().items():
        kind, name = place.partition(".")[0], choice.component.name
        with st.expander(f"{_KINDS[kind]}: {literal(name)}"):
            if choice.component.spec.summary:
                st.caption(literal(choice.component.spec.summary))
            if kind in ("anomaly_filter", "scorer"):
                st.caption("As trained. A change here alters how it is used, not what it has learnt.")
            controls = controls_of(choice.settings)
            if controls:
                asked = ask(controls, f"{base}|{place}")
                settings[place] = _checked(type(choice.settings), asked, name)
            else:
                st.caption("It has no settings.")
    with st.expander("Which proposals count"):
        values |= ask(controls_of(pipeline, NARROWED_BY), f"{base}|narrowed")
    unchanged = {key: getattr(pipeline, key) for key in ("device", "threads", "workers", "engine")}
    narrowed = _checked(PipelineSettings, {**unchanged, **values}, "boxes")
    return model.with_settings(settings, evolve(narrowed, gate=gate), data)


def ask(controls: list[Control], base: str) -> dict[str, Any]:
    """Draw controls and return what they say, by key; those that make no difference are left as they are."""
    values: dict[str, Any] = {control.key: control.value for control in controls}
    for control in controls:
        if control.acts(values):
            values[control.key] = _ask(control, f"{base}|{control.key}")
    return values


def _ask(control: Control, key: str) -> Any:
    common: dict[str, Any] = {"help": literal(control.help) or None, "key": key}
    label = _LABELS.get(control.key, control.label.capitalize())  # a name in Python: nothing to escape
    match control.form:
        case "switch":
            return st.checkbox(label, control.value, **common)
        case "choice":
            options = [*([None] if control.optional else []), *control.options]
            at = options.index(control.value) if control.value in options else 0
            return st.selectbox(
                label, options, at, format_func=lambda o: "none" if o is None else str(o), **common
            )
        case "whole":
            low, high = (None if b is None else int(b) for b in (control.low, control.high))
            return st.number_input(label, low, high, control.value, step=1, placeholder="none", **common)
        case "number":
            least, most = (None if b is None else float(b) for b in (control.low, control.high))
            step = 0.05 if most is not None and most <= 1 else None
            return st.number_input(
                label, least, most, control.value, step=step, format="%g", placeholder="none", **common
            )
        case "fixed":
            st.text_input(label, control.value, disabled=True, placeholder="none", **common)
            return control.value
        case _:
            return st.text_input(label, control.value, placeholder="none", **common)


def _checked(cls: type[Any], values: Mapping[str, Any], name: str) -> Any:
    settings, problems = settings_from(cls, values, name)
    if problems:
        raise RecipeError("\n".join(problems))
    return settings

"""Making a trained bundle from within the app, where a recipe needs no data."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cs_framework.app.folders import Entry, Root
from cs_framework.app.jobs import Training
from cs_framework.app.wording import literal
from cs_framework.recipe import read_recipe
from cs_framework.recipe.bundled import bundled

FIRST = "quickstart.toml"
"""The recipe of the package that is offered where nothing is trained."""


def offer(root: Root, known: list[Entry], chosen: Entry | None, programs: bool) -> None:
    """Offer to train the chosen recipe, or the quick start where nothing is trained; show how that goes.

    `programs` says whether recipes with one-file plugins may be trained.
    """
    training: Training | None = st.session_state.get("training")
    if training is not None:
        _watch(training)
        return
    if chosen is None or chosen.kind != "recipe" or (chosen.programs and not programs):
        return
    wanted = chosen.path
    out = root.path / "runs" / wanted.stem
    if any(entry.run == out for entry in known):
        st.info(f"This recipe is trained: choose the model runs/{literal(wanted.stem)}.")
        return
    with st.container(border=True):
        st.markdown(f"**{literal(wanted.stem)}** is a recipe: nothing is trained yet.")
        if read_recipe(wanted, overrides=['steps=["detect"]']).data.source != "synthetic":
            st.caption(
                f"It learns from your own frames: run cs-run {literal(wanted.name)} --set data.root=DIR, "
                "with --out below the folder of this app, and it appears among the models. Until then its "
                "proposals can be looked at."
            )
            if known:
                return
            wanted = bundled(Path(FIRST))
            out = root.path / "runs" / wanted.stem
        st.caption(
            "It draws its own embryos, so it can be trained here and now: that takes a few minutes, and "
            "needs neither data nor weights."
        )
        if st.button(f"Train {literal(wanted.stem)}", type="primary", key="train"):
            # Frames and run folders may come from anybody: no link leads the run out of the root, and no
            # scheduler elsewhere, which could send code, is asked.
            options = ["outputs.regions=true", "pipeline.engine=local"]
            st.session_state.training = Training.start(wanted, root.inside(out), options)
            st.rerun()


@st.fragment(run_every=1)
def _watch(training: Training) -> None:
    lines = training.lines()
    with st.status(f"Training {literal(training.name)}", expanded=True):
        st.code("\n".join(lines[-6:]) or "starting", language=None)
        if training.running:
            if st.button("Cancel", key="cancel-training"):
                training.cancel()
                del st.session_state.training
                st.rerun()
            return
    del st.session_state.training
    if training.succeeded:
        st.session_state.fresh = training.out
        st.rerun()
    st.error("The training failed; its last words stand above.")

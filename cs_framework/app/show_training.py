"""Making a trained bundle from within the app, where a recipe needs no data."""

from __future__ import annotations

import streamlit as st

from cs_framework.app.folders import Entry, Root
from cs_framework.app.jobs import Training
from cs_framework.app.wording import literal
from cs_framework.recipe import load_recipe

FIRST = "quickstart"
"""The recipe that is offered where nothing is trained."""


def offer(root: Root, known: list[Entry], offered: list[Entry], chosen: Entry | None) -> None:
    """Offer to train the chosen recipe, or the quick start where nothing is trained; show how that goes."""
    training: Training | None = st.session_state.get("training")
    if training is not None:
        _watch(training)
        return
    wanted = chosen if chosen is not None and chosen.kind == "recipe" else None
    if wanted is None:
        return
    if any(entry.label == f"runs/{wanted.label}" for entry in known):
        st.info(f"This recipe is trained: choose the model runs/{literal(wanted.label)}.")
        return
    with st.container(border=True):
        st.markdown(f"**{literal(wanted.label)}** is a recipe: nothing is trained yet.")
        if load_recipe(wanted.path, overrides=['steps=["detect"]']).recipe.data.source != "synthetic":
            st.caption(
                f"It learns from your own frames: run `cs-run {wanted.path.name} --set data.root=DIR`, with "
                "--out below the folder of this app, and it appears among the models. Until then its "
                "proposals can be looked at."
            )
            if known:
                return
            wanted = next((entry for entry in offered if entry.label == FIRST), None)
            if wanted is None:
                return
        st.caption(
            "It draws its own embryos, so it can be trained here and now: that takes a few minutes, and "
            "needs neither data nor weights."
        )
        if st.button(f"Train {literal(wanted.label)}", type="primary", key="train"):
            out = root.path / "runs" / wanted.label
            st.session_state.training = Training.start(wanted.path, out, root.path, ["outputs.regions=true"])
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

"""Settings of the components ``implant-net``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from cs_framework import setting


def _multiple_of_8(instance: Any, attribute: Any, value: int) -> None:
    if value % 8:
        raise ValueError(f"'{attribute.name}' must be a multiple of 8 (three halvings): {value}")


def _multiple_of_4(instance: Any, attribute: Any, value: int) -> None:
    if value % 4:
        raise ValueError(f"'{attribute.name}' must be a multiple of 4 (groups of channels): {value}")


@frozen
class Settings:
    """How the filter learns and scores."""

    image_size: int = setting(
        224,
        gt=0,
        le=2048,
        validator=_multiple_of_8,
        help="side of the square that the embryo is resized to, in px",
    )
    width: int = setting(
        24, ge=4, le=1024, validator=_multiple_of_4, help="channels of the network at its finest level"
    )
    clear: float = setting(
        0.3,
        gt=0,
        le=1,
        help="share of the frames, those with the clearest cavity, that strings are drawn into; with "
        "weights to start from, these tell which frames have a cavity, and where",
    )
    weights: Literal["none", "pretrained"] | Path = setting(
        "none",
        help="weights to start from, and to go by until something is learnt: those that come along, or a "
        "folder of a run, of a bundle or of its filter",
    )
    drawn: float = setting(
        0.0,
        ge=0,
        le=1,
        help="share of the views that show embryos drawn as a whole instead of strings drawn into frames; "
        "1 needs no frames",
    )
    epochs: int = setting(12, ge=1, le=100_000, help="how often validation is asked for the better weights")
    views: int = setting(
        1000,
        ge=1,
        le=10_000_000,
        help="views shown per epoch; some third as many are drawn anew, each shown under several conditions",
    )
    batch_size: int = setting(8, ge=1, le=100_000, help="views per step")
    learning_rate: float = setting(2e-3, gt=0, help="largest learning rate of AdamW")
    max_frames: int = setting(
        2000, ge=1, le=10_000_000, help="string-free frames to draw into, at most, evenly spread"
    )
    validation_frames: int = setting(
        100, ge=2, le=10_000_000, help="held-out frames to validate on, at most, evenly spread"
    )
    flips: bool = setting(
        False, help="average the maps of the frame and its mirror images; four times the cost"
    )
    context: int = setting(
        0,
        ge=0,
        le=100,
        help="neighbours on each side, of the same embryo, whose scores count as well, the nearer the more: "
        "strings stay for hours, what is mistaken for one seldom does; 0 scores each frame by itself",
    )


@frozen
class EmbedderSettings:
    """The embedder takes all from the filter."""


@frozen
class BoxSettings:
    """How the proposer cuts boxes from the filter's map."""

    limit: int = setting(300, ge=1, le=100_000, help="boxes per frame, at most")

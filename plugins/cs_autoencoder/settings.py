"""Settings of the component ``autoencoder``; the defaults are the published values."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from cs_framework import multiple_of, setting


@frozen
class Settings:
    """How the autoencoder is fitted and how it scores."""

    variant: Literal["weighted", "unweighted"] = setting(
        "weighted",
        help="weighted: smooth areas weigh more in the loss, and the score is their 95th percentile; "
        "unweighted: means over all pixels",
    )
    image_size: int = setting(
        256,
        gt=0,
        le=2048,
        validator=multiple_of(8, "three 2 x 2 poolings"),
        help="frames are resized to this square, in pixels; a multiple of 8",
    )
    epochs: int = setting(30, ge=1, le=100_000, help="passes over the training frames")
    batch_size: int = setting(16, ge=1, le=100_000, help="frames per step")
    learning_rate: float = setting(1e-3, gt=0, help="learning rate of Adam")
    weight_decay: float = setting(0.0, ge=0, help="weight decay of Adam")
    seed: int | None = setting(
        None, ge=0, le=2**32 - 1, help="seed of weights and shuffling; the run's own where not given"
    )
    heat_alignment: Literal["published", "centred"] = setting(
        "published",
        help="published: the coarse texture heat is stretched over the frame, up to 11 px off at 256; "
        "centred: each figure lies on the centre of its window",
    )
    region: Literal["frame", "embryo"] = setting(
        "frame",
        help="where residuals count and smooth areas are looked for: in all of the frame, or on the embryo "
        "(where one is found)",
    )
    summary: Literal["published", "mean", "p95", "p99", "max-blob"] = setting(
        "published",
        help="which figure of the residuals is the score. published: the 95th percentile where weighted, the "
        "mean where unweighted; max-blob: the largest mean over a spot (Gaussian, sigma 4 px)",
    )
    flips: bool = setting(
        False,
        help="average the residuals of the frame and its mirror images when scoring; four times the cost",
    )
    context: int = setting(
        0,
        ge=0,
        le=100,
        help="neighbours on each side, of the same embryo, whose median residual is subtracted, so that what "
        "is always there counts less; 0 scores each frame by itself",
    )
    precision: Literal["float32", "bfloat16"] = setting(
        "float32",
        help="of the network when scoring; bfloat16 pays on GPUs, and on CPUs that compute in it "
        "(AMX, AVX-512 BF16)",
    )

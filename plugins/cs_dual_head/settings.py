"""Settings of ``dual-head-mlp``, whose defaults are the published values, and of ``refining-mlp``."""

from __future__ import annotations

from attrs import frozen, validators

from cs_framework import setting


@frozen
class DualHeadSettings:
    """The network, how it is trained, and how its two answers make one confidence."""

    hidden: tuple[int, ...] = setting(
        (256, 128),
        ge=1,
        le=8192,
        validator=validators.max_len(8),
        help="units of each hidden layer, eight at most",
    )
    dropout: float = setting(0.3, ge=0, lt=1, help="share of hidden units dropped while training")
    epochs: int = setting(20, ge=1, le=100_000, help="passes over a freshly balanced training set")
    patience: int = setting(
        10, ge=1, le=100_000, help="epochs without a better validation AP before training stops"
    )
    batch_size: int = setting(32, ge=1, le=100_000, help="regions per training step")
    learning_rate: float = setting(1e-3, gt=0, help="of AdamW")
    weight_decay: float = setting(1e-4, ge=0, help="of AdamW")
    focal_alpha: float = setting(0.25, ge=0, le=1, help="weight of strings; background has 1 - focal_alpha")
    focal_gamma: float = setting(2.0, ge=0, help="how far easy regions are played down; 0 for not at all")
    probability_weight: float = setting(1.0, ge=0, help="weight of the focal loss")
    quality_weight: float = setting(1.0, ge=0, help="weight of the smooth L1 loss on IoU")
    mixup_alpha: float = setting(0.2, gt=0, help="both parameters of the beta distribution of MixUp")
    mixup_probability: float = setting(0.5, ge=0, le=1, help="share of batches that are mixed; 0 for none")
    seed: int | None = setting(
        None, ge=0, le=2**32 - 1, help="seed of the training; the recipe's when left out"
    )
    probability_exponent: float = setting(
        1.0, ge=0, help="a in confidence = probability^a * quality^b (the published app: 0.6)"
    )
    quality_exponent: float = setting(
        1.0, ge=0, help="b in confidence = probability^a * quality^b (the published app: 0.4)"
    )


@frozen
class RefiningSettings(DualHeadSettings):
    """Those of the dual head, and how much the edges count."""

    edges_weight: float = setting(1.0, gt=0, help="weight of the smooth L1 loss on the edges of strings")

"""The anomaly filter against its plain form: the texture heat alone, and the whole stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from benchmarks import plain
from benchmarks.material import load_frames
from benchmarks.timing import versus
from cs_autoencoder.filter import Autoencoder
from cs_autoencoder.network import seeded_autoencoder
from cs_autoencoder.preprocessing import preprocess
from cs_autoencoder.settings import Settings
from cs_autoencoder.texture import LEVELS, glcm_contrast
from cs_framework import Env, Window


def glcm(frames: Path | None, scratch: Path) -> dict[str, float]:
    """GLCM contrast in closed form against one matrix per window."""
    images = [plain.prepared(frame.grey) for frame in load_frames(frames, 4)]

    def ours() -> list[np.ndarray]:
        return [glcm_contrast(image // (256 // LEVELS)) for image in images]

    def reference() -> list[np.ndarray]:
        return [plain.contrast(image) for image in images]

    differences = [
        np.max(np.abs(a - b) / np.maximum(b, 1e-12)) for a, b in zip(ours(), reference(), strict=True)
    ]
    slow, fast = versus(reference, ours)
    return {
        "speedup": slow / fast,
        "max_rel_diff": float(max(differences)),
        "plain_ms_per_frame": 1e3 * slow / len(images),
        "ms_per_frame": 1e3 * fast / len(images),
    }


def stage1(frames: Path | None, scratch: Path) -> dict[str, float]:
    """On the CPU: 16 frames in a batch against one after the other; bfloat16 apart, with its drift."""
    shown = load_frames(frames, 16)
    windows = [Window((frame,)) for frame in shown]
    network = seeded_autoencoder(0).eval()
    ours, low = (filter_of(network, scratch, precision) for precision in ("float32", "bfloat16"))

    def reference() -> list[float]:
        return [plain.score(frame.grey, network) for frame in shown]

    exact, rough = ours.score(windows), low.score(windows)
    drift = np.abs(rough / exact - 1).max()
    difference = np.abs(exact / np.array(reference()) - 1).max()
    slow, fast = versus(reference, lambda: ours.score(windows))
    _, lowered = versus(lambda: None, lambda: low.score(windows))
    images = torch.stack([torch.from_numpy(preprocess(f.grey, 256))[None] for f in shown]).float() / 255
    last = seeded_autoencoder(0).eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        one_by_one, batched = versus(
            lambda: [network(image[None]) for image in images],
            lambda: [last(image[None]) for image in images],
        )
    return {
        "speedup": slow / fast,
        "speedup_without_network": (slow - one_by_one) / (fast - batched),
        "plain_ms_per_frame": 1e3 * slow / len(shown),
        "ms_per_frame": 1e3 * fast / len(shown),
        "network_share": batched / fast,
        "max_rel_diff": float(difference),
        "bf16_speedup": slow / lowered,
        "bf16_max_rel_drift": float(drift),
    }


def filter_of(network: torch.nn.Module, scratch: Path, precision: str) -> Autoencoder:
    """The component with the weights of `network`."""
    component = Autoencoder(Settings(precision=precision), Env(threads=torch.get_num_threads()))
    component.network = network
    folder = scratch / precision
    component.save(folder)
    built = Autoencoder(Settings(precision=precision), Env(threads=torch.get_num_threads()))
    built.load(folder)
    return built

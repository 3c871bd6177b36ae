"""Embedding boxes: crops against the library's image processor, and pooled features against crops."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.material import bench_env, draw_boxes, load_frames, save_random_dinov3
from benchmarks.timing import seconds, versus
from cs_dinov3.embedder import DINOv3Embedder, DINOv3RoiEmbedder
from cs_dinov3.settings import DINOv3RoiSettings, DINOv3Settings

CROPS, PROPOSALS = 64, 2000


def crops(frames: Path | None, scratch: Path) -> dict[str, float]:
    """64 crops of one frame: cutting and resizing apart from the network, and both against the processor."""
    from transformers import AutoImageProcessor

    embedder, device = _crop_embedder(scratch)
    processor = AutoImageProcessor.from_pretrained(_processor(scratch))
    (frame,) = load_frames(frames, 1)
    boxes = draw_boxes(frame, CROPS)
    size = (embedder._image_size,) * 2

    def ours() -> torch.Tensor:
        found = sorted(embedder._crops(frame, boxes), key=lambda crop: crop.shape)
        return torch.cat([embedder._resized(found[s : s + 32], size) for s in range(0, CROPS, 32)])

    def cut() -> list[Image.Image]:
        whole = Image.fromarray(np.asarray(frame.image))
        edges = [(*np.floor(b[:2]).astype(int), *np.ceil(b[2:]).astype(int)) for b in boxes]
        return [whole.crop(edge) for edge in edges]

    def reference() -> torch.Tensor:
        parts = [processor(images=[crop], return_tensors="pt")["pixel_values"] for crop in cut()]
        return torch.cat(parts).to(device)

    slow, fast = versus(reference, ours)
    with torch.inference_mode():
        pixels = reference()
        forward = seconds(lambda: [embedder._forward(part) for part in pixels.split(32)])
        expected = torch.cat([embedder._forward(part) for part in pixels.split(32)]).cpu()
    found = torch.from_numpy(embedder.embed([(frame, boxes)])[0])
    cosine = torch.nn.functional.cosine_similarity(found, expected).min()
    report = {
        "preprocessing_share": fast / (fast + forward),
        "preprocessing_speedup": slow / fast,
        "min_cosine_to_processor": float(cosine),
        "ms_per_crop": 1e3 * (fast + forward) / CROPS,
    }
    if device.type == "cuda":
        report |= _gpu(embedder, pixels)
        whole = seconds(lambda: embedder.embed([(frame, boxes)]))
        report |= {"frames_per_second": CROPS / PROPOSALS / whole, "network_share": forward / whole}
    return report


def roi(frames: Path | None, scratch: Path) -> dict[str, float]:
    """2000 boxes of one frame from one pass, against as many crops (64 are timed)."""
    cropping, device = _crop_embedder(scratch)
    settings = DINOv3RoiSettings(weights=str(_weights(scratch)), precision=_precision(device))
    pooling = DINOv3RoiEmbedder(settings, bench_env())
    (frame,) = load_frames(frames, 1)
    few, many = draw_boxes(frame, CROPS), draw_boxes(frame, PROPOSALS)
    slow, fast = versus(
        lambda: cropping.embed([(frame, few)]), lambda: pooling.embed([(frame, many)]), repeats=1
    )
    scaled = slow * PROPOSALS / CROPS
    return {"speedup": scaled / fast, "crops_s_per_frame": scaled, "s_per_frame": fast}


def _precision(device: torch.device) -> Any:
    return "bf16" if device.type == "cuda" else "fp32"


def _weights(scratch: Path) -> Path:
    folder = scratch / "dinov3"
    return folder if folder.exists() else save_random_dinov3(folder)


def _processor(scratch: Path) -> Path:
    """The image processor of the released model, whose settings are the class's own."""
    from transformers import DINOv3ViTImageProcessorFast

    folder = scratch / "processor"
    DINOv3ViTImageProcessorFast().save_pretrained(folder)
    return folder


def _crop_embedder(scratch: Path) -> tuple[DINOv3Embedder, torch.device]:
    env = bench_env()
    device = torch.device(env.device)
    settings = DINOv3Settings(weights=str(_weights(scratch)), precision=_precision(device))
    return DINOv3Embedder(settings, env), device


def _gpu(embedder: DINOv3Embedder, pixels: torch.Tensor) -> dict[str, float]:
    """Crops per second, and how much of the measured rate of matrix products the network reaches."""
    batch = pixels.repeat(4, 1, 1, 1)
    with torch.inference_mode():
        embedder._forward(batch)
        elapsed = min(seconds(lambda: embedder._forward(batch)) for _ in range(5))
        side = 8192
        matrix = torch.randn(side, side, device="cuda", dtype=torch.bfloat16)
        matrix @ matrix
        torch.cuda.synchronize()
        start = perf_counter()
        for _ in range(20):
            matrix @ matrix
        torch.cuda.synchronize()
        rate = 20 * 2 * side**3 / (perf_counter() - start)
    reached = 2 * 17.9e9 * len(batch) / elapsed
    return {"crops_per_second": len(batch) / elapsed, "share_of_matmul_rate": reached / rate}

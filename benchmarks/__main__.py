"""``python -m benchmarks``: run the benchmarks, print the figures, write them as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

import click

NAMES = ("glcm", "stage1", "crops", "roi", "detect", "growth", "drawing")


@click.command()
@click.option("--only", default=",".join(NAMES), show_default=True, help="Benchmarks to run, with commas.")
@click.option(
    "--frames",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of frames; synthetic ones without it.",
)
@click.option(
    "--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here."
)
@click.option(
    "--threads", default=os.cpu_count() or 1, show_default=True, help="Threads of torch and OpenCV."
)
def main(only: str, frames: Path | None, file: Path | None, threads: int) -> None:
    """Time the project against plain reference implementations and print the ratios."""
    chosen = [name.strip() for name in only.split(",")]
    unknown = sorted(set(chosen) - set(NAMES))
    if unknown:
        raise click.BadParameter(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    import cv2
    import torch

    from benchmarks import drawing, runs, stage1, stage2

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    rooms = {
        "glcm": stage1,
        "stage1": stage1,
        "crops": stage2,
        "roi": stage2,
        "detect": runs,
        "growth": runs,
        "drawing": drawing,
    }
    click.echo(f"{platform.processor() or platform.machine()}, {threads} threads, torch {torch.__version__}")
    report = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen:
            report[name] = getattr(rooms[name], name)(frames, Path(scratch))
            click.echo(name)
            for figure, value in report[name].items():
                click.echo(f"  {figure:28} {value:.4g}")
    if file is not None:
        file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

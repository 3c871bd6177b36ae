"""A frame that kills the process that reads it costs that frame, whoever reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.long_runs import detect_recipe, write_frames

DEADLY = Path(__file__).parents[1] / "support" / "deadly"
TOLD = "f00010-deadly.png: killed the process that read it"


def run(recipe: Path, out: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("cs-run"), recipe, "--out", out, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(DEADLY)}
    return subprocess.run(
        list(map(str, command)), env=environment, capture_output=True, text=True, check=False, timeout=280
    )


@pytest.fixture(scope="module")
def among(tmp_path_factory, toy_run, cs_run):
    """A recipe over 90 frames of which one is deadly, and what a run makes of them where it is damaged."""
    folder = tmp_path_factory.mktemp("deadly")
    write_frames(folder / "frames", 90)
    (folder / "frames" / "f00010.png").rename(folder / "frames" / "f00010-deadly.png")
    recipe = detect_recipe(folder, toy_run / "model", folder / "frames", context=1)
    deadly = folder / "frames" / "f00010-deadly.png"
    content = deadly.read_bytes()
    deadly.write_bytes(b"no image")
    done = cs_run(recipe, "--out", folder / "damaged", cwd=folder)
    assert done.returncode == 0, done.stderr
    deadly.write_bytes(content)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_deadly_frame_is_skipped_by_name_and_a_damaged_neighbour(workers, among, tmp_path):
    arguments = (
        "--set",
        f"pipeline.workers={workers}",
    )  # Dask gives a unit up only after many deaths: minutes
    for more in ((), ("--resume",)):
        done = run(among / "long.toml", tmp_path / "run", *arguments, *more)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert f'"f00010-deadly.png","read","{TOLD}"' in (tmp_path / "run" / "skipped.csv").read_text()
        assert pq.read_table(tmp_path / "run" / "frames.parquet").num_rows == 89
        for name in ("detections.parquet", "frames.parquet", "detections.coco.json"):
            assert (tmp_path / "run" / name).read_bytes() == (among / "damaged" / name).read_bytes()

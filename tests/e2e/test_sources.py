"""The same frames as a folder, a stack and a video give the same answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile
from PIL import Image

from cs_framework.data import video
from tests.e2e.conftest import Command
from tests.framework.data.videos import write_video
from tests.support.frames import TOY_PLUGIN, streak_frame


@pytest.mark.skip(reason="fails since states came: not looked into yet")
def test_video_stack_folder_and_list_agree(tmp_path: Path, toy_run: Path, cs_run: Command) -> None:
    rng = np.random.default_rng(1)
    frames = [streak_frame(rng, string=number % 3 == 0) for number in range(300)]
    (tmp_path / "folder").mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"folder/e_{number}.png")
    (tmp_path / "list.txt").write_text("".join(f"folder/e_{number}.png\n" for number in range(300)))
    tifffile.imwrite(
        tmp_path / "e.ome.tif", np.stack(frames), metadata={"axes": "TYX"}, photometric="minisblack"
    )
    write_video(tmp_path / "e.mp4", frames)
    recipe = tmp_path / "detect.toml"
    recipe.write_text(
        f"""
name = "d"
steps = ["detect"]
plugins = ["{TOY_PLUGIN}"]
[data]
group_pattern = '(?P<group>e)'
hours_per_frame = 0.5
[pipeline]
threads = 1
[model]
bundle = "{toy_run / "model"}"
[outputs]
overlays = 0
"""
    )
    answers = []
    for name in ("folder", "list.txt", "e.ome.tif", "e.mp4"):
        out = tmp_path / f"of-{name}"
        done = cs_run(recipe, "--set", f"detect.input={tmp_path / name}", "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        detections = pq.read_table(out / "detections.parquet").drop_columns("frame")
        answers.append((detections, pq.read_table(out / "sequences.parquet").drop_columns("best_frame")))
    video.close_all()
    detections, sequences = answers[0]
    assert len(detections) >= 100
    assert detections["hours"].to_pylist()[-1] == detections["index"].to_pylist()[-1] / 2
    assert len(sequences) == 1
    for other in answers[1:]:
        assert other[0].equals(detections)
        assert other[1].equals(sequences)

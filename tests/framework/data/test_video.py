from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import tifffile

from cs_framework.data import video
from cs_framework.data.images import content_hash, list_shots, read_image
from cs_framework.data.refs import FrameSource
from cs_framework.data.samples import MAX_PIXELS
from cs_framework.data.source import open_source
from cs_framework.errors import FrameError
from cs_framework.recipe.schema import DataSettings
from tests.framework.data.videos import moving, write_video

KINDS = {
    "a.mp4": ("libx264rgb", "rgb24", {"qp": "0", "g": "12"}),
    "b.mp4": ("libx264", "yuv420p", {"qp": "8", "bf": "3", "g": "8"}),
    "open.mp4": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=8:bframes=3"}),
    "c.avi": ("libx264", "yuv420p", {"qp": "8", "bf": "3", "g": "8"}),
    "d.avi": ("mpeg4", "yuv420p", {"bf": "2", "g": "8"}),
    "e.avi": ("ffv1", "gray", {"g": "5"}),
    "f.mkv": ("ffv1", "gray", {"g": "5"}),
    "g.avi": ("mjpeg", "yuvj420p", {"q": "2"}),
    "h.avi": ("rawvideo", "gray", {}),
}


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    video.close_all()


def source_of(path: Path, **settings: object) -> FrameSource:
    return open_source(path, DataSettings(**settings))


def images(source: FrameSource) -> list[np.ndarray]:
    return [source.read(ref).image for ref in source.refs]


@pytest.mark.parametrize("name", KINDS)
def test_any_order_gives_the_frames_that_a_player_shows(tmp_path: Path, name: str) -> None:
    codec, pixels, options = KINDS[name]
    path = write_video(tmp_path / name, moving(30), codec, pixels, **options)
    with av.open(str(path)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    source = source_of(path)
    assert [ref.id for ref in source.refs] == [f"{name}#{number}" for number in range(30)]
    backwards_and_forth = [29, 0, 17, 16, 18, 18, 3, 4, 5, *range(30), *range(29, -1, -7)]
    for number in backwards_and_forth:
        image = source.read(source.refs[number]).image
        if pixels == "gray":
            assert (image == shown[number]).mean() == 1
        np.testing.assert_array_equal(image, shown[number])


def test_lossless_video_stack_and_folder_show_the_same(tmp_path: Path) -> None:
    frames = moving(300, (24, 32))
    (tmp_path / "folder").mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f"folder/e_{number}.png"), frame)
    tifffile.imwrite(tmp_path / "e.tif", np.stack(frames), photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "e.ome.tif", np.stack(frames), metadata={"axes": "TYX"}, photometric="minisblack"
    )
    write_video(tmp_path / "e.mp4", frames)
    write_video(tmp_path / "e.avi", frames, "ffv1", "gray")
    expected = images(source_of(tmp_path / "folder", group_pattern=r"(?P<group>.+)_\d+"))
    np.testing.assert_array_equal(np.array(expected)[..., 0], frames)
    for name in ("e.tif", "e.ome.tif", "e.mp4", "e.avi"):
        source = source_of(tmp_path / name)
        assert [ref.index for ref in source.refs] == list(range(300))
        np.testing.assert_array_equal(images(source), expected)


def test_videos_are_frames_of_a_folder(tmp_path: Path) -> None:
    for name in ("e10.mp4", "e2.mp4"):
        write_video(tmp_path / name, moving(3))
    source = source_of(tmp_path, hours_per_frame=0.25)
    assert [(ref.id, ref.sequence, ref.hours) for ref in source.refs[:4]] == [
        ("e2.mp4#0", "e2.mp4", 0.0),
        ("e2.mp4#1", "e2.mp4", 0.25),
        ("e2.mp4#2", "e2.mp4", 0.5),
        ("e10.mp4#0", "e10.mp4", 0.0),
    ]
    assert source.notes == ()
    assert pickle.loads(pickle.dumps(source)).read(source.refs[5]).size == (48, 64)
    assert len({content_hash(ref) for ref in source.refs}) == 6


def test_more_videos_than_are_kept_open(tmp_path: Path) -> None:
    frames = moving(4)
    for number in range(8):
        write_video(tmp_path / f"{number}.mp4", [np.roll(frame, number) for frame in frames])
    source = source_of(tmp_path)
    for ref in sorted(source.refs, key=lambda ref: ref.page):
        expected = np.roll(frames[ref.page], int(ref.path.stem))
        np.testing.assert_array_equal(source.read(ref).image[..., 1], expected)
    assert len(video._videos) <= 4


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((-1, 0, 0, 1), np.fliplr),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
        ((1, 0, 0, -1), np.flipud),
        ((0, 1, 1, 0), lambda a: a.swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
        ((0, -1, -1, 0), lambda a: np.rot90(a, 2).swapaxes(0, 1)),
        ((0, -1, 1, 0), np.rot90),
        ((0.8, 0.6, -0.6, 0.8), lambda a: a),  # no player's frame has such corners
    ],
)
def test_frames_are_turned_as_a_player_shows_them(
    tmp_path: Path, matrix: tuple[float, ...], turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    frames = moving(3)
    path = write_video(tmp_path / "a.mp4", frames)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # of its matrix, in fixed point, by rows (a, b, u), (c, d, v), (x, y, w)
    a, b, c, d = (round(value * 0x10000) for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    for ref, frame in zip(source_of(path).refs, frames, strict=True):
        np.testing.assert_array_equal(read_image(path, ref.page)[..., 0], turn(frame))


ALIVE = """
import gc, sys
from pathlib import Path
import av
from cs_framework.data.images import read_image
gc.disable()  # which would find those that hold each other
for number in range(20):
    read_image(Path(sys.argv[1]), number)
print(sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()))
"""


def test_frames_go_as_soon_as_they_are_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", moving(20))
    done = subprocess.run([sys.executable, "-c", ALIVE, path], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 3


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", moving(3))
    read_image(path, 2)
    frames = moving(5)
    write_video(path, frames)
    np.testing.assert_array_equal(read_image(path, 4)[..., 0], frames[4])


class TestRefused:
    def refused(self, path: Path, reason: str, page: int = 0) -> None:
        assert len(list_shots(path).frames) >= 1
        with pytest.raises(FrameError, match=reason):
            read_image(path, page)

    @pytest.mark.parametrize("name", ["a.mp4", "e.avi", "f.mkv"])
    def test_truncated(self, tmp_path: Path, name: str) -> None:
        codec, pixels, options = KINDS[name]
        path = write_video(tmp_path / name, moving(30), codec, pixels, **options)
        path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
        source = source_of(path)
        if name == "a.mp4":  # its index is at the end
            assert len(source.refs) == 1
            self.refused(path, "no readable video; it may have been cut short")
        else:
            assert 10 < len(source.refs) < 30
            assert source.read(source.refs[9]).size == (48, 64)

    def test_cut_within_its_index(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "a.mp4", moving(3))
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b"stsd")])
        self.refused(path, "no readable video; it may have been cut short")

    @pytest.mark.parametrize("name", ["b.mp4", "e.avi", "f.mkv", "c.avi"])
    def test_damaged_in_the_middle(self, tmp_path: Path, name: str) -> None:
        codec, pixels, options = KINDS[name]
        path = write_video(tmp_path / name, moving(30), codec, pixels, **options)
        before = images(source_of(path))
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 400] = bytes(400)
        path.write_bytes(data)
        source = source_of(path)
        readable = 0
        for ref in source.refs:
            try:
                image = source.read(ref).image
            except FrameError:
                continue
            readable += bool((image == before[ref.page]).all()) if ref.page < 5 else 1
        assert readable >= 5

    def test_no_frames(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
            container.start_encoding()
        self.refused(path, "holds no frames")

    @pytest.mark.parametrize(
        "head", [b"", b"text", b"\0\0\0\x18ftypmp42", b"RIFF\0\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3"]
    )
    def test_rubbish(self, tmp_path: Path, head: bytes) -> None:
        (tmp_path / "a.mp4").write_bytes(head + bytes(100) * bool(head))
        self.refused(tmp_path / "a.mp4", r"a\.mp4: .")

    def test_lists_of_other_files_are_not_followed(self, tmp_path: Path) -> None:
        write_video(tmp_path / "b.mp4", moving(2))
        for text in ("#EXTM3U\n#EXTINF:1,\nb.mp4\n", "ffconcat version 1.0\nfile b.mp4\n"):
            (tmp_path / "a.mp4").write_text(text)
            self.refused(tmp_path / "a.mp4", "not an image of a known format")

    def test_a_frame_that_is_not_there(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "a.mp4", moving(3))
        self.refused(path, "there is no frame 3: the video holds 3", page=3)

    def test_absurd_size(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "a.avi", moving(2), "rawvideo", "gray")
        data = path.read_bytes()
        at = data.index(b"strf") + 12
        side = int(MAX_PIXELS**0.5) + 100
        path.write_bytes(data[:at] + side.to_bytes(4, "little") * 2 + data[at + 8 :])
        self.refused(path, "64 million")

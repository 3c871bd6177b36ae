from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from cs_framework.data.images import content_hash, list_shots, read_image
from cs_framework.data.refs import FrameSource
from cs_framework.data.source import open_source
from cs_framework.errors import FrameError
from cs_framework.recipe.schema import DataSettings
from tests.hostile.corpus import LONG, SHORT, raw_tiff

RNG = np.random.default_rng(2)
STACK = RNG.integers(0, 256, (4, 3, 2, 12, 16), dtype=np.uint8)
"""Time, z, channel, y, x."""
AXES = {"T": 0, "Z": 1, "C": 2}


def source_of(path: Path, **settings: object) -> FrameSource:
    return open_source(path, DataSettings(**settings))


def grey(source: FrameSource) -> np.ndarray:
    return np.array([source.read(ref).image[..., 0] for ref in source.refs])


def write_ome(path: Path, data: np.ndarray, axes: str, **metadata: object) -> Path:
    tifffile.imwrite(path, data, ome=True, metadata={"axes": axes, **metadata}, photometric="minisblack")
    return path


@pytest.mark.parametrize("order", ["TZC", "TCZ", "ZCT", "CZT"])
def test_ome_axes(tmp_path: Path, order: str) -> None:
    data = STACK.transpose([*(AXES[axis] for axis in order), 3, 4])
    source = source_of(write_ome(tmp_path / "a.ome.tif", data, f"{order}YX"), z=1)
    assert [ref.id for ref in source.refs] == [f"a.ome.tif#{time}" for time in range(4)]
    np.testing.assert_array_equal(grey(source), STACK[:, 1, 0])
    assert source.notes == ("a.ome.tif: the first of 2 channels is read",)


def test_imagej_axes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for metadata in ({"axes": "TZCYX"}, {"axes": "TZCYX", "finterval": 900.0}):
        tifffile.imwrite(path, STACK, imagej=True, metadata=metadata)
        np.testing.assert_array_equal(grey(source_of(path, z=2)), STACK[:, 2, 0])
    assert [ref.hours for ref in source_of(path).refs] == [0, 0.25, 0.5, 0.75]


def test_axes_of_other_writers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, :, 0], metadata={"axes": "TZYX"}, photometric="minisblack")
    np.testing.assert_array_equal(grey(source_of(tmp_path / "a.tif", z="max")), STACK[:, :, 0].max(axis=1))


def test_colour_stack(tmp_path: Path) -> None:
    data = RNG.integers(0, 256, (3, 8, 10, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "TYXS"}, photometric="rgb")
    source = source_of(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal([source.read(ref).image for ref in source.refs], data)


def test_a_whole_stack_behind_one_page(tmp_path: Path) -> None:
    data = STACK[:, 0, 0]
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TYX"}, truncate=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert len(tiff.pages) == 1
    np.testing.assert_array_equal(grey(source_of(tmp_path / "a.tif")), data)
    deep = data.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", deep, imagej=True, metadata={"axes": "TYX"}, truncate=True)
    np.testing.assert_array_equal(grey(source_of(tmp_path / "a.tif")), data)


def test_z_planes(tmp_path: Path) -> None:
    sharp = RNG.integers(0, 256, (3, 24, 24), dtype=np.uint8)
    planes = np.stack([np.stack([cv2.blur(frame, (5, 5))] * 3) for frame in sharp])
    for time, z in enumerate((2, 0, 1)):
        planes[time, z] = sharp[time]
    path = write_ome(tmp_path / "a.ome.tif", planes, "TZYX")
    np.testing.assert_array_equal(grey(source_of(path)), sharp)
    np.testing.assert_array_equal(grey(source_of(path, z="max")), planes.max(axis=1))
    np.testing.assert_array_equal(grey(source_of(path, z=2)), planes[:, 2])
    chosen = [source_of(path, z=z).refs[0] for z in (0, 1, "max", "best-focus")]
    assert len({content_hash(ref) for ref in chosen}) == 4
    with pytest.raises(FrameError, match=r"a\.ome\.tif#0: there is no z plane 3, there are 3; set data\.z"):
        grey(source_of(path, z=3))


def test_one_plane_is_taken_whatever_z_says(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0, 0])
    np.testing.assert_array_equal(grey(source_of(tmp_path / "a.tif", z=5)), STACK[:1, 0, 0])


class TestTimes:
    def test_increment(self, tmp_path: Path) -> None:
        path = write_ome(
            tmp_path / "a.ome.tif", STACK[:, 0, 0], "TYX", TimeIncrement=15, TimeIncrementUnit="min"
        )
        assert [ref.hours for ref in source_of(path).refs] == [0, 0.25, 0.5, 0.75]
        assert [ref.hours for ref in source_of(path, hours_per_frame=2).refs] == [0, 2, 4, 6]

    def test_each_plane(self, tmp_path: Path) -> None:
        plane = {"DeltaT": [0.0, 3600.0, 7200.0, 18000.0]}
        path = write_ome(tmp_path / "a.ome.tif", STACK[:, 0, 0], "TYX", Plane=plane)
        assert [ref.hours for ref in source_of(path).refs] == [0, 1, 2, 5]

    @pytest.mark.parametrize(
        ("interval", "unit"), [(900, "sec"), (900, "Seconds"), (15, "min"), (15, "minutes"), (0.25, "hr")]
    )
    def test_units_as_people_type_them_into_imagej(self, tmp_path: Path, interval: float, unit: str) -> None:
        metadata = {"axes": "TYX", "finterval": interval, "tunit": unit}
        tifffile.imwrite(tmp_path / "a.tif", STACK[:, 0, 0], imagej=True, metadata=metadata)
        hours = [ref.hours for ref in source_of(tmp_path / "a.tif").refs]
        assert hours == pytest.approx([0, 0.25, 0.5, 0.75])

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1e300, 1e6])
    def test_what_cannot_be_is_unknown(self, tmp_path: Path, wrong: float) -> None:
        plane = {"DeltaT": [0.0, wrong, 2.0, 3.0], "DeltaTUnit": ["h"] * 4}
        path = write_ome(tmp_path / "a.ome.tif", STACK[:, 0, 0], "TYX", Plane=plane)
        assert [ref.hours for ref in source_of(path).refs] == [0, None, 2, 3]
        metadata = {"axes": "TYX", "finterval": wrong, "tunit": "h"}
        tifffile.imwrite(tmp_path / "a.tif", STACK[:, 0, 0], imagej=True, metadata=metadata)
        assert {ref.hours for ref in source_of(tmp_path / "a.tif").refs} <= {0, None}

    def test_index_of_single_frames_goes_first(self, tmp_path: Path) -> None:
        write_ome(tmp_path / "a.ome.tif", STACK[:, 0, 0], "TYX", TimeIncrement=3600)
        (tmp_path / "index.csv").write_text("path,group,hours\na.ome.tif,E,\na.ome.tif#1,E,1.5\n")
        refs = source_of(tmp_path).refs
        assert [ref.hours for ref in refs] == [0, 1.5, 2, 3]
        assert {ref.sequence for ref in refs} == {"E"}


def test_several_images_are_sequences_of_their_own(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for name in ("left", "right"):
            writer.write(
                STACK[:2, 0, 0] + (name == "right"),
                metadata={"axes": "TYX", "Name": name},
                photometric="minisblack",
            )
    source = source_of(tmp_path / "a.ome.tif")
    assert [(ref.sequence, ref.index) for ref in source.refs] == [
        ("a.ome.tif:left", 0),
        ("a.ome.tif:left", 1),
        ("a.ome.tif:right", 0),
        ("a.ome.tif:right", 1),
    ]
    np.testing.assert_array_equal(grey(source)[2:], STACK[:2, 0, 0] + 1)


@pytest.mark.parametrize(
    ("names", "sequences"),
    [
        (("p", "p"), ["a.ome.tif:p 0", "a.ome.tif:p 1"]),
        (("p", "p", "p 1"), ["a.ome.tif:p 0", "a.ome.tif:p 1", "a.ome.tif:p 1 2"]),
        (("9" * 5000, "p"), ["a.ome.tif:p", f"a.ome.tif:{'9' * 5000}"]),
    ],
)
def test_images_with_hostile_names(tmp_path: Path, names: tuple[str, ...], sequences: list[str]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for name in names:
            writer.write(STACK[:2, 0, 0], metadata={"axes": "TYX", "Name": name}, photometric="minisblack")
    refs = source_of(tmp_path / "a.ome.tif").refs
    assert sorted({ref.sequence for ref in refs}) == sorted(sequences)
    assert [ref.index for ref in refs] == [0, 1] * len(names)


OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
    '<Pixels DimensionOrder="XYZCT" Type="uint8" SizeX="16" SizeY="12" SizeZ="{z}" SizeC="1" SizeT="{t}">'
    "{data}</Pixels></Image></OME>"
)


class TestHostile:
    def described(self, path: Path, description: str) -> Path:
        tifffile.imwrite(
            path, STACK[:3, 0, 0], description=description, metadata=None, photometric="minisblack"
        )
        return path

    def test_planes_that_are_not_there(self, tmp_path: Path) -> None:
        whole = '<TiffData IFD="0" PlaneCount="999999999"/>'
        path = self.described(tmp_path / "a.ome.tif", OME.format(z=1, t=999999999, data=whole))
        assert len(list_shots(path).frames) == 3

    def test_other_files_are_never_opened(self, tmp_path: Path) -> None:
        other = self.described(tmp_path / "secret.ome.tif", OME.format(z=1, t=3, data=""))
        (tmp_path / "in").mkdir()
        away = f'<TiffData FirstT="0" IFD="0"><UUID FileName="../{other.name}">urn:uuid:1</UUID></TiffData>'
        path = self.described(tmp_path / "in/a.ome.tif", OME.format(z=1, t=1, data=away))
        np.testing.assert_array_equal(grey(source_of(path)), STACK[:3, 0, 0])  # its own pages, one by one

    def test_part_of_a_set_holds_its_own_planes(self, tmp_path: Path) -> None:
        data = "".join(
            f'<TiffData FirstT="{t}" IFD="{t % 3}"><UUID FileName="{name}">urn:{name}</UUID></TiffData>'
            for t, name in [(0, "b.ome.tif"), (3, "a.ome.tif"), (5, "a.ome.tif")]
        )
        path = self.described(tmp_path / "a.ome.tif", OME.format(z=1, t=6, data=data))
        np.testing.assert_array_equal(grey(source_of(path)), STACK[[0, 2], 0, 0])

    @pytest.mark.parametrize(
        "text", ["<OME", OME.format(z="x", t=1, data=""), OME.format(z=-1, t=0, data="")]
    )
    def test_damaged_metadata_are_as_good_as_none(self, tmp_path: Path, text: str) -> None:
        path = self.described(tmp_path / "a.ome.tif", text)
        assert len(grey(source_of(path))) >= 1

    def test_a_truncated_stack_keeps_its_first_frames(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, STACK[:, :, 0].reshape(12, 12, 16), photometric="minisblack", metadata=None)
        path.write_bytes(path.read_bytes()[:-2000])
        source = source_of(path)
        assert len(source.refs) >= 1
        np.testing.assert_array_equal(source.read(source.refs[0]).image[..., 0], STACK[0, 0, 0])

    def test_a_jpeg_larger_than_its_page(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((16, 16), np.uint8), compression="jpeg", metadata=None)
        assert read_image(path).shape == (16, 16, 3)
        data = path.read_bytes()
        at = data.index(b"\xff\xc0") + 5
        path.write_bytes(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
        with pytest.raises(FrameError, match="65535 x 65535 pixels; at most 64 million are read"):
            read_image(path)

    def test_compressions_with_a_size_of_their_own(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0, 0], compression="png")
        with pytest.raises(FrameError, match="compression PNG is not read; save it with LZW or Deflate"):
            read_image(tmp_path / "a.tif")

    @pytest.mark.parametrize("compression", ["zlib", "zstd"])
    def test_strips_that_grow(self, tmp_path: Path, compression: str) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(
            path, np.zeros((4000, 4000), np.uint8), compression=compression, metadata=None, rowsperstrip=4000
        )
        with tifffile.TiffFile(path, mode="r+") as tiff:
            for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                tiff.pages.first.tags[tag].overwrite(16)
        with pytest.raises(FrameError):
            read_image(path)

    def test_planes_before_the_first_page(self, tmp_path: Path) -> None:
        many = '<TiffData IFD="-1000000000" PlaneCount="2000000000"/>'
        path = self.described(tmp_path / "a.ome.tif", OME.format(z=1, t=2_000_000_000, data=many))
        source = source_of(path)
        np.testing.assert_array_equal(grey(source), STACK[:3, 0, 0])
        assert source.notes == ("a.ome.tif: its metadata do not fit its pages, so each page is a frame",)

    def test_planes_that_are_named_again_and_again(self, tmp_path: Path) -> None:
        data = '<TiffData IFD="0" PlaneCount="3"/>' * 20_000
        path = self.described(tmp_path / "a.ome.tif", OME.format(z=1, t=3, data=data))
        source = source_of(path)
        np.testing.assert_array_equal(grey(source), STACK[:3, 0, 0])
        assert "name 59997 planes that its 3 pages do not hold, or hold once" in source.notes[0]

    def test_no_page_is_in_two_images(self, tmp_path: Path) -> None:
        image = OME.format(z=1, t=2, data='<TiffData IFD="1" PlaneCount="2"/>').split("<Image>")[1]
        image = "<Image>" + image.removesuffix("</OME>")
        head = OME.split("<Image>", maxsplit=1)[0]
        path = self.described(tmp_path / "a.ome.tif", f"{head}{image}{image}</OME>")
        np.testing.assert_array_equal(grey(source_of(path)), STACK[1:3, 0, 0])

    @pytest.mark.parametrize(
        "text",
        [
            "ImageJ=1.54\nimages=3000000\nframes=3000000\n",
            '{"shape": [3000000, 1, 1]}',
            '{"shape": [1500000, 2, 1, 1], "axes": "TZYX"}',
        ],
    )
    def test_more_images_than_are_read(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((1, 1), np.uint8), description=text, metadata=None)
        source = source_of(path)
        assert len(source.refs) == 1
        assert "declare" in source.notes[0]
        path.write_bytes(path.read_bytes() + bytes(3_000_000))  # which now it holds
        source = source_of(path)
        assert len(source.refs) == 1
        assert "more than 1000000 images" in source.notes[0]

    def test_a_stack_of_one_page_keeps_what_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        data = STACK[:, :, 0]
        tifffile.imwrite(path, data, metadata={"axes": "TZYX"}, photometric="minisblack", truncate=True)
        content = path.read_bytes()
        np.testing.assert_array_equal(grey(source_of(path, z=0)), data[:, 0])
        path.write_bytes(content[: -(5 * 12 * 16) + 7])
        source = source_of(path, z=0)
        np.testing.assert_array_equal(grey(source), data[:3, 0])
        assert source.notes == ("a.tif: its metadata declare 12 images, of which it holds 7",)


class TestPagesThatDiffer:
    def test_strips(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for number in range(6):
                page = STACK[0, 0, 0] + number
                writer.write(page, rowsperstrip=4 if number == 4 else 12, metadata=None, contiguous=False)
        source = source_of(tmp_path / "a.tif")
        np.testing.assert_array_equal(grey(source), [STACK[0, 0, 0] + number for number in range(6)])

    def test_sizes(self, tmp_path: Path) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
            for page in (STACK[0, 0, 0], STACK[0, 0, 0, :6, :8]):
                writer.write(page, metadata=None)
        source = source_of(tmp_path / "a.tif")
        assert [source.read(ref).size for ref in source.refs] == [(12, 16), (6, 8)]

    @pytest.mark.parametrize("bigtiff", [False, True])
    @pytest.mark.parametrize("byteorder", ["<", ">"])
    def test_thumbnails_and_pyramids_are_no_frames(
        self, tmp_path: Path, bigtiff: bool, byteorder: str
    ) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=bigtiff, byteorder=byteorder) as writer:
            for number in range(2):
                writer.write(STACK[number, 0, 0], metadata=None)
                writer.write(STACK[number, 0, 0, ::2, ::2], metadata=None, subfiletype=1)
        source = source_of(tmp_path / "a.tif")
        np.testing.assert_array_equal(grey(source), STACK[:2, 0, 0])
        assert "2 pages are thumbnails" in source.notes[0]


def palette_tiff(pixels: np.ndarray, bits: int, samples: int, colours: np.ndarray) -> bytes:
    """A page of (H, W) indices, or (H, W, 2) with alpha, made by hand since no library writes such."""
    height, width = pixels.shape[:2]
    data = (np.packbits(pixels, axis=1) if bits == 1 else pixels).tobytes()
    table = colours.astype("<u2").tobytes()
    entries = 11 if samples == 2 else 10
    start = 8 + 2 + 12 * entries + 4
    depth = (258, SHORT, samples, bits | bits << 16 if samples == 2 else bits)
    more = [(338, SHORT, 1, 2)] if samples == 2 else []
    return raw_tiff(
        *((256, LONG, 1, width), (257, LONG, 1, height), depth, (259, SHORT, 1, 1), (262, SHORT, 1, 3)),
        *((273, LONG, 1, start), (277, SHORT, 1, samples), (278, LONG, 1, height)),
        *((279, LONG, 1, len(data)), (320, SHORT, colours.size, start + len(data))),
        *more,
        after=data + table,
    )


def test_palettes_of_one_bit_and_with_alpha(tmp_path: Path) -> None:
    colours = np.array([[0, 65535], [20000, 65535], [40000, 0]])
    indices = (np.indices((16, 24)).sum(axis=0) % 2).astype(np.uint8)
    wanted = np.round(colours.T / 257).astype(np.uint8)[indices]
    (tmp_path / "bit.tif").write_bytes(palette_tiff(indices, 1, 1, colours))
    table = np.zeros((3, 256), int)
    table[:, :2] = colours
    with_alpha = np.stack([indices, np.full_like(indices, 255)], axis=-1)
    (tmp_path / "alpha.tif").write_bytes(palette_tiff(with_alpha, 8, 2, table))
    for name in ("bit.tif", "alpha.tif"):
        np.testing.assert_array_equal(read_image(tmp_path / name), wanted)

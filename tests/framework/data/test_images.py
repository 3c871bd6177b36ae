from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cs_framework.data.images import content_hash, list_shots, read_frame, read_image
from cs_framework.data.refs import FrameRef
from cs_framework.data.samples import MAX_PIXELS
from cs_framework.errors import FrameError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
DEEP_RGB = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)


def three(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey] * 3, axis=2)


def scaled(values: np.ndarray, bits: int) -> np.ndarray:
    """The documented rule, in floating point."""
    return np.round(values / (2.0**bits - 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF", "a.Png"])
def test_lossless_8_bit(tmp_path: Path, name: str) -> None:
    for array in (GREY, RGB):
        Image.fromarray(array).save(tmp_path / name)
        image = read_image(tmp_path / name)
        assert (image.dtype, image.shape) == (np.uint8, (5, 7, 3))
        np.testing.assert_array_equal(image, three(array) if array.ndim == 2 else array)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_jpeg(tmp_path: Path, name: str) -> None:
    smooth = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))
    for array in (smooth, three(smooth)):
        Image.fromarray(array).save(tmp_path / name, quality=95)
        difference = read_image(tmp_path / name).astype(int) - three(smooth)
        assert abs(difference).max() <= 4


def test_content_decides_not_the_extension(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.tif")
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("L", (1, 1), 77).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.full((1, 1, 3), 77))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_alpha_is_dropped(tmp_path: Path, suffix: str) -> None:
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(path)
    np.testing.assert_array_equal(read_image(path), RGB)
    Image.fromarray(np.concatenate([GREY[..., None], alpha], axis=2)).save(path)
    np.testing.assert_array_equal(read_image(path), three(GREY))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_palette_and_one_bit(tmp_path: Path, suffix: str) -> None:
    picture = Image.fromarray(GREY % 4)
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120] + [0] * 756)
    picture.save(tmp_path / f"p.{suffix}")
    expected = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)[GREY % 4]
    np.testing.assert_array_equal(read_image(tmp_path / f"p.{suffix}"), expected)
    Image.fromarray(GREY > 99).save(tmp_path / f"b.{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"b.{suffix}"), three((GREY > 99) * np.uint8(255)))


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255, 255])])
def test_transparent_palette(tmp_path: Path, transparency: int | bytes) -> None:
    picture = Image.fromarray(GREY % 4)
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    picture.save(tmp_path / "p.png", transparency=transparency)
    colours = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]], np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), colours[GREY % 4])


def test_16_bit_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), DEEP)
    np.testing.assert_array_equal(read_image(path), three(scaled(DEEP, 16)))
    cv2.imwrite(str(path), DEEP_RGB[..., ::-1])
    np.testing.assert_array_equal(read_image(path), scaled(DEEP_RGB, 16))
    cv2.imwrite(str(path), np.dstack([DEEP_RGB[..., ::-1], DEEP]))
    np.testing.assert_array_equal(read_image(path), scaled(DEEP_RGB, 16))


def test_sbit_leaves_the_scale_of_a_png_alone(tmp_path: Path) -> None:
    # PNG has encoders spread fewer significant bits over the whole range
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), DEEP)
    data = path.read_bytes()
    chunk = b"sBIT" + bytes([12])
    path.write_bytes(
        data[:33] + struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )
    np.testing.assert_array_equal(read_image(path), three(scaled(DEEP, 16)))


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiff(tmp_path: Path, compression: str | None, byteorder: str) -> None:
    for array in (DEEP, DEEP_RGB):
        tifffile.imwrite(tmp_path / "a.tif", array, compression=compression, byteorder=byteorder)
        expected = scaled(array, 16)
        np.testing.assert_array_equal(
            read_image(tmp_path / "a.tif"), three(expected) if array.ndim == 2 else expected
        )


def test_tiff_variants(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(path), RGB)
    tifffile.imwrite(path, GREY, bigtiff=True, tile=(16, 16))
    np.testing.assert_array_equal(read_image(path), three(GREY))
    tifffile.imwrite(path, GREY, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path), three(255 - GREY))
    tifffile.imwrite(path, DEEP, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path), three(255 - scaled(DEEP, 16)))
    smooth = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))
    Image.fromarray(three(smooth)).save(path, compression="jpeg", quality=95)
    assert abs(read_image(path).astype(int) - three(smooth)).max() <= 4


def test_packed_12_bit_tiff(tmp_path: Path) -> None:
    values = np.array([[0, 4095, 2048, 17]], np.uint16)
    packed = bytes([0x00, 0x0F, 0xFF, 0x80, 0x00, 0x11])
    tifffile.imwrite(tmp_path / "a.tif", values, metadata=None)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        tags = tiff.pages.first.tags
        places = {name: tags[name].valueoffset for name in ("BitsPerSample", "StripByteCounts")}
        strip = tags["StripOffsets"].value[0]
    data[places["BitsPerSample"] : places["BitsPerSample"] + 2] = struct.pack("<H", 12)
    data[places["StripByteCounts"] : places["StripByteCounts"] + 2] = struct.pack("<H", len(packed))
    data[strip:] = packed
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), three(scaled(values, 12)))


class TestDeclaredDepth:
    VALUES = RNG.integers(0, 4096, (5, 7), dtype=np.uint16)

    def test_by_setting(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), self.VALUES)
        tifffile.imwrite(tmp_path / "a.tif", self.VALUES)
        for name in ("a.png", "a.tif"):
            np.testing.assert_array_equal(
                read_image(tmp_path / name, bits=12), three(scaled(self.VALUES, 12))
            )
            np.testing.assert_array_equal(read_image(tmp_path / name), three(scaled(self.VALUES, 16)))

    def test_by_ome_metadata(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.ome.tif", self.VALUES, metadata={"axes": "YX", "SignificantBits": 12})
        np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif"), three(scaled(self.VALUES, 12)))

    @pytest.mark.parametrize(("largest", "bits"), [(4095, 12), (16383, 14), (4094, 16), (200, 16), (255, 16)])
    def test_by_max_sample_value_where_it_is_a_depth(self, tmp_path: Path, largest: int, bits: int) -> None:
        values = self.VALUES % (min(largest, 4095) + 1)
        tifffile.imwrite(tmp_path / "a.tif", values, extratags=[(281, "H", 1, largest, True)])
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), three(scaled(values, bits)))

    def test_setting_leaves_8_bit_files_alone(self, tmp_path: Path) -> None:
        Image.fromarray(GREY).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png", bits=12), three(GREY))

    def test_8_bits_in_16(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), GREY.astype(np.uint16))
        np.testing.assert_array_equal(read_image(tmp_path / "a.png", bits=8), three(GREY))

    def test_values_beyond_it(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2), 4096, np.uint16))
        with pytest.raises(FrameError, match=r"a\.png: a value of 4096 does not fit 12 bits; set data\.bits"):
            read_image(tmp_path / "a.png", bits=12)


@given(st.integers(9, 16), st.data())
@settings(deadline=None)
def test_scaling_is_monotonic_and_reaches_both_ends(
    tmp_path_factory: pytest.TempPathFactory, bits: int, data: st.DataObject
) -> None:
    largest = 2**bits - 1
    values = sorted(data.draw(st.lists(st.integers(0, largest), min_size=1, max_size=30)))
    path = tmp_path_factory.mktemp("depth") / "a.png"
    cv2.imwrite(str(path), np.array([[0, *values, largest]], np.uint16))
    row = read_image(path, bits=bits)[0, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 255)
    assert (np.diff(row) >= 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_as_viewers_show_it(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    blocks = np.kron(np.array([[0, 60, 120], [180, 210, 255]], np.uint8), np.ones((8, 8), np.uint8))
    for name in ("a.jpg", "a.png", "a.tif"):
        Image.fromarray(blocks).save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = three(np.asarray(ImageOps.exif_transpose(picture)))
    for name in ("a.jpg", "a.png", "a.tif"):
        np.testing.assert_allclose(read_image(tmp_path / name), expected, atol=2)


def test_damaged_exif_is_as_good_as_none(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), three(GREY))


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (body, data, b"IEND")
    )


class TestRefused:
    def refused(self, path: Path, reason: str, page: int = 0) -> None:
        with pytest.raises(FrameError, match=reason) as caught:
            read_image(path, page)
        assert str(caught.value).startswith(f"{path}: ")

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").touch()
        self.refused(tmp_path / "a.png", "empty")

    def test_absent(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "a.png", "No such file")

    def test_text(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("no image at all")
        self.refused(tmp_path / "a.png", "not an image of a known format")

    def test_format_that_is_not_read(self, tmp_path: Path) -> None:
        Image.fromarray(GREY).save(tmp_path / "a.gif")
        self.refused(tmp_path / "a.gif", "not an image of a known format")

    @pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif"])
    @pytest.mark.parametrize("kept", [0.6, 0.9])
    def test_truncated(self, tmp_path: Path, suffix: str, kept: float) -> None:
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(kept * len(data))])
        self.refused(path, ": .")

    def test_truncated_16_bit_png(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        cv2.imwrite(str(path), RNG.integers(0, 65536, (64, 64, 3), dtype=np.uint16))
        path.write_bytes(path.read_bytes()[:-100])
        self.refused(path, ": .")

    def test_absurd_size(self, tmp_path: Path) -> None:
        side = int(MAX_PIXELS**0.5) + 1
        for width, height in ((side, side), (2**31 - 1, 2**31 - 1)):
            (tmp_path / "a.png").write_bytes(png_header(width, height))
            self.refused(tmp_path / "a.png", "pixels")

    def test_absurd_tiff(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, GREY, metadata=None)
        with tifffile.TiffFile(path, mode="r+") as tiff:
            tiff.pages.first.tags["ImageWidth"].overwrite(2_000_000_000)
        self.refused(path, "at most 64 million are read")

    @pytest.mark.parametrize("dtype", ["float32", "int16", "uint32", "complex64"])
    def test_samples_without_a_range(self, tmp_path: Path, dtype: str) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 4), dtype))
        self.refused(tmp_path / "a.tif", f"type {dtype}.*save them as unsigned 8 or 16 bit")

    @pytest.mark.parametrize("suffix", ["jpg", "tif"])
    def test_cmyk(self, tmp_path: Path, suffix: str) -> None:
        Image.new("CMYK", (4, 4)).save(tmp_path / f"a.{suffix}")
        self.refused(tmp_path / f"a.{suffix}", "save it as grey or RGB")

    def test_page_that_is_not_there(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 5, 7), np.uint8), photometric="minisblack")
        self.refused(tmp_path / "a.tif", "there is no page 2: the file has 2", page=2)
        Image.fromarray(GREY).save(tmp_path / "a.png")
        self.refused(tmp_path / "a.png", "there is no page 1", page=1)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"])
)
@settings(deadline=None)
def test_rubbish_is_only_ever_a_frame_error(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, magic: bytes
) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "a.tif"
    path.write_bytes(magic + rubbish)
    assert list_shots(path).frames
    with pytest.raises(FrameError):
        read_image(path)


def test_frames_carry_their_reference(tmp_path: Path) -> None:
    stack = RNG.integers(0, 256, (3, 5, 7), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    assert len(list_shots(tmp_path / "s.tif").frames) == 3
    for page in (2, 0, 1):
        frame = read_frame(FrameRef(f"s.tif#{page}", tmp_path / "s.tif", page, "embryo", 40 + page))
        np.testing.assert_array_equal(frame.image, three(stack[page]))
        assert (frame.id, frame.sequence, frame.index) == (f"s.tif#{page}", "embryo", 40 + page)
        assert not frame.image.flags.writeable


def test_errors_of_frames_hold_no_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "bad.tif").write_bytes(b"II*\0\x08\0\0\0")
    for name in ("text.png", "bad.tif", "absent.png"):
        with pytest.raises(FrameError) as caught:
            read_frame(FrameRef(f"in/{name}", tmp_path / name))
        assert str(caught.value).startswith(f"in/{name}: ")
        assert str(tmp_path) not in str(caught.value)


def test_content_hash(tmp_path: Path) -> None:
    for name, value in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        Image.new("L", (4, 4), value).save(tmp_path / name)
    a, b, c = (content_hash(FrameRef(name, tmp_path / name)) for name in ("a.png", "b.png", "c.png"))
    assert a == b != c
    assert content_hash(FrameRef("a.png#1", tmp_path / "a.png", page=1)) != a
    Image.new("L", (5, 5), 1).save(tmp_path / "a.png")
    assert content_hash(FrameRef("a.png", tmp_path / "a.png")) != a
    with pytest.raises(FrameError, match=r"^gone: No such file"):
        content_hash(FrameRef("gone", tmp_path / "gone.png"))

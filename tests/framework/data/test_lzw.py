"""Codes of LZW data, against a decoder whose table is a list: it can name nothing but what is in it."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st

from cs_framework.data.images import read_image
from cs_framework.data.lzw import check_lzw
from cs_framework.data.samples import UnreadableError
from cs_framework.errors import FrameError

CLEAR, END = 256, 257


def widened(entries: int, old: bool) -> int:
    """Bits of the next code, with so many entries in the table."""
    return max(9, min((entries + (not old)).bit_length(), 12))


def packed(codes: list[int], old: bool) -> bytes:
    """Codes as they lie in a file, after a first Clear."""
    bits, entries, fresh = "", 258, True
    for code in [CLEAR, *codes]:
        text = f"{code:b}".zfill(widened(entries, old))[-widened(entries, old) :]
        bits += text[::-1] if old else text
        entries, fresh = (258, True) if code == CLEAR else (entries + (not fresh), False)
    octets = [bits[at : at + 8].ljust(8, "0") for at in range(0, len(bits), 8)]
    return bytes(int(octet[::-1] if old else octet, 2) for octet in octets)


def decoded(codes: list[int]) -> bytes | None:
    """What the codes stand for; None where one stands for nothing."""
    table: list[bytes] = []
    before, out = b"", b""
    for code in codes:
        if code == END:
            break
        if code == CLEAR:
            table, before = [], b""
            continue
        known = [*(bytes([i]) for i in range(256)), b"", b"", *table]
        if code < len(known):
            now = known[code]
        elif before and code == len(known):
            now = before + before[:1]
        else:
            return None
        if before:
            table.append(before + now[:1])
        before = now
        out += now
    return out


CODES = st.lists(
    st.one_of(st.integers(0, 255), st.integers(256, 270), st.integers(0, 600)), min_size=1, max_size=60
)


@example(codes=[5] * 253 + [258, 5, 300], old=False)
@example(codes=[5] * 254 + [258, 5, 300], old=True)
@example(codes=[300], old=False)
@example(codes=[1, CLEAR, 258, 1], old=False)
@given(codes=CODES, old=st.booleans())
def test_codes_that_pass_mean_what_they_say_and_others_are_refused(codes, old):
    codes = [code if code < 512 else 511 for code in codes]
    data, wanted = packed([*codes, END], old), decoded(codes)
    if wanted is None:
        with pytest.raises(UnreadableError, match="LZW data are damaged"):
            check_lzw(data)
        return
    check_lzw(data)
    check_lzw(imagecodecs.bitorder_decode(data), fill_order=2)
    assert imagecodecs.lzw_decode(data, out=max(len(wanted), 1)) == wanted


@given(st.binary(max_size=300), st.integers(1, 60))
def test_what_an_encoder_writes_passes(content, repeated):
    data = imagecodecs.lzw_encode(content * repeated)
    check_lzw(data)
    check_lzw(data[: len(data) // 2])


def test_data_of_every_width_of_code_pass():
    content = np.random.default_rng(0).integers(0, 256, 40_000, np.uint8).tobytes()
    data = imagecodecs.lzw_encode(content)
    check_lzw(data)
    assert imagecodecs.lzw_decode(data) == content


@given(st.binary(max_size=40))
def test_any_bytes_pass_or_are_refused(data):
    try:
        check_lzw(data)
    except UnreadableError:
        return


def test_a_frame_with_such_a_code_is_refused_and_shows_nothing_of_others(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="lzw", rowsperstrip=16)
    with tifffile.TiffFile(path) as tiff:
        offsets = tiff.pages.first.dataoffsets
    content = bytearray(path.read_bytes())
    content[offsets[2] + 1] = 0x74
    path.write_bytes(content)
    with pytest.raises(FrameError, match=r"a\.tif: its LZW data are damaged"):
        read_image(path)

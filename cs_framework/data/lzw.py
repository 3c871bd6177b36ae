"""Check the codes of LZW data before a native decoder follows them.

A code that the table does not hold yet leads a decoder into memory that nobody has written: it crashes, or
shows what was there before.

Source: TIFF Revision 6.0 (1992), section 13.
"""

from __future__ import annotations

from functools import cache

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from cs_framework.data.samples import UnreadableError

_CLEAR, _END, _FIRST = 256, 257, 258
_MOST = 5120 - _FIRST
"""Codes between two Clear that are looked at: decoders refuse more, since the table is full at 4096."""
_LARGEST = np.arange(_FIRST - 1, _FIRST - 1 + _MOST, dtype=np.uint32)
"""Each code may name any entry before its own, and its own; the first one has no entry yet."""
_LARGEST[0] = _END


def check_lzw(data: bytes, fill_order: int = 1) -> None:
    """Refuse data in which a code comes before its entry of the table.

    The widths of codes depend on nothing but their number since the last Clear, so all up to the next one
    are taken out at once.

    Args:
        data: one strip or tile.
        fill_order: the TIFF tag; 2 has the bits of each byte reversed.

    Raises:
        UnreadableError: a code is out of place.
    """
    if fill_order == 2:
        data = bytes(imagecodecs.bitorder_decode(data))
    old = data[:1] == b"\0" and data[1:2] != b"" and data[1] & 1 == 1
    octets = np.frombuffer(data + b"\0\0", np.uint8).astype(np.uint32)
    low, high = (0, 16) if old else (16, 0)
    words = octets[:-2] << low | octets[1:-1] << 8 | octets[2:] << high
    bits = 8 * len(data)
    at = 9  # the first code is a Clear, or the decoder refuses the data
    while at + 9 <= bits:
        ends, places, shifts, masks = _places(at & 7, old)
        count = int(np.searchsorted(ends, bits - (at & ~7), side="right"))
        codes = words[places[:count] + (at >> 3)] >> shifts[:count] & masks[:count]
        stops = np.flatnonzero(codes >> 1 == _CLEAR >> 1)
        stop = int(stops[0]) if len(stops) else count
        if (codes[:stop] > _LARGEST[:stop]).any():
            raise UnreadableError("its LZW data are damaged")
        if not len(stops) or codes[stop] == _END:
            return
        at = (at & ~7) + int(ends[stop])


@cache
def _places(
    offset: int, old: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint32], NDArray[np.uint32]]:
    """Of the codes after a Clear that ends `offset` bits into a byte: where each ends, in bits, in which
    byte it begins, by how much to shift three bytes from there, and the mask of its bits.

    Codes become wider one entry before the table asks for it; in files from before 1992, which begin with
    the low bits, they do not.
    """
    entries = _FIRST - 1 + np.arange(_MOST)
    widths = 9 + sum((entries >= limit).astype(np.intp) for limit in np.array((512, 1024, 2048)) - (not old))
    ends = np.cumsum(widths) + offset
    starts = ends - widths
    shifts = starts & 7 if old else 24 - (starts & 7) - widths
    return ends, starts >> 3, shifts.astype(np.uint32), ((1 << widths) - 1).astype(np.uint32)

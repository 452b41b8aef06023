"""Integers as FCS packs them: each channel with its own width, the bits above its range masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr.io._damage import DamageError
from scgsr.io._text import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def widths(keywords: Mapping[str, str]) -> list[int]:
    """Return the number of bytes of each channel."""
    bits = [whole_number(keywords, f"p{n}b") for n in range(1, whole_number(keywords, "par") + 1)]
    for n, width in enumerate(bits, start=1):
        if width % 8 or not 8 <= width <= 64:
            msg = f"$P{n}B is {width}, but integers of 8, 16, ..., 64 bits are read"
            raise DamageError(msg)
    return [width // 8 for width in bits]


def unpack(rows: NDArray[np.uint8], keywords: Mapping[str, str], byte_order: str) -> NDArray[np.uint32 | np.uint64]:
    """Return the integers, (n_events, n_channels), of which each row has the bytes of one event."""
    sizes = widths(keywords)
    word = np.dtype("<u4" if max(sizes, default=1) <= 4 else "<u8")
    values = np.empty((len(rows), len(sizes)), word)
    padded, start = np.zeros((len(rows), word.itemsize), np.uint8), 0
    for channel, size in enumerate(sizes):
        part = rows[:, start : start + size]
        padded[:, :size] = part if byte_order == "<" else part[:, ::-1]  # least significant first
        padded[:, size:] = 0
        values[:, channel] = padded.view(word)[:, 0] & word.type(_mask(keywords, channel + 1, 8 * size))
        start += size
    return values


def _mask(keywords: Mapping[str, str], n: int, bits: int) -> int:
    """Return the bits that values below $PnR can have, all of them where it is no bound."""
    largest = keywords[f"p{n}r"]
    try:
        bound = int(float(largest))
    except (ValueError, OverflowError) as error:
        msg = f"$P{n}R is {largest!r}, but must be a number"
        raise DamageError(msg) from error
    return 2 ** min(bits, (bound - 1).bit_length() if bound > 0 else bits) - 1

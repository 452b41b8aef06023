"""Integers as FCS packs them: each channel with its own width, the bits above its range masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr.io._damage import DamageError, shown
from scgsr.io._text import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_WORDS = (1, 2, 4, 8)  # bytes
_MOST_BITS = 64


def bits_of(keywords: Mapping[str, str], n_channels: int) -> list[int]:
    """Return $PnB of each channel."""
    bits = [whole_number(keywords, f"p{n}b") for n in range(1, n_channels + 1)]
    for n, width in enumerate(bits, start=1):
        if not 1 <= width <= _MOST_BITS:
            raise _odd_width(n, width)
    return bits


def packings(bits: Sequence[int]) -> list[tuple[int, ...]]:
    """Return how many bytes each channel may take: one answer for whole bytes, for others whole bytes or words.

    Some instruments write 10 bits and store words of 16.
    """
    in_bytes = tuple(-(-width // 8) for width in bits)
    if not odd_widths(bits):
        return [in_bytes]
    in_words = tuple(next(word for word in _WORDS if word >= size) for size in in_bytes)
    return list(dict.fromkeys([in_bytes, in_words]))


def odd_widths(bits: Sequence[int]) -> list[int]:
    """Return the numbers of the channels whose values are not of whole bytes."""
    return [n for n, width in enumerate(bits, start=1) if width % 8]


def refuse_odd_widths(bits: Sequence[int]) -> None:
    """Raise DamageError for the first channel whose values are not of whole bytes, if there is one."""
    for n in odd_widths(bits):
        raise _odd_width(n, bits[n - 1])


def _odd_width(n: int, width: int) -> DamageError:
    msg = f"$P{n}B is {shown(width)}, but integers of 8, 16, ..., 64 bits are read"
    return DamageError(msg)


def unpack(
    rows: NDArray[np.uint8], sizes: Sequence[int], keywords: Mapping[str, str], byte_order: str
) -> NDArray[np.uint32 | np.uint64]:
    """Return the integers, (n_events, n_channels), of which each row has the bytes of one event, `sizes` a channel."""
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
        msg = f"$P{n}R is {shown(largest)}, but must be a number"
        raise DamageError(msg) from error
    return 2 ** min(bits, (bound - 1).bit_length() if bound > 0 else bits) - 1

"""Keywords -> how the DATA segment stores its values, after checks that they do not contradict each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from scgsr._checks import listed
from scgsr.io._damage import DamageError, shown
from scgsr.io._integers import bits_of, odd_widths, packings, refuse_odd_widths
from scgsr.io._places import HEADER_SIZE, Choice, Places, Span
from scgsr.io._text import whole_number

_BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"1,2,3,4": "<", "4,3,2,1": ">", "1,2": "<", "2,1": ">"}
_FLOAT_BYTES = {"F": 4, "D": 8}


class Layout(NamedTuple):
    """How values are stored: event by event, without gaps."""

    span: Span  # as the file says, from where the data set begins
    shape: tuple[int, int]  # events, channels
    datatype: str  # "F", "D" or "I"
    byte_order: Literal["<", ">"]
    sizes: tuple[int, ...]  # bytes of each channel
    notes: tuple[str, ...]  # what the file leaves open, and what decided it

    @property
    def start(self) -> int:
        """The first byte."""
        return self.span[0]

    @property
    def bytes_per_event(self) -> int:
        """How many bytes the values of one event take."""
        return sum(self.sizes)

    @property
    def n_bytes(self) -> int:
        """How many bytes the values take."""
        return self.shape[0] * self.bytes_per_event


class _Packing(NamedTuple):
    """How many bytes each channel takes, and how many events the file promises."""

    sizes: tuple[int, ...]
    total: int | None  # None: as many as there is room for

    def n_events(self, span: Span) -> int:
        n_bytes = sum(self.sizes)
        return max(0, (span[1] - span[0] + 1) // n_bytes) if self.total is None else self.total

    def fills(self, span: Span) -> bool:
        """Return whether the values take all of a span, which may by mistake be 1 byte longer."""
        return span[1] - span[0] + 1 - self.n_events(span) * sum(self.sizes) in (0, 1)


def layout_of(
    version: str, in_header: Span, keywords: Mapping[str, str], *, room: int, offsets: Choice | None = None
) -> Layout:
    """Return how values are stored in a data set of `room` bytes, whose HEADER says that they lie at `in_header`.

    `offsets` decides whether the HEADER or TEXT counts where the file does not.
    """
    _choice(keywords, "mode", ["L"])
    datatype = _choice(keywords, "datatype", [*_FLOAT_BYTES, "I"])
    byte_order = _BYTE_ORDERS[_choice(keywords, "byteord", list(_BYTE_ORDERS))]
    n_channels = _n_channels(keywords, datatype)
    bits = [8 * _FLOAT_BYTES[datatype]] * n_channels if datatype in _FLOAT_BYTES else bits_of(keywords, n_channels)
    places = Places.of(version, in_header, keywords)
    total = _total(keywords, optional=version == "2.0" and places.given and n_channels > 0)
    possible = [_Packing(sizes, total) for sizes in packings(bits)]
    span, note = places.decided(
        lambda span: (
            span[0] >= HEADER_SIZE
            and any(way.fills(span) and span[0] + way.n_events(span) * sum(way.sizes) <= room for way in possible)
        ),
        offsets,
    )
    packing, other_note = _packing(possible, bits, span)
    return Layout(
        span=span,
        shape=(_n_events(packing, span), n_channels),
        datatype=datatype,
        byte_order=byte_order,
        sizes=packing.sizes,
        notes=tuple(filter(None, (note, other_note))),
    )


def _choice(keywords: Mapping[str, str], name: str, allowed: list[str]) -> str:
    """Return one of the values that are read, whatever its case and blanks."""
    value = re.sub(r"\s", "", keywords[name]).upper()
    if value not in allowed:
        msg = f"${name.upper()} is {shown(keywords[name])}, but must be one of {allowed}"
        raise DamageError(msg)
    return value


def _n_channels(keywords: Mapping[str, str], datatype: str) -> int:
    n_channels = whole_number(keywords, "par")
    numbers = sorted(int(key[1:-1]) for key in keywords if re.fullmatch("p[0-9]{1,9}n", key))
    if len(numbers) != n_channels or numbers != list(range(1, n_channels + 1)):
        msg = f"it names channels [{listed(numbers)}], but has $PAR = {shown(n_channels)} of them"
        raise DamageError(msg)
    types = {keywords.get(f"p{n}datatype", datatype).strip().upper() or datatype for n in numbers}  # since FCS 3.2
    if types - {datatype}:
        msg = f"its channels are of the types {shown(sorted(types))} ($PnDATATYPE), but one type for all is read"
        raise DamageError(msg)
    return n_channels


def _total(keywords: Mapping[str, str], *, optional: bool) -> int | None:
    """Return $TOT, which FCS 2.0 does not require."""
    if optional and not keywords.get("tot", "").strip():
        return None
    return whole_number(keywords, "tot")


def _packing(possible: list[_Packing], bits: list[int], span: Span) -> tuple[_Packing, str]:
    """Return how many bytes each channel takes, and if that is more than it says, why."""
    if not odd_widths(bits):
        return possible[0], ""
    fitting = [packing for packing in possible if packing.fills(span)]
    total = possible[0].total
    if total is None or len(fitting) != 1 or _fills_bit_by_bit(bits, total, span):
        refuse_odd_widths(bits)
    names = listed([f"$P{n}B = {bits[n - 1]}" for n in odd_widths(bits)])
    sizes = listed(sorted({8 * fitting[0].sizes[n - 1] for n in odd_widths(bits)}))
    note = f"by its length the values of {names} take {sizes} bits each, of which those within $PnR are read"
    return fitting[0], note


def _fills_bit_by_bit(bits: list[int], total: int, span: Span) -> bool:
    """Return whether the values would fill a span without bits between them."""
    return span[1] - span[0] + 1 + (-total * sum(bits) // 8) in (0, 1)


def _n_events(packing: _Packing, span: Span) -> int:
    """Return how many events there are, if the DATA segment has the length for them."""
    n_events, bytes_per_event = packing.n_events(span), sum(packing.sizes)
    n_bytes, length = n_events * bytes_per_event, span[1] - span[0] + 1
    if n_events > 0 and not n_bytes:
        msg = f"it has $TOT = {shown(n_events)} events, but no channels"
        raise DamageError(msg)
    if n_events < 0 or not packing.fills(span):
        msg = (
            f"it has {length} bytes of values, but $TOT = {shown(n_events)} events of {bytes_per_event} bytes need "
            f"{shown(n_bytes)}"
        )
        raise DamageError(msg)
    if n_bytes and span[0] < HEADER_SIZE:
        msg = f"its values must follow the HEADER, but begin at byte {shown(span[0])}"
        raise DamageError(msg)
    return n_events

"""Keywords -> how the DATA segment stores its values, after checks that they do not contradict each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from scgsr.io._damage import DamageError
from scgsr.io._integers import widths
from scgsr.io._text import whole_number

_BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"1,2,3,4": "<", "4,3,2,1": ">", "1,2": "<", "2,1": ">"}
_FLOAT_BYTES = {"F": 4, "D": 8}
HEADER_SIZE = 58


class Layout(NamedTuple):
    """How values are stored: event by event, without gaps."""

    span: tuple[int, int]  # the first and the last byte, as the file says, from where the data set begins
    shape: tuple[int, int]  # events, channels
    datatype: str  # "F", "D" or "I"
    byte_order: Literal["<", ">"]
    bytes_per_event: int

    @property
    def start(self) -> int:
        """The first byte."""
        return self.span[0]

    @property
    def n_bytes(self) -> int:
        """How many bytes the values take."""
        return self.shape[0] * self.bytes_per_event


def layout_of(version: str, in_header: tuple[int, int], keywords: Mapping[str, str]) -> Layout:
    """Return how values are stored; the HEADER of `version` says that they lie at `in_header`."""
    _choice(keywords, "mode", ["L"])
    datatype = _choice(keywords, "datatype", [*_FLOAT_BYTES, "I"])
    byte_order = _BYTE_ORDERS[_choice(keywords, "byteord", list(_BYTE_ORDERS))]
    n_channels = _n_channels(keywords, datatype)
    bytes_per_event = _FLOAT_BYTES[datatype] * n_channels if datatype in _FLOAT_BYTES else sum(widths(keywords))
    span = _span(version, in_header, keywords)
    n_events = _n_events(version, span, bytes_per_event, keywords)
    if n_events * bytes_per_event and span[0] < HEADER_SIZE:
        msg = f"its values must follow the HEADER, but begin at byte {span[0]}"
        raise DamageError(msg)
    return Layout(
        span=span,
        shape=(n_events, n_channels),
        datatype=datatype,
        byte_order=byte_order,
        bytes_per_event=bytes_per_event,
    )


def _choice(keywords: Mapping[str, str], name: str, allowed: list[str]) -> str:
    """Return one of the values that are read, whatever its case and blanks."""
    value = re.sub(r"\s", "", keywords[name]).upper()
    if value not in allowed:
        msg = f"${name.upper()} is {keywords[name]!r}, but must be one of {allowed}"
        raise DamageError(msg)
    return value


def _n_channels(keywords: Mapping[str, str], datatype: str) -> int:
    n_channels = whole_number(keywords, "par")
    numbers = sorted(int(key[1:-1]) for key in keywords if re.fullmatch("p[0-9]+n", key))
    if len(numbers) != n_channels or numbers != list(range(1, n_channels + 1)):
        msg = f"it names channels {numbers}, but has $PAR = {n_channels} of them"
        raise DamageError(msg)
    types = {keywords.get(f"p{n}datatype", datatype).strip().upper() or datatype for n in numbers}  # since FCS 3.2
    if types - {datatype}:
        msg = f"its channels are of the types {sorted(types)} ($PnDATATYPE), but one type for all is read"
        raise DamageError(msg)
    return n_channels


def _span(version: str, in_header: tuple[int, int], keywords: Mapping[str, str]) -> tuple[int, int]:
    """Return the first and the last byte: TEXT counts, where it says so, since FCS 3.0, and the HEADER before."""
    if version == "2.0" and in_header[0]:
        return in_header
    in_text = whole_number(keywords, "begindata", 0), whole_number(keywords, "enddata", 0)
    if not all(in_text):
        return in_header
    # The ends may differ, because the HEADER has no room for large ones: $TOT decides whether that of TEXT is right.
    if in_header[0] not in (0, in_text[0]):
        msg = f"its values begin at byte {in_header[0]} by the HEADER, but at $BEGINDATA = {in_text[0]}"
        raise DamageError(msg)
    return in_text


def _n_events(version: str, span: tuple[int, int], bytes_per_event: int, keywords: Mapping[str, str]) -> int:
    """Return $TOT, which FCS 2.0 does not require, if the DATA segment has that length or, by mistake, 1 byte more."""
    length = span[1] - span[0] + 1
    optional = version == "2.0" and span[0] > 0 and bytes_per_event > 0
    n_events = whole_number(keywords, "tot", max(0, length // bytes_per_event) if optional else None)
    n_bytes = n_events * bytes_per_event
    if n_events > 0 and not n_bytes:
        msg = f"it has $TOT = {n_events} events, but no channels"
        raise DamageError(msg)
    if n_events < 0 or length - n_bytes not in (0, 1):
        msg = f"it has {length} bytes of values, but $TOT = {n_events} events of {bytes_per_event} bytes need {n_bytes}"
        raise DamageError(msg)
    return n_events

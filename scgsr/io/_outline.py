"""The outline of an FCS file: its data sets, where their segments lie, and what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from scgsr._checks import log
from scgsr.io._damage import DamageError, shown
from scgsr.io._layout import Layout, layout_of
from scgsr.io._panel import Panel, clean
from scgsr.io._places import HEADER_SIZE, Choice
from scgsr.io._scale import decades
from scgsr.io._text import LARGEST_TEXT, MOST_KEYWORDS, keywords_of, offset_or_zero, whole_number

_MAGIC = b"FCS"
# The first bytes of packed files.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7-Zip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"Rar!": "RAR",
}
VERSIONS = ["2.0", "3.0", "3.1", "3.2"]


class Header(NamedTuple):
    """The HEADER segment; offsets of first and last bytes count from where the data set begins."""

    version: str
    text: tuple[int, int]
    data: tuple[int, int]  # zeros where only TEXT says
    analysis_stop: int


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Where one data set of a file lies, and its TEXT segment."""

    offset: int
    room: int  # bytes from there to the next data set, or to the end of the file
    header: Header
    keywords: dict[str, str]
    offsets: Choice | None  # the argument of `read_fcs`

    @cached_property
    def layout(self) -> Layout:
        """How the values are stored; raises DamageError where keywords contradict each other."""
        header = self.header
        return layout_of(header.version, header.data, self.keywords, room=self.room, offsets=self.offsets)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of events and channels."""
        return self.layout.shape

    @cached_property
    def panel(self) -> Panel:
        """Return $PnN, the detectors, and $PnS, what they measure."""
        numbers = range(1, self.shape[1] + 1)
        return Panel(
            [clean(self.keywords[f"p{n}n"]) for n in numbers],
            [clean(self.keywords.get(f"p{n}s", "")) for n in numbers],
        )

    @property
    def amplified(self) -> list[str]:
        """Channels whose values are logarithms of intensities."""
        return [channel for n, channel in enumerate(self.panel.channels, start=1) if decades(self.keywords, n) > 0]


def data_sets(path: str | os.PathLike[str], offsets: Choice | None = None) -> Iterator[DataSet]:
    """Follow $NEXTDATA, which counts from where its data set begins: forwards only, so that no byte is read twice."""
    with Path(path).open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        offset, n_keywords, start = 0, 0, _first_bytes(handle, size, 0)
        if not start.startswith(_MAGIC):
            raise DamageError(_other_file(start))
        while start.startswith(_MAGIC):
            header = _header(start)
            keywords = keywords_of(_text_segment(handle, size, offset, *header.text))
            n_keywords += len(keywords)
            if n_keywords > MOST_KEYWORDS:
                msg = f"its data sets have more than {MOST_KEYWORDS:,} keywords, which no file needs"
                raise DamageError(msg)
            step = whole_number(keywords, "nextdata", 0)
            start = _first_bytes(handle, size, offset + step) if step > 0 else b""
            follows = start.startswith(_MAGIC)
            _check_step(step, header, follows=follows)
            if step and not follows:
                log.warning("%s: $NEXTDATA = %d, but no data set begins there.", os.fspath(path), step)
            room = step if follows else size - offset
            yield DataSet(offset=offset, room=room, header=header, keywords=keywords, offsets=offsets)
            offset += step


def _first_bytes(handle: BinaryIO, size: int, offset: int) -> bytes:
    """Return as much as a HEADER takes."""
    handle.seek(min(offset, size))
    return handle.read(HEADER_SIZE)


def _other_file(start: bytes) -> str:
    """Return what a file is that is no FCS file, as far as that helps."""
    packed = [kind for magic, kind in _PACKED.items() if start.startswith(magic)]
    return f"it is packed ({packed[0]}); unpack it first" if packed else "it does not begin with 'FCS'"


def _check_step(step: int, header: Header, *, follows: bool) -> None:
    """Refuse a next data set that begins before TEXT of this one ends: it would be read again and again."""
    if step < 0:
        msg = f"$NEXTDATA = {shown(step)} leads backwards"
        raise DamageError(msg)
    if follows and step <= header.text[1]:
        msg = f"the data set at $NEXTDATA = {step} overlaps with the TEXT segment, which ends at byte {header.text[1]}"
        raise DamageError(msg)


def _header(start: bytes) -> Header:
    """Read the version and six offsets of 8 characters each, of which blank ones are zero."""
    version, *fields = [start[3:6], *(start[i : i + 8] for i in range(10, HEADER_SIZE, 8))]
    if (known := version.decode("latin-1")) not in VERSIONS:
        msg = f"its version is {known!r}, but only FCS {', '.join(VERSIONS)} are read"
        raise DamageError(msg)
    try:
        text_start, text_stop, data_start, data_stop = (int(field.strip() or b"0") for field in fields[:4])
    except ValueError as error:
        offsets = start[10:42].decode("latin-1")
        msg = f"its HEADER must have the offsets of TEXT and DATA at bytes 10 to 41, but has {offsets!r}"
        raise DamageError(msg) from error
    return Header(known, (text_start, text_stop), (data_start, data_stop), offset_or_zero(fields[5].decode("latin-1")))


def _text_segment(handle: BinaryIO, size: int, offset: int, start: int, stop: int) -> bytes:
    """Return the TEXT segment of a data set at `offset`; it is read only if a file of `size` bytes can hold it."""
    if not 0 < start < stop:
        msg = f"its HEADER says that TEXT lies at bytes {start} to {stop}"
        raise DamageError(msg)
    if offset + stop >= size:
        msg = f"it ends before its TEXT segment does, which the HEADER says lies at bytes {start} to {stop}"
        raise DamageError(msg)
    if stop - start >= LARGEST_TEXT:
        msg = f"its TEXT segment has {stop - start + 1:,} bytes, of which at most {LARGEST_TEXT:,} are read"
        raise DamageError(msg)
    handle.seek(offset + start)
    return handle.read(stop - start + 1)


def check_size(data_set: DataSet, n_bytes: int) -> None:
    """Refuse promises that a file of `n_bytes` cannot keep."""
    layout, room = data_set.layout, data_set.room
    if layout.n_bytes and layout.start + layout.n_bytes > room:
        msg = (
            f"it has {room} bytes, but $TOT = {shown(layout.shape[0])} events of {layout.bytes_per_event} bytes "
            f"that begin at byte {shown(layout.start)}"
        )
        raise DamageError(msg)
    # ANALYSIS is never read, but a file that ends before it was cut off.
    available = n_bytes - data_set.offset
    analysis_stop = offset_or_zero(data_set.keywords.get("endanalysis", "")) or data_set.header.analysis_stop
    if analysis_stop >= available:
        msg = f"it has {available} bytes, but its ANALYSIS segment ends at byte {shown(analysis_stop)}"
        raise DamageError(msg)

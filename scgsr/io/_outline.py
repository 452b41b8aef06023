"""The outline of an FCS file: its data sets, where their segments lie, and what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from scgsr._checks import log
from scgsr.io._damage import DamageError
from scgsr.io._layout import HEADER_SIZE, Layout, layout_of
from scgsr.io._panel import Panel, clean
from scgsr.io._scale import decades
from scgsr.io._text import keywords_of, offset_or_zero, whole_number

VERSIONS = ["2.0", "3.0", "3.1", "3.2"]


class Header(NamedTuple):
    """The HEADER segment; offsets of first and last bytes count from where the data set begins."""

    version: str
    text: tuple[int, int]
    data: tuple[int, int]  # zeros where only TEXT says
    analysis_stop: int


class DataSet(NamedTuple):
    """Where one data set of a file lies, and its TEXT segment."""

    offset: int
    header: Header
    keywords: dict[str, str]

    @property
    def layout(self) -> Layout:
        """How the values are stored; raises DamageError where keywords contradict each other."""
        return layout_of(self.header.version, self.header.data, self.keywords)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of events and channels."""
        return self.layout.shape

    @property
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


def data_sets(path: str | os.PathLike[str]) -> Iterator[DataSet]:
    """Follow $NEXTDATA, which counts from where its data set begins."""
    with Path(path).open("rb") as handle:
        size = handle.seek(0, os.SEEK_END)
        offset, step = 0, None
        while step != 0:
            handle.seek(min(offset, size))
            if not (start := handle.read(HEADER_SIZE)).startswith(b"FCS"):
                if not step:
                    msg = "it does not begin with 'FCS'"
                    raise DamageError(msg)
                log.warning("%s: $NEXTDATA = %d, but no data set begins there.", os.fspath(path), step)
                return
            header = _header(start)
            keywords = keywords_of(_text_segment(handle, size, offset, *header.text))
            step = whole_number(keywords, "nextdata", 0)
            if step < 0:
                msg = f"$NEXTDATA = {step} leads backwards"
                raise DamageError(msg)
            yield DataSet(offset, header, keywords)
            offset += step


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
    handle.seek(offset + start)
    return handle.read(stop - start + 1)


def check_size(data_set: DataSet, n_bytes: int) -> None:
    """Refuse promises that a file of `n_bytes` cannot keep."""
    layout, available = data_set.layout, n_bytes - data_set.offset
    if layout.n_bytes and layout.start + layout.n_bytes > available:
        msg = (
            f"it has {available} bytes, but $TOT = {layout.shape[0]} events of {layout.bytes_per_event} bytes "
            f"that begin at byte {layout.start}"
        )
        raise DamageError(msg)
    # ANALYSIS is never read, but a file that ends before it was cut off.
    analysis_stop = offset_or_zero(data_set.keywords.get("endanalysis", "")) or data_set.header.analysis_stop
    if analysis_stop >= available:
        msg = f"it has {available} bytes, but its ANALYSIS segment ends at byte {analysis_stop}"
        raise DamageError(msg)

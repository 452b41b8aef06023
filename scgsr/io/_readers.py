"""What decodes an FCS file: readfcs, FlowIO, or for integers NumPy. All leave the values as they are stored."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from scgsr.io._integers import unpack, widths
from scgsr.io._spill import spill_of

if TYPE_CHECKING:
    import os

    import pandas as pd
    from numpy.typing import NDArray


class Decoded(NamedTuple):
    """One data set of a file."""

    values: NDArray[Any]  # flat, event by event
    keywords: dict[str, str]  # in lower case, without "$", without a spillover matrix that could be parsed
    spill: pd.DataFrame | None  # channels of the dyes x channels of the detectors


def with_readfcs(path: str | os.PathLike[str], options: dict[str, bool]) -> Decoded:
    """Decode a file with a single data set; raises whatever readfcs meets.

    Not `readfcs.read`, which fails where no channel has a marker, or where the spillover matrix names another channel.
    """
    from readfcs import ReadFCS

    reader = ReadFCS(_mapped(path), **options)
    keywords = dict(reader.meta)
    spill = keywords.pop("spill", None)
    if isinstance(spill, str):  # blank
        keywords["spill"], spill = spill, None
    return Decoded(reader.data.to_numpy().ravel(), keywords, spill)


def with_flowio(path: str | os.PathLike[str], options: dict[str, bool], offset: int) -> Decoded:
    """Decode the data set that begins at byte `offset`."""
    flow = flow_data(path, nextdata_offset=offset, **options)
    keywords, spill = spill_of(flow.text)
    return Decoded(np.asarray(flow.events), keywords, spill)


def with_numpy(path: str | os.PathLike[str], options: dict[str, bool], offset: int) -> Decoded:
    """Decode integers; FlowIO finds them."""
    flow = flow_data(path, only_text=True, nextdata_offset=offset, **options)
    if options["use_header_offsets"]:
        start, stop = flow.header["data_start"], flow.header["data_stop"]
    else:
        start, stop = int(flow.text["begindata"]), int(flow.text["enddata"])
    n_bytes = flow.event_count * sum(widths(flow.text))
    if stop - start + 1 not in (n_bytes, n_bytes + 1):  # an end that is one byte too far
        msg = f"it has {stop - start + 1} bytes of values, but $TOT = {flow.event_count} events need {n_bytes}"
        raise ValueError(msg)
    data = np.frombuffer(_mapped(path), np.uint8, count=n_bytes, offset=offset + start)
    keywords, spill = spill_of(flow.text)
    return Decoded(unpack(data, keywords).ravel(), keywords, spill)


def flow_data(path: str | os.PathLike[str], **options: Any) -> Any:
    """Return FlowIO's view of a file."""
    try:
        from flowio import FlowData
    except ImportError as error:
        msg = 'Reading FCS files needs readfcs and FlowIO: `pip install "scgsr[fcs]"`.'
        raise ImportError(msg) from error
    return FlowData(_mapped(path), **options)


def _mapped(path: str | os.PathLike[str]) -> mmap.mmap:
    """Return the bytes of a file as a handle that cannot be read past its end, whatever a damaged offset asks for."""
    with Path(path).open("rb") as handle:
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)

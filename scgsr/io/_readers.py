"""What decodes the DATA segment: readfcs, FlowIO where that fails, and NumPy where both do. Values are as stored.

Which values a file has is decided by the keywords that `_text` finds. What readfcs and FlowIO return counts only if
they found the very same keywords and as many values: their parser of TEXT errs on files that are in use, and neither
reads all that is safe to read, such as an end one byte too far or an ANALYSIS segment that nobody can read.
Integers are always unpacked here, for neither reads all of them.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr._checks import log
from scgsr.io._integers import unpack
from scgsr.io._layout import BYTE_ORDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scgsr.io._outline import DataSet


def decode(path: str | os.PathLike[str], found: DataSet) -> NDArray[Any]:
    """Return the values, (n_events, n_channels), of a data set that is not longer than the file."""
    name = os.fspath(path)
    if found.layout.datatype == "I" or found.keywords["byteord"] not in BYTE_ORDERS:  # else FlowIO guesses the order
        return with_numpy(path, found)
    if found.alone:  # readfcs would read them all
        try:
            return with_readfcs(path, found)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # what it cannot read has any name
            log.debug("%s: %s in readfcs, reading it with FlowIO", name, type(error).__name__)
    try:
        return with_flowio(path, found)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001
        log.debug("%s: %s in FlowIO, reading it with NumPy", name, type(error).__name__)
    return with_numpy(path, found)


def with_readfcs(path: str | os.PathLike[str], found: DataSet) -> NDArray[Any]:
    """Decode a file with a single data set; raises whatever readfcs meets.

    Not `readfcs.read`, which fails where no channel has a marker, or where the spillover matrix names another channel.
    """
    from readfcs import ReadFCS

    reader = ReadFCS(_mapped(path), **_options(found))
    return _agreed(reader.data.to_numpy(), reader.meta, found)


def with_flowio(path: str | os.PathLike[str], found: DataSet) -> NDArray[Any]:
    """Decode one data set of a file; raises whatever FlowIO meets."""
    try:
        from flowio import FlowData
    except ImportError as error:
        msg = 'Reading FCS files needs readfcs and FlowIO: `pip install "scgsr[fcs]"`.'
        raise ImportError(msg) from error
    flow = FlowData(_mapped(path), nextdata_offset=found.offset, **_options(found))
    return _agreed(np.asarray(flow.events), flow.text, found)


def with_numpy(path: str | os.PathLike[str], found: DataSet) -> NDArray[Any]:
    """Decode one data set of a file, as its layout says."""
    layout = found.layout
    data = np.fromfile(path, np.uint8, count=layout.n_bytes, offset=found.offset + max(0, layout.start))
    if layout.datatype == "I":
        rows = data.reshape(layout.shape[0], layout.bytes_per_event)
        return unpack(rows, found.keywords, layout.byte_order)
    stored = np.dtype({"F": "f4", "D": "f8"}[layout.datatype]).newbyteorder(layout.byte_order)
    return data.view(stored).astype(stored.newbyteorder("="), copy=False).reshape(layout.shape)


def _options(found: DataSet) -> dict[str, bool]:
    """Return where FlowIO finds the offsets that hold; that others differ has been judged before."""
    return {"use_header_offsets": found.header.data == found.layout.span, "ignore_offset_discrepancy": True}


def _agreed(values: NDArray[Any], keywords: Mapping[str, Any], found: DataSet) -> NDArray[Any]:
    """Return the values if they were read by the keywords that were found here; readfcs has parsed "spill"."""
    same = {**keywords, "spill": None} == {**found.keywords, "spill": None}
    n_events, n_channels = found.shape
    if not same or values.size != n_events * n_channels:
        msg = "other keywords, or another number of values"
        raise ValueError(msg)
    return values.reshape(found.shape)


def _mapped(path: str | os.PathLike[str]) -> mmap.mmap:
    """Return the bytes of a file as a handle that cannot be read past its end, whatever a damaged offset asks for."""
    with Path(path).open("rb") as handle:
        return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)

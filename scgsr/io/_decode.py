"""The DATA segment -> values as they are stored: numbers of one type without gaps, or integers packed bit by bit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr.io._damage import DamageError
from scgsr.io._integers import unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scgsr.io._outline import DataSet

_FLOAT_TYPES = {"F": "f4", "D": "f8"}


def decode(path: str | os.PathLike[str], data_set: DataSet) -> NDArray[Any]:
    """Return the values, (n_events, n_channels), of a data set whose size was checked against that of the file."""
    layout = data_set.layout
    # Without values the offset may be anything, and nothing is read.
    offset = data_set.offset + layout.start if layout.n_bytes else 0
    data = np.fromfile(path, np.uint8, count=layout.n_bytes, offset=offset)
    if len(data) < layout.n_bytes:
        msg = f"it ends after {len(data)} of {layout.n_bytes} bytes of values"
        raise DamageError(msg)
    if layout.datatype == "I":
        rows = data.reshape(layout.shape[0], layout.bytes_per_event)
        return unpack(rows, layout.sizes, data_set.keywords, layout.byte_order)
    stored = np.dtype(_FLOAT_TYPES[layout.datatype]).newbyteorder(layout.byte_order)
    return data.view(stored).astype(stored.newbyteorder("="), copy=False).reshape(layout.shape)

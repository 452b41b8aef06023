"""One data set of an FCS file as values and keywords: what the file promises, or a ValueError that names it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scgsr._checks import instance, log, positive_int
from scgsr.io._damage import naming
from scgsr.io._outline import DataSet, check_size, data_sets
from scgsr.io._readers import decode
from scgsr.io._spill import spill_of
from scgsr.io._text import offset_or_zero

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class FcsEvents(NamedTuple):
    """What an FCS file holds, before it is an AnnData."""

    values: NDArray[Any]  # (n_events, n_channels), as stored
    channels: list[str]  # $PnN
    markers: list[str]  # $PnS, "" where not set
    keywords: dict[str, str]  # in lower case, without "$", without a spillover matrix that could be parsed
    spill: pd.DataFrame | None  # channels of the dyes x channels of the detectors


def read_events(path: str | os.PathLike[str], *, data_set: int = 0) -> FcsEvents:
    """Return what data set number `data_set` of the FCS file at `path` holds."""
    return load(path, find(path, data_set=data_set))


def load(path: str | os.PathLike[str], found: DataSet) -> FcsEvents:
    """Return the events of a data set that `find` has found."""
    with naming(path):
        values = decode(path, found)
    return FcsEvents(values, found.panel.channels, found.panel.markers, *spill_of(found.keywords))


def find(path: str | os.PathLike[str], *, data_set: int = 0) -> DataSet:
    """Return data set number `data_set`, without its events, after checks of what it promises."""
    instance("path", path, (str, os.PathLike))
    data_set = positive_int("data_set", data_set, minimum=0)
    with naming(path):
        found = list(data_sets(path))
    if data_set >= len(found):
        msg = (
            f"`data_set` must be less than {len(found)}, the number of data sets in {os.fspath(path)}, got {data_set}."
        )
        raise ValueError(msg)
    if len(found) > 1:
        log.warning(
            "%s holds %d data sets: this is number %d; `data_set` chooses.", os.fspath(path), len(found), data_set
        )
    with naming(path):
        check_size(found[data_set], Path(path).stat().st_size)
    _warn(os.fspath(path), found[data_set])
    return found[data_set]


def _warn(path: str, found: DataSet) -> None:
    """Say what is in the file, but not in the result."""
    if found.header.version == "3.2":
        log.warning("%s is FCS 3.2, and is read as if it were FCS 3.1.", path)
    if found.amplified:
        log.warning(
            "%s: %s are stored log-amplified ($PnE): values are channel numbers, not intensities.",
            path,
            ", ".join(found.amplified),
        )
    start, stop = (offset_or_zero(found.keywords.get(name, "")) for name in ("beginstext", "endstext"))
    if stop > start > 0 and start != found.header.text[0]:
        log.warning("%s: the supplemental TEXT segment ($BEGINSTEXT) is not read.", path)

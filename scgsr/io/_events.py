"""One data set of an FCS file as values and keywords: what the file promises, or a ValueError that names it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scgsr._checks import about, instance, listed, log, positive_int
from scgsr.io._damage import naming
from scgsr.io._decode import decode
from scgsr.io._outline import DataSet, check_size, data_sets
from scgsr.io._places import Choice
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


def read_events(path: str | os.PathLike[str], data_set: DataSet) -> FcsEvents:
    """Return the events of a data set that `find_data_set` has returned."""
    with naming(path):
        values = decode(path, data_set)
    keywords, spill, notes = spill_of(data_set.keywords)
    _warn(path, notes)
    panel = data_set.panel
    return FcsEvents(values=values, channels=panel.channels, markers=panel.markers, keywords=keywords, spill=spill)


def find_data_set(path: str | os.PathLike[str], number: int, offsets: Choice | None = None) -> DataSet:
    """Return data set `number` (the argument `data_set`), without its events, after checks of what it promises."""
    instance("path", path, (str, os.PathLike))
    number = positive_int("data_set", number, minimum=0)
    name = os.fspath(path)
    chosen, n_data_sets = None, 0
    with naming(path):
        for data_set in data_sets(path, offsets):  # No more than the chosen one is kept.
            chosen = data_set if n_data_sets == number else chosen
            n_data_sets += 1
    if chosen is None:
        msg = f"`data_set` must be less than {n_data_sets}, the number of data sets in {name}, got {number}."
        raise about("data_set", ValueError(msg))
    if n_data_sets > 1:
        log.warning("%s holds %d data sets: this is number %d; `data_set` chooses.", name, n_data_sets, number)
    with naming(path):
        check_size(chosen, Path(path).stat().st_size)
        _warn_of_what_is_not_read(name, chosen)
    return chosen


def _warn(path: str | os.PathLike[str], notes: Iterable[str]) -> None:
    """Log what was decided about a file."""
    for note in notes:
        log.warning("%s: %s.", os.fspath(path), note)


def _warn_of_what_is_not_read(path: str, data_set: DataSet) -> None:
    """Log what the file says that is not in the result."""
    _warn(path, data_set.layout.notes)
    if data_set.header.version == "3.2":
        log.warning("%s is FCS 3.2, and is read as if it were FCS 3.1.", path)
    if data_set.amplified:
        log.warning(
            "%s: %s are stored log-amplified ($PnE): values are channel numbers, not intensities.",
            path,
            listed(data_set.amplified),
        )
    start, stop = (offset_or_zero(data_set.keywords.get(name, "")) for name in ("beginstext", "endstext"))
    if stop > start > 0 and start != data_set.header.text[0]:
        log.warning("%s: the supplemental TEXT segment ($BEGINSTEXT) is not read.", path)

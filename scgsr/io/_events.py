"""One data set of an FCS file as values and keywords: what the file promises, or a ValueError that names it."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scgsr._checks import instance, positive_int
from scgsr.io._integers import widths
from scgsr.io._panel import Panel
from scgsr.io._readers import Decoded, flow_data, with_flowio, with_numpy, with_readfcs

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

logger = logging.getLogger("scgsr")

_SUPPORTED = {"mode": ["L"], "datatype": ["F", "D", "I"], "byteord": ["1,2,3,4", "4,3,2,1", "1,2", "2,1"]}
_BYTES = {"F": 4, "D": 8}


class DamageError(ValueError):
    """A promise of the file that it does not keep, as a sentence."""


class FcsEvents(NamedTuple):
    """What an FCS file holds, before it is an AnnData."""

    values: NDArray[Any]  # (n_events, n_channels), as stored
    channels: list[str]  # $PnN
    markers: list[str]  # $PnS, "" where not set
    keywords: dict[str, str]
    spill: pd.DataFrame | None


class DataSet(NamedTuple):
    """Where one data set of a file lies, and its TEXT segment."""

    offset: int
    header: dict[str, Any]
    keywords: dict[str, str]
    alone: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Number of events and channels."""
        return int(self.keywords["tot"]), int(self.keywords["par"])

    @property
    def panel(self) -> Panel:
        """Return $PnN, the detectors, and $PnS, what they measure."""
        numbers = range(1, self.shape[1] + 1)
        return Panel(
            [_clean(self.keywords[f"p{n}n"]) for n in numbers],
            [_clean(self.keywords.get(f"p{n}s", "")) for n in numbers],
        )


def read_events(path: str | os.PathLike[str], *, data_set: int = 0) -> FcsEvents:
    """Return what data set number `data_set` of the FCS file at `path` holds."""
    return load(path, find(path, data_set=data_set))


def load(path: str | os.PathLike[str], found: DataSet) -> FcsEvents:
    """Return the events of a data set that `find` has found."""
    with naming(path):
        decoded = _decode(path, found)
        n_events, n_channels = found.shape
        if decoded.values.size != n_events * n_channels:
            msg = f"it holds {decoded.values.size} values, but $TOT = {n_events} events of $PAR = {n_channels} channels"
            raise DamageError(msg)
        values = decoded.values.reshape(n_events, n_channels)
    return FcsEvents(values, found.panel.channels, found.panel.markers, decoded.keywords, decoded.spill)


def find(path: str | os.PathLike[str], *, data_set: int = 0) -> DataSet:
    """Return data set number `data_set`, without its events, after checks of what it promises."""
    instance("path", path, (str, os.PathLike))
    data_set = positive_int("data_set", data_set, minimum=0)
    with naming(path):
        found = list(_data_sets(path))
    if data_set >= len(found):
        msg = (
            f"`data_set` must be less than {len(found)}, the number of data sets in {os.fspath(path)}, got {data_set}."
        )
        raise ValueError(msg)
    if len(found) > 1:
        logger.warning(
            "%s holds %d data sets: this is number %d; `data_set` chooses.", os.fspath(path), len(found), data_set
        )
    with naming(path):
        _check(found[data_set].keywords, Path(path).stat().st_size)
        _warn(path, found[data_set])
    return found[data_set]


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what damage leads to, which is anything from KeyError to re.error, into a ValueError with the file."""
    try:
        yield
    except (ImportError, MemoryError, OSError):
        raise  # about the machine, not the file
    except Exception as error:
        name = type(error).__name__
        reasons = {"DamageError": str(error), "KeyError": f"it lacks the keyword {error}"}
        reason = reasons.get(name, f"{name}: {error}")
        msg = f"`path` must be a complete FCS file, but {os.fspath(path)} is not: {reason}."
        raise ValueError(msg) from error


def _decode(path: str | os.PathLike[str], found: DataSet) -> Decoded:
    """Decode with readfcs, and where that fails with FlowIO, on which readfcs is built: the values are the same.

    Integers are unpacked here, for neither reads all of them.
    """
    text_start, header_start = int(found.keywords.get("begindata", 0)), found.header["data_start"]
    options = {
        "use_header_offsets": text_start == 0 or found.header["version"] == "2.0",
        "ignore_offset_error": True,  # an end that is one byte too far
        "ignore_offset_discrepancy": header_start == 0,  # some writers leave the header blank in small files too
    }
    if found.keywords["datatype"] == "I":
        return with_numpy(path, options, found.offset)
    if found.alone:  # readfcs would read them all
        try:
            return with_readfcs(path, options)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # damage has any name, and FlowIO has the last word on it
            logger.debug("%s: %s in readfcs, reading it with FlowIO", os.fspath(path), error)
    return with_flowio(path, options, found.offset)


def _data_sets(path: str | os.PathLike[str]) -> Iterator[DataSet]:
    """Follow $NEXTDATA, which counts from where its data set begins."""
    with Path(path).open("rb") as handle:
        offset, step = 0, None
        while step != 0:
            handle.seek(offset)
            if handle.read(3) != b"FCS":
                if not step:
                    msg = "it does not begin with 'FCS'"
                    raise DamageError(msg)
                logger.warning("%s: $NEXTDATA = %d, but no data set begins there.", os.fspath(path), step)
                return
            flow = flow_data(path, only_text=True, use_header_offsets=True, nextdata_offset=offset)
            step = int(flow.text.get("nextdata", 0))
            if step < 0:
                msg = f"$NEXTDATA = {step} leads backwards"
                raise DamageError(msg)
            yield DataSet(offset, flow.header, flow.text, alone=offset == step == 0)
            offset += step


def _check(keywords: dict[str, str], n_bytes: int) -> None:
    """Refuse what FlowIO would guess at, and promises that a file of this size cannot keep."""
    for keyword, allowed in _SUPPORTED.items():
        if keywords[keyword] not in allowed:
            msg = f"${keyword.upper()} is {keywords[keyword]!r}, but must be one of {allowed}"
            raise DamageError(msg)
    n_events, n_channels = int(keywords["tot"]), int(keywords["par"])
    named = sorted(int(key[1:-1]) for key in keywords if re.fullmatch(r"p\d+n", key))
    if len(named) != n_channels or named != list(range(1, n_channels + 1)):
        msg = f"it names channels {named}, but has $PAR = {n_channels} of them"
        raise DamageError(msg)
    if keywords["datatype"] == "I":
        bytes_per_event = sum(widths(keywords))
    else:
        bytes_per_event = _BYTES[keywords["datatype"]] * n_channels
    if n_events < 0 or n_events * bytes_per_event > n_bytes:
        msg = f"it has {n_bytes} bytes, but $TOT = {n_events} events of {bytes_per_event} bytes"
        raise DamageError(msg)


def _warn(path: str | os.PathLike[str], found: DataSet) -> None:
    """Say what is in the file, but not in the result."""
    amplified = [
        channel
        for n, channel in enumerate(found.panel.channels, start=1)
        if float(found.keywords.get(f"p{n}e", "0").split(",")[0]) > 0
    ]
    if amplified:
        logger.warning(
            "%s: %s are stored log-amplified ($PnE): values are channel numbers, not intensities.",
            os.fspath(path),
            ", ".join(amplified),
        )
    start, stop = (int(found.keywords.get(name, 0)) for name in ("beginstext", "endstext"))
    if stop > start > 0 and start != found.header["text_start"]:
        logger.warning("%s: the supplemental TEXT segment ($BEGINSTEXT) is not read.", os.fspath(path))


def _clean(name: str) -> str:
    """Drop the blanks and zero bytes that some writers pad names with."""
    return name.replace("\x00", "").strip()

"""FCS files in: one row per event, one column per channel.

`read_fcs`: a flow or mass cytometry file as an AnnData.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from scgsr._checks import instance

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

__all__ = ["read_fcs"]

logger = logging.getLogger("scgsr")

_SUPPORTED = {"mode": ["L"], "datatype": ["F", "D", "I"], "byteord": ["1,2,3,4", "4,3,2,1", "1,2", "2,1"]}


class FcsEvents(NamedTuple):
    """What an FCS file holds, before it is an AnnData."""

    values: NDArray[np.float64]  # (n_events, n_channels), as stored
    channels: list[str]  # $PnN
    markers: list[str]  # $PnS, "" where not set
    log_amplified: list[str]  # those of the channels whose $PnE names decades
    keywords: dict[str, str]


def read_fcs(path: str | os.PathLike[str]) -> AnnData:
    """Read the events of an FCS file.

    Values are those stored in the file: no compensation, no transform, and neither channel gain ($PnG) nor
    amplification ($PnE) nor time step ($TIMESTEP) is applied. A warning is logged where a channel was stored on a
    logarithmic scale, as integer files of old cytometers are. Files of version 2.0, 3.0 and 3.1 are read; offsets that
    only the header has, and an end that is one byte too far, are accepted, but never a number of events other than
    the one the file promises ($TOT).

    Parameters
    ----------
    path
        The file, with one data set in it.

    Returns
    -------
    AnnData of shape (n_events, n_channels):

    `.X`
        float32 ndarray, the stored values.
    `.var_names`
        The marker ($PnS), or the channel ($PnN) where no marker is given; repeated names get "-1", "-2", ... .
    `.var["channel"]`, `.var["marker"]`
        $PnN, and $PnS or an empty string.
    `.uns["meta"]`
        dict of the keywords as strings; keys are in lower case, without "$", and with "_" for "/".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not FCS, damaged, incomplete, or of a kind that is not read: several data sets, histograms, text
        values.
    ImportError
        If FlowIO is missing.

    References
    ----------
    Spidlen J, Moore W, Parks D, et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A
    2010;77:97-100. doi:10.1002/cyto.a.20825

    Examples
    --------
    >>> import pathlib, tempfile, flowio, scgsr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "two_events.fcs"
    ...     with path.open("wb") as handle:
    ...         _ = flowio.create_fcs(handle, [1.0, 2.0, 3.0, 4.0], ["Nd142Di", "Event_length"], ["CD19", ""])
    ...     adata = scgsr.io.read_fcs(path)
    >>> adata.to_df()
       CD19  Event_length
    0   1.0           2.0
    1   3.0           4.0
    >>> adata.var["channel"].to_list()
    ['Nd142Di', 'Event_length']
    """
    events = read_events(path)
    names = [
        marker or channel or f"P{n}"
        for n, (channel, marker) in enumerate(zip(events.channels, events.markers, strict=True), start=1)
    ]
    from anndata import AnnData  # slow to import

    return AnnData(
        _as_float32(events.values, path),
        obs=pd.DataFrame(index=[str(i) for i in range(len(events.values))]),
        var=pd.DataFrame({"channel": events.channels, "marker": events.markers}, index=_unique(names)),
        uns={"meta": _writable(events.keywords)},
    )


def read_events(path: str | os.PathLike[str]) -> FcsEvents:
    """Return what the FCS file at `path` holds, in double precision."""
    instance("path", path, (str, os.PathLike))
    content = Path(path).read_bytes()  # so that an OSError below can only come from a damaged offset
    if not content.startswith(b"FCS"):
        raise _unreadable(path, "it does not begin with 'FCS'")
    try:
        events = _parse(content)
    except (ImportError, MemoryError):
        raise  # about the machine, not the file
    except Exception as error:  # FlowIO meets damage with whatever the damaged byte leads to, from KeyError to re.error
        missing_keyword = isinstance(error, KeyError)
        reason = f"it lacks the keyword {error}" if missing_keyword else f"{type(error).__name__}: {error}"
        raise _unreadable(path, reason) from error
    if events.log_amplified:
        logger.warning(
            "%s: %s are stored log-amplified ($PnE): values are channel numbers, not intensities.",
            os.fspath(path),
            ", ".join(events.log_amplified),
        )
    return events


def _parse(content: bytes) -> FcsEvents:
    text = _flow_data(content, only_text=True, use_header_offsets=True, nextdata_offset=0).text
    _check_supported(text)
    header_only = int(text.get("begindata", 0)) == 0
    flow = _flow_data(content, use_header_offsets=header_only, ignore_offset_error=True)
    n_events, n_channels = flow.event_count, flow.channel_count
    if set(flow.channels) != set(range(1, n_channels + 1)):
        msg = f"it names channels {sorted(flow.channels)}, but has $PAR = {n_channels} of them"
        raise ValueError(msg)
    n_values = 0 if flow.events is None else len(flow.events)
    if n_values != n_events * n_channels:
        msg = f"it holds {n_values} values, but $TOT = {n_events} events of $PAR = {n_channels} channels"
        raise ValueError(msg)
    return FcsEvents(
        values=flow.as_array(preprocess=False),
        channels=[_clean(name) for name in flow.pnn_labels],
        markers=[_clean(name) for name in flow.pns_labels],
        log_amplified=[c["pnn"] for c in flow.channels.values() if c["pne"][0] > 0],
        keywords=flow.text,
    )


def _flow_data(content: bytes, **options: Any) -> Any:
    try:
        from flowio import FlowData
    except ImportError as error:
        msg = 'Reading FCS files needs FlowIO: `pip install "scgsr[fcs]"`.'
        raise ImportError(msg) from error
    return FlowData(BytesIO(content), **options)


def _check_supported(text: dict[str, str]) -> None:
    """Refuse what FlowIO would guess at, and all but one data set of events."""
    for keyword, allowed in _SUPPORTED.items():
        if text[keyword] not in allowed:
            msg = f"${keyword.upper()} is {text[keyword]!r}, but must be one of {allowed}"
            raise ValueError(msg)
    if int(text.get("nextdata", 0)) != 0:
        msg = f"$NEXTDATA is {text['nextdata']}, but must be 0, for a single data set"
        raise ValueError(msg)


def _as_float32(values: NDArray[np.float64], path: str | os.PathLike[str]) -> NDArray[np.float32]:
    try:
        with np.errstate(over="raise", invalid="ignore"):
            return values.astype(np.float32)
    except FloatingPointError as error:
        raise _unreadable(path, "it holds values beyond the range of 32-bit floats") from error


def _clean(name: str) -> str:
    """Drop the blanks and zero bytes that some writers pad names with."""
    return name.replace("\x00", "").strip()


def _writable(keywords: dict[str, str]) -> dict[str, str]:
    """Neither HDF5 nor zarr takes "/" or only dots in a key, and HDF5 no zero bytes in a string."""
    keys = [re.sub(r"[/\x00]|^\.+$", "_", key) or "_" for key in keywords]
    return {key: value.replace("\x00", "") for key, value in zip(_unique(keys), keywords.values(), strict=True)}


def _unique(names: Iterable[str]) -> list[str]:
    """Append "-1", "-2", ... to the second, third, ... use of a name, passing over names that exist."""
    names = list(names)
    taken, result = set(names), []
    for name in names:
        if name in result:
            name = next(new for i in itertools.count(1) if (new := f"{name}-{i}") not in taken)
        taken.add(name)
        result.append(name)
    return result


def _unreadable(path: str | os.PathLike[str], reason: str) -> ValueError:
    return ValueError(f"`path` must be a complete FCS file, but {os.fspath(path)} is not: {reason}.")

"""A file or a folder of files -> AnnData."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._checks import about, instance, one_of
from scgsr.io._damage import DamageError, naming
from scgsr.io._events import find_data_set, read_events
from scgsr.io._outline import DataSet
from scgsr.io._panel import Panel, files_of, shared_panel, unique
from scgsr.io._paths import source
from scgsr.io._samples import SAMPLE
from scgsr.io._spill import check_spill, compensate_in_place

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import DTypeLike, NDArray


def read_fcs(
    path: str | os.PathLike[str],
    *,
    data_set: int = 0,
    compensate: bool | pd.DataFrame = False,
    panel: str = "same",
    dtype: DTypeLike = "float32",
) -> AnnData:
    """Read the events of an FCS file, or of all FCS files in a folder.

    Values are those stored in the file: unless asked for no compensation, no transform, and neither channel gain ($PnG)
    nor amplification ($PnE) nor time step ($TIMESTEP) is applied. A warning is logged where a channel was stored on a
    logarithmic scale, as integer files of old cytometers are. Files of version 2.0, 3.0 and 3.1 are read, and 3.2 as if
    it were 3.1, which a warning says. Empty values of keywords, offsets that only the header or only the TEXT segment
    has, and an end that is one byte too far, are accepted, but never a number of events other than the one the file
    promises ($TOT).

    A folder becomes one AnnData: its files ending in .fcs or .FCS, in natural order of their names, without those that
    begin with a dot. Their panels are compared by marker and channel, whose order may differ.

    Parameters
    ----------
    path
        The file, or a folder of files.
    data_set
        Which data set of a file that holds several; a warning says how many there are.
    compensate
        True replaces what the detectors measured by what the dyes emitted, `X[:, channels] @ inv(spill)`, with the
        spillover matrix of the file ($SPILLOVER or SPILL). A DataFrame is such a matrix: rows are the channels ($PnN)
        of the dyes, columns those of the detectors. Values must be linear: log-amplified channels are refused.
    panel
        For a folder, "same": a file with another panel is refused. "shared": only what all files have is read.
    dtype
        float32, or float64 for doubles as they are stored and integers up to 2**53: whatever NumPy takes for one of
        them, such as "float64", `np.float64` or `float`.

    Returns
    -------
    AnnData of shape (n_events, n_channels):

    `.X`
        ndarray of `dtype`, the stored values. What float32 cannot hold is rounded: doubles to some 7 digits, and
        integers above 2**24 = 16,777,216, which a time channel may reach.
    `.obs["sample"]`
        for a folder, categorical: the name of the file without its ending. `.obs_names` are "<sample>_0", ... .
    `.var_names`
        The marker ($PnS), or the channel ($PnN) where no marker is given; repeated names get "-1", "-2", ... .
    `.var["channel"]`, `.var["marker"]`
        $PnN, and $PnS or an empty string; for a folder those of its first file.
    `.uns["meta"]`
        dict of the keywords as strings; keys are in lower case, without "$", and with "_" for "/". A standard keyword
        wins over a vendor's of the same name. For a folder a dict from sample to such a dict. "spill" is the spillover
        matrix as a DataFrame whose index names the channels of rows and columns (the columns have "_" for "/"),
        "compensated" whether it was applied.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    TypeError
        If an argument has a wrong type, or `dtype` is no type of NumPy.
    ValueError
        If `dtype` is an unknown name or another type. If a file is not FCS, damaged, incomplete, or of a kind that is
        not read: other versions, histograms, text values, integers of other than whole bytes up to 64 bits. If a folder
        has no FCS file, or panels differ. If a spillover matrix is asked for and there is none, or it does not fit the
        channels, or these are log-amplified.

    References
    ----------
    Spidlen J, Moore W, Parks D, et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A
    2010;77:97-100. https://doi.org/10.1002/cyto.a.20825

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np, scgsr
    >>> from anndata import AnnData
    >>> cells = AnnData(np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32))
    >>> cells.var_names, cells.var["channel"] = ["CD19", "Event_length"], ["Nd142Di", "Event_length"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for donor in ["donor_2", "donor_10"]:
    ...         scgsr.io.write_fcs(cells, pathlib.Path(folder) / f"{donor}.fcs", key=None)
    ...     adata = scgsr.io.read_fcs(pathlib.Path(folder) / "donor_2.fcs")
    ...     donors = scgsr.io.read_fcs(folder)
    >>> adata.to_df()
       CD19  Event_length
    0   1.0           2.0
    1   3.0           4.0
    >>> adata.var["channel"].to_list()
    ['Nd142Di', 'Event_length']
    >>> donors.obs["sample"].value_counts(sort=False).to_dict()
    {'donor_2': 2, 'donor_10': 2}
    """
    file_or_folder = source(path)
    instance("compensate", compensate, (bool, pd.DataFrame))
    one_of("panel", panel, ["same", "shared"])
    float_type = _float_type(dtype)
    if file_or_folder.is_dir():
        return _folder(file_or_folder, data_set, compensate, float_type, refuse=panel == "same")
    in_file = find_data_set(path, data_set)
    values, meta = _values(path, in_file, compensate, float_type)
    return _anndata(values, in_file.panel, obs=pd.DataFrame(index=[str(i) for i in range(len(values))]), meta=meta)


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64, in the byte order of this machine."""
    msg = f"`dtype` must be float32 or float64, as a name or a type of NumPy, got {dtype!r}."
    try:
        float_type = np.dtype(object if dtype is None else dtype)  # NumPy takes None for float64.
    except (TypeError, ValueError, SyntaxError) as error:
        raise about("dtype", (ValueError if isinstance(dtype, str) else TypeError)(msg)) from error
    if float_type not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise about("dtype", (TypeError if dtype is None else ValueError)(msg))
    return float_type


def _folder(
    folder: Path, number: int, compensate: bool | pd.DataFrame, dtype: np.dtype[Any], *, refuse: bool
) -> AnnData:
    """Return data set `number` of each file of a folder as one AnnData."""
    files = files_of(folder)
    data_sets = {sample: find_data_set(file, number) for sample, file in files.items()}
    keys = shared_panel({files[sample]: data_set.panel for sample, data_set in data_sets.items()}, refuse=refuse)
    sizes = [data_set.shape[0] for data_set in data_sets.values()]
    # All files go into one array, and each is forgotten before the next: memory peaks at the result and one file.
    together = np.empty((sum(sizes), len(keys)), dtype)
    metas, stop = {}, 0
    for (sample, data_set), size in zip(data_sets.items(), sizes, strict=True):
        values, metas[sample] = _values(files[sample], data_set, compensate, dtype)
        start, stop = stop, stop + size
        together[start:stop] = values[:, data_set.panel.columns(keys)]
    obs = pd.DataFrame(
        {SAMPLE: pd.Categorical(np.repeat(list(files), sizes), categories=list(files))},
        index=[f"{sample}_{i}" for sample, size in zip(files, sizes, strict=True) for i in range(size)],
    )
    first = next(iter(data_sets.values())).panel
    return _anndata(together, first.only(keys), obs=obs, meta=metas)


def _anndata(values: NDArray[np.floating], panel: Panel, *, obs: pd.DataFrame, meta: dict[str, Any]) -> AnnData:
    from anndata import AnnData  # slow to import

    var = pd.DataFrame({"channel": panel.channels, "marker": panel.markers}, index=unique(panel.names))
    return AnnData(values, obs=obs, var=var, uns={"meta": meta})


def _values(
    path: str | os.PathLike[str], data_set: DataSet, compensate: bool | pd.DataFrame, dtype: np.dtype[Any]
) -> tuple[NDArray[np.floating], dict[str, Any]]:
    """Return the events, compensated if asked for, and what goes to `.uns["meta"]`."""
    events = read_events(path, data_set)
    values, spill = _as_floats(events.values, path, dtype), events.spill
    compensated = isinstance(compensate, pd.DataFrame) or compensate
    if compensated:
        spill = _matrix(path, data_set, compensate if isinstance(compensate, pd.DataFrame) else spill)
        compensate_in_place(values, events.channels, spill)
    meta: dict[str, Any] = _writable(events.keywords)
    if spill is not None:  # Columns of a data frame become keys in a file.
        meta["spill"] = spill.set_axis(list(_writable(dict.fromkeys(spill.columns, ""))), axis="columns")
    return values, {**meta, "compensated": compensated}


def _matrix(path: str | os.PathLike[str], data_set: DataSet, spill: pd.DataFrame | None) -> pd.DataFrame:
    """Return the matrix if it fits the channels."""
    if spill is None:
        msg = (
            f"`compensate` needs a spillover matrix ($SPILLOVER or SPILL), and {os.fspath(path)} has none that can be "
            "read; leave it out, or give a DataFrame."
        )
        raise about("compensate", ValueError(msg))
    try:
        matrix = check_spill(spill, data_set.panel.channels)
    except ValueError as error:
        msg = f"`compensate`: {os.fspath(path)} cannot be compensated: {error}."
        raise about("compensate", ValueError(msg)) from error
    if amplified := [channel for channel in data_set.amplified if channel in matrix.index]:
        msg = (
            f"`compensate`: {os.fspath(path)} cannot be compensated: {amplified} are stored log-amplified ($PnE), and "
            "only linear values can be; read the file without it."
        )
        raise about("compensate", ValueError(msg))
    return matrix


def _as_floats(values: NDArray[Any], path: str | os.PathLike[str], dtype: np.dtype[Any]) -> NDArray[np.floating]:
    """Return writeable values of `dtype`, without a copy where possible."""
    with naming(path), np.errstate(over="raise", invalid="ignore"):
        try:
            return np.require(values, dtype, ["C", "W"])
        except FloatingPointError as error:
            msg = "it holds values beyond the range of 32-bit floats"
            raise DamageError(msg) from error


def _writable(keywords: dict[str, str]) -> dict[str, str]:
    """Neither HDF5 nor zarr takes "/" or only dots in a key, and HDF5 no zero bytes in a string."""
    keys = [re.sub(r"[/\x00]|^\.+$", "_", key) or "_" for key in keywords]
    return {key: value.replace("\x00", "") for key, value in zip(unique(keys), keywords.values(), strict=True)}

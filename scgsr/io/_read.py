"""A file or a folder of files -> AnnData."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr.io._source import Source

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import DTypeLike


def read_fcs(
    path: str | os.PathLike[str],
    *,
    data_set: int = 0,
    compensate: bool | pd.DataFrame = False,
    panel: str = "same",
    dtype: DTypeLike = "float32",
    offsets: str | None = None,
    samples: str | os.PathLike[str] | pd.DataFrame | None = None,
) -> AnnData:
    """Read the events of an FCS file, or of all FCS files in a folder.

    Values are those stored in the file. Nothing is transformed, nothing is compensated unless `compensate` asks for it,
    and neither gain ($PnG) nor amplification ($PnE) nor time step ($TIMESTEP) is applied. A warning names channels that
    were stored on a logarithmic scale, as in integer files of old cytometers.

    Files of version 2.0, 3.0 and 3.1 are read, and 3.2 as if it were 3.1, with a warning. Small faults that are common
    are accepted: keywords without a value or with blanks around them, offsets that only the header or only the TEXT
    segment has, an end that is one byte too far, and, with a warning, integers of 10 bits and the like that take whole
    bytes. The number of events is always the one that the file promises ($TOT); else the file is refused.

    A folder becomes one AnnData: its files ending in .fcs or .lmd, in capitals or not, and FCS files ending in a number
    such as .001, in natural order of their names, without those that begin with a dot. Packed files must be unpacked
    first. Their panels are compared by marker and channel, whose order may differ. Where that would not fit
    into memory, :func:`convert_fcs` writes the same to a .h5ad or .zarr, file by file.

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
    offsets
        Where the values lie, if the header and the TEXT segment of a file disagree: "header" or "text" takes what that
        one says. None takes the one that is possible, that is within the file and of the length for all events, and
        logs a warning; if both or neither are possible, the file is refused. A file of version 2.0 has its offsets in
        the header.
    samples
        For a folder, a table with one row per file: a DataFrame, or the path of a text table (.csv, .tsv; UTF-8),
        looked up as it is and then in the folder. The column with the names of the files, with or without their ending,
        is known by its values; the others go to `.obs`.

    Returns
    -------
    AnnData of shape (n_events, n_channels):

    `.X`
        ndarray of `dtype`, the stored values. What float32 cannot hold is rounded: doubles to some 7 digits, and
        integers above 2**24 = 16,777,216, which a time channel may reach.
    `.obs["sample"]`
        for a folder, categorical: the name of the file without its ending unless that is a number. `.obs_names` are
        "<sample>_0", ... . Where `samples` has a column of that name, its values are taken instead.
    `.obs[column]`
        for each other column of `samples`: numbers where all its values are numbers, booleans of a DataFrame, else
        categorical in natural order; categories of a DataFrame keep theirs. An empty value is NaN.
    `.var_names`
        The marker ($PnS), or the channel ($PnN) where no marker is given; repeated names get "-1", "-2", ... .
    `.var["channel"]`, `.var["marker"]`
        $PnN, and $PnS or an empty string; for a folder those of its first file.
    `.var["channel_kind"]`
        ``"marker"``, or which kind of technical channel it is: ``"time"``, ``"scatter"``, ``"event length"``,
        ``"pulse shape"``, ``"DNA"``, ``"viability"``, ``"beads"``, ``"barcode"``, ``"background"``, ``"record"``, by
        its names and $PnTYPE. :func:`scgsr.pp.arcsinh` and :func:`scgsr.tl.fit` leave technical channels out, and say
        so, unless `mask_var` chooses. Where a name was not understood, set it:
        ``adata.var.loc["X", "channel_kind"] = "marker"``.
    `.uns["meta"]`
        dict of the keywords as strings; keys are in lower case, without "$", and with "_" for "/". A standard keyword
        wins over a vendor's of the same name. For a folder a dict from sample to such a dict. "spill" is the spillover
        matrix as a DataFrame whose index names the channels of rows and columns (the columns have "_" for "/"),
        "compensated" whether it was applied. A matrix that names a channel twice is not taken, and of two that differ
        SPILL is taken before $SPILLOVER; a warning says so.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, or no table `samples`.
    TypeError
        If an argument has a wrong type, or `dtype` is no type of NumPy.
    ValueError
        If `dtype` is an unknown name or another type. If a file is not FCS, damaged, incomplete, or of a kind that is
        not read: other versions, histograms, text values, integers that are packed bit by bit. If a folder has no FCS
        file or a packed one, or panels differ. If a spillover matrix is asked for and there is none, or it does not fit
        the channels, or these are log-amplified. If `samples` is given for a single file, cannot be read, has no column
        with names of files or several that disagree, lacks a file, or names one twice or that is not there.

    References
    ----------
    Spidlen J, Moore W, Parks D, et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A
    2010;77:97-100. https://doi.org/10.1002/cyto.a.20825

    Examples
    --------
    >>> import pathlib, tempfile, numpy as np, pandas as pd, scgsr
    >>> from anndata import AnnData
    >>> cells = AnnData(np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32))
    >>> cells.var_names, cells.var["channel"] = ["CD19", "Event_length"], ["Nd142Di", "Event_length"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for donor in ["donor_2", "donor_10"]:
    ...         scgsr.io.write_fcs(cells, pathlib.Path(folder) / f"{donor}.fcs", key=None)
    ...     adata = scgsr.io.read_fcs(pathlib.Path(folder) / "donor_2.fcs")
    ...     table = pd.DataFrame({"file": ["donor_10.fcs", "donor_2.fcs"], "condition": ["treated", "control"]})
    ...     donors = scgsr.io.read_fcs(folder, samples=table)
    >>> adata.to_df()
       CD19  Event_length
    0   1.0           2.0
    1   3.0           4.0
    >>> adata.var["channel"].to_list()
    ['Nd142Di', 'Event_length']
    >>> donors.obs.drop_duplicates()
                 sample condition
    donor_2_0    donor_2   control
    donor_10_0  donor_10   treated
    """
    events = Source.of(
        path,
        data_set=data_set,
        compensate=compensate,
        panel=panel,
        dtype=dtype,
        offsets=offsets,
        samples=samples,
    )
    if not events.is_folder:
        [(_, values, _, meta)] = events.read()
        return events.cells(values, [meta])
    # All files go into one array, and each is forgotten before the next: memory peaks at the result and one file.
    together, metas = np.empty(events.shape, events.dtype), []
    for rows, values, columns, meta in events.read():
        together[rows] = values[:, columns]
        metas.append(meta)
    return events.cells(together, metas)

"""A file or a folder of files -> a .h5ad or .zarr, file by file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from scgsr import _adata, _checks
from scgsr._atomic import replacing
from scgsr._checks import about
from scgsr._values import bar, rows_at_once, slices
from scgsr.io._paths import check_place
from scgsr.io._source import Source

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


def convert_fcs(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    data_set: int = 0,
    compensate: bool | pd.DataFrame = False,
    panel: str = "same",
    dtype: DTypeLike = "float32",
    offsets: str | None = None,
    samples: str | os.PathLike[str] | pd.DataFrame | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> None:
    """Write the events of an FCS file, or of all FCS files in a folder, to a .h5ad or .zarr, one file at a time.

    What is written is what :func:`read_fcs` returns, without ever being in memory: no more than the largest file and
    the names of the events are. ``anndata.read_h5ad(output, backed="r")`` is then what :func:`scgsr.tl.fit` takes. The
    output is there complete or not at all.

    Parameters
    ----------
    path
        The file, or a folder of files.
    output
        The file to write, ending in .h5ad or .zarr.
    data_set, compensate, panel, dtype, offsets, samples
        As in :func:`read_fcs`.
    overwrite
        Whether to replace an output that exists.
    progress
        Show a progress bar. None: only in a terminal.

    Returns
    -------
    None.

    Raises
    ------
    FileExistsError
        If the output exists and `overwrite` is False.
    FileNotFoundError
        If there is no such file or folder, or no folder to write to.
    OSError
        If the disk has too little room, before anything is written, or the output cannot be written.
    TypeError
        If an argument has a wrong type.
    ValueError
        If the output ends in something else, and where :func:`read_fcs` raises it.

    Examples
    --------
    >>> import pathlib, tempfile, anndata, scgsr
    >>> cells = scgsr.datasets.cytof_panel(100)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     folder = pathlib.Path(folder)
    ...     (folder / "run").mkdir()
    ...     for donor in ["donor_2", "donor_10"]:
    ...         scgsr.io.write_fcs(cells, folder / "run" / f"{donor}.fcs", key=None)
    ...     scgsr.io.convert_fcs(folder / "run", folder / "run.h5ad")
    ...     donors = anndata.read_h5ad(folder / "run.h5ad")
    >>> donors.obs["sample"].value_counts(sort=False).to_dict()
    {'donor_2': 100, 'donor_10': 100}
    """
    _checks.instance("overwrite", overwrite, bool)
    _checks.instance("progress", progress, (bool, type(None)))
    target = _target(output, overwrite=overwrite)
    events = Source.of(
        path,
        data_set=data_set,
        compensate=compensate,
        panel=panel,
        dtype=dtype,
        offsets=offsets,
        samples=samples,
    )
    n_bytes = events.shape[0] * events.shape[1] * events.dtype.itemsize
    with replacing(target, n_bytes=n_bytes) as unfinished:
        _adata.write_new(events.cells(None, []), unfinished)
        with _adata.opened(unfinished, "r+") as root:
            _fill(root, events, progress)


def _fill(root: Any, events: Source, progress: bool | None) -> None:
    """Write the values and keywords of all files into an open file that has the names of events and channels."""
    from anndata.io import write_elem

    table, metas = _adata.new_table(root, "X", events.shape, events.dtype), []
    with bar("scgsr read", events.shape[0], unit=" events", progress=progress) as shown:
        for rows, values, columns, meta in events.read():
            for part in slices(len(values), rows_at_once(len(columns))):
                table[rows.start + part.start : rows.start + part.stop] = values[part][:, columns]
            metas.append(meta)
            shown.update(len(values))
            del values  # forgotten before the next file is read
    write_elem(root["uns"], "meta", events.meta(metas))


def _target(output: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the file to write."""
    _checks.instance("output", output, (str, os.PathLike))
    file = Path(output)
    if file.suffix.lower() not in (".h5ad", ".zarr"):
        msg = f"`output` must end in .h5ad or .zarr, got {os.fspath(output)!r}."
        raise about("output", ValueError(msg))
    check_place("output", file, overwrite=overwrite)
    return file

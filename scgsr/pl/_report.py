"""The report: one file to look around in, cell by cell and group by group."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from scgsr import _checks, _page
from scgsr._adata import DEFAULT_KEY
from scgsr._atomic import replacing
from scgsr._checks import about, log, verb
from scgsr.pl._report_content import content
from scgsr.pl._report_results import results

if TYPE_CHECKING:
    from anndata import AnnData


@verb
def report(
    adata: AnnData,
    path: str | os.PathLike[str],
    *,
    basis: str | None = None,
    groupby: str | Sequence[str] = (),
    names: str | Sequence[str] | None = None,
    max_cells: int = 50_000,
    title: str | None = None,
    key: str = DEFAULT_KEY,
) -> None:
    """Write an interactive page: one HTML file that any browser of 2023 or newer shows, without a network.

    On the left each cell is a point, in the colour of its module, a group, a marker, its confidence or its novelty.
    Point at a cell: the right shows its picture on the neuron graph, its module, confidence, novelty and highest
    markers. Draw around cells, or click on a name in the legend or on a neuron (for the cells that activate it): the
    right shows their mean picture, the difference from all other cells, their modules and groups, and the markers that
    differ most, by the difference of the means in standard deviations over all cells. Below are the results of
    :func:`scgsr.tl.score`, :func:`scgsr.tl.programs` and :func:`scgsr.tl.compare`. Each picture has a table, which can
    be copied as CSV.

    The file holds the values of every cell that it shows, so share it as you would share the data. It holds neither
    names of cells, only their rows in `adata`, nor the model. It contacts no server, and a content security policy
    forbids it to. Activations are rounded to a 255th of the neuron's largest, values of markers to the mean of one of
    50 bins with as many cells in each. 50,000 cells x 100 neurons x 40 markers take 5 MB.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, in memory or in a file.
    path
        File to write, ending in .html; an existing one is replaced.
    basis
        Embedding of the cells, as in Scanpy: ``"umap"`` or ``"X_umap"``; its first two columns are drawn. Without it,
        and as a second choice on the page, each cell lies on the neuron graph, near the neurons that it activates most.
    groupby
        Columns of `.obs` with groups of cells, at most 200 in each.
    names
        Markers, from `.var_names`, of the layer of the fit. None: all if there are at most 40, else the 40 features of
        the fit with the largest share of variance between modules.
    max_cells
        At most this many cells are shown: of each module its share, but at least 200 cells if it has them. Means and
        shares are then weighted accordingly, and the page says so.
    title
        Heading of the page.
    key
        The fit's `key_added`.

    Raises
    ------
    FileNotFoundError
        If there is no folder to write it to.
    IsADirectoryError
        If `path` is a folder.
    KeyError
        If there is no fit under `key`, or no such embedding, column or marker.
    TypeError
        If an argument has a wrong type, or `groupby` names a column of floating-point numbers.
    ValueError
        If `path` does not end in .html, a column has no group or too many, or activations or values are not finite.

    Examples
    --------
    >>> import pathlib, tempfile, scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = pathlib.Path(folder) / "blood.html"
    ...     scgsr.pl.report(adata, page, basis="umap", groupby="bulk_labels", names=["CD3D", "LYZ", "NKG7"])
    ...     page.read_text("utf-8")[:15]
    '<!doctype html>'
    """
    file = _target(path)
    max_cells = _checks.positive_int("max_cells", max_cells)
    if title is not None:
        _checks.instance("title", title, str)
    heading = title or "Cells as pictures on a graph of neurons"
    columns = _checks.names("groupby", groupby)
    shown = content(adata, basis=basis, groupby=columns, names=names, max_cells=max_cells, key=key)
    shown.header["results"] = results(adata, key)
    parts = {kind: files("scgsr.pl").joinpath(f"report.{kind}").read_text("utf-8") for kind in ("html", "css", "js")}
    text = _page.page(parts, heading, shown.header, shown.arrays)
    with replacing(file) as unfinished:
        unfinished.write_text(text, "utf-8", newline="\n")
    log.info("%d of %d cells are shown in %s, %.1f MB", len(shown.rows), adata.n_obs, file, len(text) / 1e6)


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the file to write, in a folder that exists."""
    _checks.instance("path", path, (str, os.PathLike))
    file = Path(path)
    if file.is_dir():
        msg = f"`path`: {str(file)!r} is a folder; name a file in it, such as {str(file / 'report.html')!r}."
        raise about("path", IsADirectoryError(msg))
    if file.suffix.lower() != ".html":
        msg = f"`path` must name a file that ends in .html, such as 'report.html', got {os.fspath(path)!r}."
        raise about("path", ValueError(msg))
    if not file.parent.is_dir():
        msg = f"`path`: there is no folder {str(file.parent)!r} to write {file.name!r} to; make the folder first."
        raise about("path", FileNotFoundError(msg))
    return file

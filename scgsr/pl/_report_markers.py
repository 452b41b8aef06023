"""Markers of a report: which they are, and the bin of each cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks, _page
from scgsr._checks import about
from scgsr._values import Rows, arcsinh, dense_rows, rows_read, slices

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scgsr import FittedModel
    from scgsr.pl._report_content import Content

# So many markers are shown unless they are named, and so many can be.
_MARKERS, _MOST_MARKERS = 40, 500
# Markers are chosen by what is seen in so many cells.
_CELLS_LOOKED_AT = 10_000


def chosen_rows(matrix: Rows, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of a matrix, in memory or not, in blocks: where they stand in `rows`, and their values, dense."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    for block in slices(matrix.shape[0], rows_read(matrix)):
        first, last = np.searchsorted(ordered, (block.start, block.stop))
        if last > first:
            yield order[first:last], dense_rows(matrix[block], ordered[first:last] - block.start)


def add_markers(page: Content, adata: AnnData, labels: pd.Categorical, model: FittedModel, names: Any) -> None:
    """Add the markers that are named, or those that tell the modules apart, in the units of the fit."""
    layer = model.params.get("layer")
    chosen = _default(adata, labels, model, page.rows) if names is None else _checks.names("names", names)
    if len(chosen) > _MOST_MARKERS:
        msg = f"`names` must be at most {_MOST_MARKERS} markers, got {len(chosen)}."
        raise about("names", ValueError(msg))
    if not chosen:
        return
    markers, values = _adata.columns(adata, chosen, layer=layer)
    values = arcsinh(values, _adata.pending_cofactors(adata, model, layer, markers))
    for name, column in zip(markers, values.T, strict=True):
        bins = _page.Bins.of(column)
        ends = bins.means[[0, -1]].tolist()
        entry = {"means": bins.means.tolist(), "below": bins.below.tolist(), "shown": ends, "sd": _sd(column)}
        page.add("number", bins.codes(column[page.rows]), title=str(name), **entry)


def _sd(values: np.ndarray) -> float:
    """Return the standard deviation over all cells, 0 where all are alike."""
    return float(values.std(dtype=np.float64)) if values.min() < values.max() else 0.0


def _default(adata: AnnData, labels: pd.Categorical, model: FittedModel, rows: np.ndarray) -> list[str]:
    """Return all features, or where there are many, those of the fit that tell the modules apart."""
    markers = _adata.marker_names(adata)
    if len(markers) <= _MARKERS:
        return markers
    layer = model.params.get("layer")
    matrix, names = _adata.rows(adata, layer=layer), np.asarray(adata.var_names, dtype=object)
    some = np.sort(rows[:: -(-len(rows) // _CELLS_LOOKED_AT)])
    cofactors = _adata.pending_cofactors(adata, model, layer, [str(name) for name in names])
    fitted = np.flatnonzero(adata.var_names.isin(model.features))
    columns = fitted if len(fitted) else np.arange(len(names))  # a fit on an embedding has no features of `.X`
    blocks = (
        (arcsinh(values[:, columns], cofactors[columns]), labels.codes[some[places]])
        for places, values in chosen_rows(matrix, some)
    )
    return list(names[columns[_page.telling(blocks, _MARKERS)]])

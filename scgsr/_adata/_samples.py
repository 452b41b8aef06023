"""What is known of samples: columns of `.obs` that are the same in all cells of a sample. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._adata._cells import column_of, groups
from scgsr._adata._keys import META, SAMPLE
from scgsr._checks import about, listed, log

if TYPE_CHECKING:
    from anndata import AnnData


def samples(adata: AnnData, sample_key: str, columns: Sequence[tuple[str, str]]) -> tuple[pd.Categorical, pd.DataFrame]:
    """Return the sample of each cell, and what columns of `.obs` say of each sample.

    Samples of which something is missing are left out, and said so; their cells then have no sample.

    Parameters
    ----------
    adata
        The cells.
    sample_key
        Column that names the sample of each cell; cells without one are left out.
    columns
        Argument and name of each column: it must have one value in all cells of a sample.

    Returns
    -------
    The sample of each cell, and a frame with a row for each sample and a column for each name.
    """
    of_cells = groups(adata, "sample_key", sample_key)
    for argument, column in columns:
        column_of(adata, argument, column)
    names = [column for _, column in columns]
    cells = adata.obs[names].groupby(of_cells, observed=True)
    several = cells.agg(lambda values: values.nunique(dropna=False)) > 1
    for argument, column in columns:
        if several[column].any():
            mixed = listed([str(name) for name in several.index[several[column]]])
            msg = (
                f"`{argument}`={column!r} must have one value in each sample, got several in {mixed}; let the names of "
                f"samples differ where {column!r} does, for instance by pasting both columns."
            )
            raise about(argument, ValueError(msg))
    first = pd.Series(np.arange(adata.n_obs)).groupby(of_cells, observed=True).first()
    table = adata.obs[names].iloc[first.to_numpy()].set_axis(first.index, axis="index")
    unknown = table.isna().any(axis=1)
    if unknown.any():
        left_out = listed([str(name) for name in table.index[unknown]])
        log.warning("samples with missing values are left out: %s", left_out)
    table = table[~unknown]
    return of_cells.set_categories(list(table.index)), table


def of_folder(adata: AnnData) -> bool:
    """Return whether the cells are those of a folder of FCS files, whose keywords `read_fcs` keeps by sample."""
    meta = adata.uns.get(META)
    return isinstance(meta, Mapping) and any(isinstance(keywords, Mapping) for keywords in meta.values())


def origin(adata: AnnData, batch_key: str | None) -> tuple[str, pd.Categorical] | None:
    """Return where the cells come from, and the column that says so: the batch, or else the file of a folder."""
    if batch_key is None and not (of_folder(adata) and SAMPLE in adata.obs):
        return None
    column = SAMPLE if batch_key is None else batch_key
    return column, pd.Categorical(column_of(adata, "batch_key", column))

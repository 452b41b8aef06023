"""Tables by sample, ready for statistics: the sample is the replicate, not the cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log

if TYPE_CHECKING:
    from anndata import AnnData

# So many features are made dense at a time.
_FEATURES_AT_ONCE = 256


def frequencies(
    adata: AnnData, sample_key: str, *, groupby: str | None = None, normalize: bool = True, key: str = DEFAULT_KEY
) -> pd.DataFrame:
    """Return the share or number of cells of each sample in each module.

    Cells of one sample are not independent observations; a test that counts them as such finds differences everywhere.
    :func:`scgsr.tl.compare` tests samples. For tests of your own compare *rows*: shares, for example on the logit
    scale, with a t-test or a mixed model with donor and batch; counts (``normalize=False``) with a model for counts
    such as negative binomial regression, with the logarithm of their row sums as offset. Shares of a row sum to one:
    when one module grows, others must shrink.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    sample_key
        Column of `.obs` that names each cell's sample.
    groupby
        Another column of `.obs` to count in place of the fit's labels.
    normalize
        True: shares of the sample's cells. False: counts. Cells with a missing sample or group are left out and logged.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame, one row for each sample with cells and one column for each category of the labels, also where no cell has
    it: float64 shares that sum to one along a row, or int64 counts. Both in the order of the categories.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column.
    TypeError
        If a column holds floating-point numbers, or `normalize` is no bool.
    ValueError
        If no cell has a sample and a group.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["donor"] = ["A", "B", "B", "C"] * 175
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> table = scgsr.get.frequencies(adata, "donor")
    >>> table.sum(axis=1).round(6).to_dict()
    {'A': 1.0, 'B': 1.0, 'C': 1.0}
    >>> scgsr.get.frequencies(adata, "donor", normalize=False).sum(axis=1).to_dict()
    {'A': 175, 'B': 350, 'C': 175}
    """
    _checks.instance("normalize", normalize, bool)
    samples, groups = _columns(adata, sample_key, groupby, key)
    counts = np.zeros((len(samples.categories), len(groups.categories)), dtype=np.int64)
    kept = samples.codes >= 0
    np.add.at(counts, (samples.codes[kept], groups.codes[kept]), 1)
    index = pd.Index(samples.categories, name=sample_key)
    table = pd.DataFrame(counts, index=index, columns=pd.Index(groups.categories, name=groupby or Keys(key).labels))
    return table.div(table.sum(axis=1), axis=0) if normalize else table


def medians(
    adata: AnnData,
    sample_key: str,
    *,
    names: Sequence[str] | None = None,
    layer: str | None = None,
    groupby: str | None = None,
    key: str = DEFAULT_KEY,
) -> pd.DataFrame:
    """Return the median of each feature over the cells of each module in each sample.

    The sample is the replicate, and :func:`scgsr.tl.compare` tests it so. For tests of your own compare medians
    *between samples* within one module and feature, for example with a t-test or a mixed model with donor and batch,
    weighted by `n_cells` or without medians of few cells. The median of a gene that most cells lack is zero: for sparse
    counts sum by sample ("pseudobulk") instead.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    sample_key
        Column of `.obs` that names each cell's sample.
    names
        Features from `.var_names`. None: all but technical channels, as :func:`scgsr.io.read_fcs` has recognised them.
    layer
        Where to take their values from, by default `.X`. A sparse matrix is made dense a few features at a time.
    groupby
        Another column of `.obs` in place of the fit's labels.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame with one row for each sample, module and feature, also those without cells: ``sample``; ``module``, or
    ``group`` with `groupby`; ``names``; ``median``, float64, NaN without cells; ``n_cells``, the number of cells in
    that sample and module. Cells with a missing sample or module are left out and logged, and with them samples without
    any other.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column, layer or feature.
    TypeError
        If a column of `.obs` holds floating-point numbers, or the values are not in memory.
    ValueError
        If no cell has a sample and a group, or values are not finite.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["donor"] = ["A", "B", "B", "C"] * 175
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> table = scgsr.get.medians(adata, "donor", names=["CD3D", "LYZ"], groupby="phase")
    >>> list(table.columns), len(table)
    (['sample', 'group', 'names', 'median', 'n_cells'], 18)
    >>> wide = table.pivot(index="sample", columns=["group", "names"], values="median")
    >>> wide.shape
    (3, 6)
    """
    samples, groups = _columns(adata, sample_key, groupby, key)
    group = "module" if groupby is None else "group"
    chosen = _adata.marker_names(adata) if names is None else _checks.names("names", names)
    if len(set(chosen)) < len(chosen):
        msg = "`names` must be different names; `adata.var_names_make_unique()` makes those of the features so."
        raise about("names", ValueError(msg))
    by = [pd.Series(samples, name="sample"), pd.Series(groups, name=group)]
    tables = []
    for start in range(0, max(len(chosen), 1), _FEATURES_AT_ONCE):
        features, values = _adata.columns(adata, chosen[start : start + _FEATURES_AT_ONCE], layer=layer)
        cells = pd.DataFrame(values.astype(np.float64), columns=pd.Index(features, name="names"))
        tables.append(cells.groupby(by, observed=False).median())
    table = pd.concat(tables, axis=1).stack(future_stack=True).rename("median").reset_index()
    counts = cells.groupby(by, observed=False).size().rename("n_cells")
    return table.join(counts, on=["sample", group])


def _columns(adata: AnnData, sample_key: str, groupby: str | None, key: str) -> tuple[pd.Categorical, pd.Categorical]:
    """Return the sample and the group of each cell, missing together; samples without cells are no categories."""
    _adata.read_record(adata, key)
    if groupby is None:
        _adata.check_cells(adata, key)
    samples = _adata.groups(adata, "sample_key", sample_key)
    groups = _adata.groups(adata, "groupby", Keys(key).labels if groupby is None else groupby)
    missing = (samples.codes < 0) | (groups.codes < 0)
    if missing.all():
        msg = f"`sample_key`={sample_key!r} must name a sample for some cell that has a group, got none."
        raise about("sample_key", ValueError(msg))
    if missing.any():
        log.info("%d cells without a sample or without a group are left out", missing.sum())
    samples, groups = samples.copy(), groups.copy()
    samples[missing], groups[missing] = np.nan, np.nan
    return samples.remove_unused_categories(), groups

"""What `programs`, `saliency` and `silence` have stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about

if TYPE_CHECKING:
    from anndata import AnnData


def programs(adata: AnnData, *, module: str | int | None = None, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the results of :func:`scgsr.tl.programs`, one row for each module and feature.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.programs` has been run on. Features that it no longer has are left out.
    module
        Return this module only, such as ``"0"`` or ``"CD4 T"``, the label of its cells.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame: ``module``; ``names`` of the features that are not constant; ``scores``, the standardised correlation
    with the feature hidden from the network; ``effect``, the correlation over all cells, from high to low within a
    module; ``pvals`` and ``pvals_adj``.

    Raises
    ------
    KeyError
        If there is no fit under `key`, its programs have not been looked for, or none of its features is there.
    ValueError
        If there is no such module, or names of features occur twice.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.tl.programs(adata)
    >>> scgsr.get.programs(adata, module="0").shape
    (765, 6)
    """
    effect, tests = _adata.read_programs(adata, key)
    modules = _adata.module_names(adata, key)
    if module is not None and str(module) not in modules:
        msg = f"`module` must be one of {modules}, got {module!r}."
        raise about("module", ValueError(msg))
    if not adata.var_names.is_unique:
        msg = "`adata` has names of features that occur twice; call `adata.var_names_make_unique()`."
        raise about("adata", ValueError(msg))
    rows = adata.var_names.get_indexer(tests["names"])  # -1 for features that the AnnData has lost since
    present = np.flatnonzero(rows >= 0)
    if not len(present):
        msg = f"`adata` has none of the {len(rows)} features of its programs; call `scgsr.tl.programs(adata)` again."
        raise about("adata", KeyError(msg))
    names = np.asarray(tests["names"], dtype=object)[present]
    tables = []
    for number in range(effect.shape[1]) if module is None else [modules.index(str(module))]:
        columns = {name: np.asarray(tests[name])[present, number] for name in ("scores", "pvals", "pvals_adj")}
        columns |= {"module": modules[number], "names": names, "effect": effect[rows[present], number]}
        tables.append(pd.DataFrame(columns).sort_values("effect", ascending=False, kind="stable"))
    return pd.concat(tables, ignore_index=True)[["module", "names", "scores", "effect", "pvals", "pvals_adj"]]


def saliency(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the results of :func:`scgsr.tl.saliency`, one row for each group, module and feature.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.saliency` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame: ``group``, ``module``, ``names`` of the features, and ``gradient``, the mean change of the module's
    activation per unit of the scaled feature: its own standard deviation after a fit with ``scale="feature"``, else
    the common one.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or it has no saliency.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.tl.saliency(adata)
    >>> table = scgsr.get.saliency(adata)
    >>> len(table) == table["group"].nunique() * table["module"].nunique() * 309
    True
    """
    stored = _adata.read_saliency(adata, key)
    gradients = np.asarray(stored["values"])  # (n_groups, n_modules, n_features)
    levels = [list(stored["groups"]), _adata.module_names(adata, key), list(stored["names"])]
    index = pd.MultiIndex.from_product(levels, names=["group", "module", "names"])
    return pd.DataFrame({"gradient": gradients.ravel()}, index=index).reset_index()


def silence(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return what :func:`scgsr.tl.silence` has found, one row for each region and group.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.silence` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame: ``region``, a module unless regions were given; ``group`` of cells; ``n_neurons`` of the region;
    ``loss``, the rise of the group's squared error when the region is silenced, as a share of what there is to
    reconstruct in the group; ``expected``, the mean loss by random regions of as many neurons; and ``pvals``, the share
    of these that cost the group at least as much. Regions that overlap cost alike, so even the best place has no tiny
    p-value; it is not corrected for the number of pairs.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no region of it was silenced.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.tl.silence(adata, groupby="phase", n_random=20)
    >>> list(scgsr.get.silence(adata).columns)
    ['region', 'group', 'n_neurons', 'loss', 'expected', 'pvals']
    """
    stored = _adata.read_silence(adata, key)
    groups = stored["groups"]
    index = pd.MultiIndex.from_product([stored["regions"], groups], names=["region", "group"])
    columns = {name: stored[name].ravel() for name in ("loss", "expected", "pvals")}
    table = pd.DataFrame({"n_neurons": np.repeat(stored["n_neurons"], len(groups)), **columns}, index=index)
    return table.reset_index()

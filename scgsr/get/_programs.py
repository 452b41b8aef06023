"""What `programs` and `saliency` have stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY

if TYPE_CHECKING:
    from anndata import AnnData


def programs(adata: AnnData, *, module: str | int | None = None, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return what :func:`scgsr.tl.programs` has found, one row for each module and feature, risers first.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.programs` has been run on. Features that it no longer has are left out.
    module
        Return this module only, such as ``"0"``, the label of its cells.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame: ``module``; ``names`` of the features that are not constant; ``scores``, the standardised correlation
    with the feature hidden from the network; ``effect``, the correlation over all cells, descending within a module;
    ``pvals`` and ``pvals_adj``.

    Raises
    ------
    KeyError
        If there is no fit under `key`, its programs have not been looked for, or all features have other names now.
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
    effect, found = _adata.read_programs(adata, key)
    modules = [str(each) for each in range(effect.shape[1])]
    if module is not None and str(module) not in modules:
        msg = f"`module` must be one of {modules}, got {module!r}."
        raise ValueError(msg)
    if not adata.var_names.is_unique:
        msg = "`adata` has names of features that occur twice; call `adata.var_names_make_unique()`."
        raise ValueError(msg)
    place = adata.var_names.get_indexer(found["names"])
    if not (place >= 0).any():
        msg = f"`adata` has none of the {len(place)} features of its programs; call `scgsr.tl.programs(adata)` again."
        raise KeyError(msg)
    # The AnnData may have lost features, or hold them in another order, since.
    here = np.flatnonzero(place >= 0)
    names = np.asarray(found["names"], dtype=object)[here]
    tables = []
    for number in range(effect.shape[1]) if module is None else [int(module)]:
        tests = {name: np.asarray(found[name])[here, number] for name in ("scores", "pvals", "pvals_adj")}
        table = pd.DataFrame({"module": str(number), "names": names, "effect": effect[place[here], number], **tests})
        tables.append(table.sort_values("effect", ascending=False, kind="stable"))
    columns = ["module", "names", "scores", "effect", "pvals", "pvals_adj"]
    return pd.concat(tables, ignore_index=True)[columns]


def saliency(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return what :func:`scgsr.tl.saliency` has found, one row for each group, module and feature.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.saliency` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame: ``group``, ``module``, ``names`` of the features, and ``gradient``, the mean change of the module's
    activation per standard deviation of the feature, or per unit after a fit with ``scale=False``.

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
    found = _adata.read_saliency(adata, key)
    values = np.asarray(found["values"])  # (n_groups, n_modules, n_features)
    levels = [list(found["groups"]), [str(module) for module in range(values.shape[1])], list(found["names"])]
    rows = pd.MultiIndex.from_product(levels, names=["group", "module", "names"])
    return pd.DataFrame({"gradient": values.ravel()}, index=rows).reset_index()

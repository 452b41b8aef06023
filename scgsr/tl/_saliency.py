"""The verb `saliency`: what would change a module's activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata, _measures
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import verb

if TYPE_CHECKING:
    from anndata import AnnData

_MOST_GROUPS = 200
_ROWS_AT_ONCE = 2048


@verb
def saliency(
    adata: AnnData, *, groupby: str | None = None, key: str = DEFAULT_KEY, copy: bool = False
) -> AnnData | None:
    """Find the features that would change each module's activation: gradients, averaged over groups of cells.

    It describes the network, not the biology: of two features that rise together the network may use only one.
    :func:`scgsr.tl.programs` says which features are associated with a module. The activation of a module is that of
    its best template, a maximum of piecewise linear functions; at a kink the gradient is that of one side. A cell that
    does not activate the module, and is not near to it, adds zero.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, with all features of the fit.
    groupby
        Column of `.obs` with groups of cells; cells without one are left out. None: the labels of the fit.
    key
        The fit's `key_added`.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written is ``.uns["gsr"]["saliency"]``, that :func:`scgsr.get.saliency` returns as a table: a
    dict of ``"values"``, float32 ndarray (n_groups, n_modules, n_features), change of activation per unit of the
    scaled feature: its own standard deviation after a fit with ``scale="feature"``, else the common one; ``"groups"``,
    ``"groupby"``, and ``"names"``, the features of the fit.

    Raises
    ------
    KeyError
        If there is no fit under `key`, no such column, or features of the fit are gone.
    TypeError
        If an argument has the wrong type, or `groupby` names a column of numbers.
    ValueError
        If there are no groups or more than 200, or values are not finite. The AnnData is then as before.

    References
    ----------
    Simonyan, Vedaldi, Zisserman, *Deep inside convolutional networks*, https://doi.org/10.48550/arXiv.1312.6034

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.saliency(adata, groupby="bulk_labels")
    >>> list(scgsr.get.saliency(adata).columns)
    ['group', 'module', 'names', 'gradient']
    """
    _adata.check_copy(adata, copy)
    model = _adata.read_model_that_fires(adata, key)
    column = Keys(key).labels if groupby is None else groupby
    if groupby is None:
        _adata.check_cells(adata, key)
    groups = _adata.groups(adata, "groupby", column, least=1, most=_MOST_GROUPS)
    blocks = (
        (values, groups.codes[rows]) for rows, values in _adata.query_of_results(adata, model).blocks(_ROWS_AT_ONCE)
    )
    values = _measures.saliency(model, blocks, len(groups.categories))
    gradients = {
        "values": values,
        "groups": np.array([str(group) for group in groups.categories], dtype=object),
        "groupby": column,
        "names": np.array(model.features, dtype=object),
    }
    target = adata.copy() if copy else adata
    _adata.write_saliency(target, key, gradients)
    return target if copy else None
